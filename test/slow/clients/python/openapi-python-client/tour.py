"""Walks Latchkey with the client that openapi-python-client makes of its API document."""

import json
import os
from base64 import b64encode
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from latchkey_client import AuthenticatedClient, Client
from latchkey_client.api.account import get_me, list_my_sessions
from latchkey_client.api.tokens import (
    blacklist_token,
    introspect_token,
    refresh_token,
    verify_token,
)
from latchkey_client.api.users import log_in, register_user
from latchkey_client.models import (
    Credentials,
    Empty,
    IntrospectionRequest,
    LoginAnswer,
    Problem,
    RefreshRequest,
    Registration,
    VerifyRequest,
)
from latchkey_client.types import Response, Unset

Answer = TypeVar("Answer")

# Of its own accord a client waits for ever.
TIMEOUT = httpx.Timeout(10)


def expect(answer: Answer | Problem | None) -> Answer:
    """The answer of a call that is to succeed."""
    if answer is None or isinstance(answer, Problem):
        raise RuntimeError(f"refused: {answer}")
    return answer


def refused(answer: object) -> Problem:
    """The problem of a call that is to be refused."""
    if not isinstance(answer, Problem):
        raise RuntimeError(f"not refused: {answer}")
    return answer


def brief(problem: Problem) -> dict[str, Any]:
    return {"status": problem.status, "code": problem.code}


def present(member: Answer | Unset) -> Answer:
    """A member that an answer may lack, and is to have here."""
    if isinstance(member, Unset):
        raise RuntimeError("a member is missing")
    return member


class Tour:
    def __init__(self, url: str) -> None:
        self.url = url
        self.client = Client(base_url=url, timeout=TIMEOUT)

    def as_user(self, access: str) -> AuthenticatedClient:
        return AuthenticatedClient(base_url=self.url, token=access, timeout=TIMEOUT)

    def log_in(self, username: str, password: str) -> Response[LoginAnswer | Problem]:
        body = Credentials(username=username, password=password)
        return log_in.sync_detailed(client=self.client, body=body)

    def verify(self, access: str) -> Empty | Problem | None:
        return verify_token.sync(client=self.client, body=VerifyRequest(token=access))

    def introspect(self, access: str) -> dict[str, Any]:
        secret = f"{os.environ['CLIENT_ID']}:{os.environ['CLIENT_SECRET']}"
        service = AuthenticatedClient(
            base_url=self.url,
            prefix="Basic",
            token=b64encode(secret.encode()).decode(),
            timeout=TIMEOUT,
        )
        body = IntrospectionRequest(token=access)
        answer = expect(introspect_token.sync(client=service, body=body))
        return {
            "active": answer.active,
            "sub": answer.sub,
            "audience": answer.aud,
            "expiresAfterIssue": present(answer.exp) - present(answer.iat),
        }

    def invalid(self) -> dict[str, Any]:
        body = Registration(username="", password="securepassword")
        problem = refused(register_user.sync(client=self.client, body=body))
        errors = present(problem.errors).additional_properties
        return {**brief(problem), "username": problem.username, "errors": errors}

    def throttled(self) -> dict[str, Any]:
        for _ in range(50):
            response = self.log_in("testuser", "wrong password")
            if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                break
        seconds = response.headers.get("Retry-After", "")
        return {
            **brief(refused(response.parsed)),
            "retryAfter": seconds.isdecimal() and int(seconds) >= 1,
        }


def now() -> dict[str, Any]:
    tour = Tour(os.environ["LATCHKEY_URL"])
    body = Registration(username="testuser", password="securepassword")
    registered = expect(register_user.sync(client=tour.client, body=body))
    login = expect(tour.log_in("testuser", "securepassword").parsed)
    old = RefreshRequest(refresh=login.refresh)
    tokens = expect(refresh_token.sync(client=tour.client, body=old))
    refresh = present(tokens.refresh)
    user = tour.as_user(tokens.access)
    me = expect(get_me.sync(client=user))
    sessions = expect(list_my_sessions.sync(client=user))
    return {
        "registered": registered.message,
        "login": login.message,
        "refreshed": tokens.access != login.access and refresh != login.refresh,
        "verified": expect(tour.verify(tokens.access)) is not None,
        "me": {"id": me.id, "username": me.username},
        "sessions": {
            "count": len(sessions),
            "current": sum(session.current for session in sessions),
        },
        "introspected": tour.introspect(tokens.access),
        "invalid": tour.invalid(),
        "unauthorized": brief(
            refused(tour.log_in("testuser", "wrong password").parsed)
        ),
        "throttled": tour.throttled(),
        "loggedOut": log_out(tour, refresh),
        "afterLogout": brief(refused(tour.verify(tokens.access))),
    }


def log_out(tour: Tour, refresh: str) -> bool:
    body = RefreshRequest(refresh=refresh)
    return expect(blacklist_token.sync(client=tour.client, body=body)) is not None


def later() -> dict[str, Any]:
    tour = Tour(os.environ["LATCHKEY_LATER_URL"])
    body = Registration(username="another", password="securepassword")
    expect(register_user.sync(client=tour.client, body=body))
    login = expect(tour.log_in("another", "securepassword").parsed)
    me = expect(get_me.sync(client=tour.as_user(login.access)))
    return {"id": me.id, **brief(refused(tour.verify("no.to.ken")))}


print(json.dumps({**now(), "later": later()}))
