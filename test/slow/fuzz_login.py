"""Gives Schemathesis an access token, and a new one five times a second: it finds the operations that end its session. Where a
client is asked for, it gives that."""

import base64
import os

import requests
import schemathesis


@schemathesis.auth(refresh_interval=0.2)
class Login:
    def get(self, case, context):
        credentials = {"username": os.environ.get("FUZZ_USER", "fuzzer"), "password": "nobody knows it"}
        answer = requests.post(os.environ["FUZZ_URL"] + "/api/token/", json=credentials, timeout=10)
        return answer.json()["access"]

    def set(self, case, data, context):
        if case.operation.path == "/api/token/introspect/":
            case.headers["Authorization"] = "Basic " + base64.b64encode(os.environ["FUZZ_CLIENT"].encode()).decode()
        else:
            case.headers["Authorization"] = f"Bearer {data}"
