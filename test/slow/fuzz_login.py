"""Gives Schemathesis an access token, and a new one every second: it finds the operations that end its session."""

import os

import requests
import schemathesis


@schemathesis.auth(refresh_interval=1)
class Login:
    def get(self, case, context):
        credentials = {"username": "fuzzer", "password": "nobody knows it"}
        answer = requests.post(os.environ["FUZZ_URL"] + "/api/token/", json=credentials, timeout=10)
        return answer.json()["access"]

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"
