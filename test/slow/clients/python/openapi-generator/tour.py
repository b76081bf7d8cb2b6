"""Walks Latchkey with the client that OpenAPI Generator makes of its API document."""

import json
import os
from collections.abc import Callable
from typing import Any

from latchkey_client import (
    AccountApi,
    ApiClient,
    ApiException,
    Configuration,
    Credentials,
    IntrospectionRequest,
    LoginAnswer,
    Problem,
    RefreshRequest,
    Registration,
    TokensApi,
    UsersApi,
    VerifyRequest,
)

# Of its own accord a call waits for ever.
SECONDS = 10.0


def refused(call: Callable[[], object]) -> ApiException:
    """The error of a call that is to be refused."""
    try:
        raise RuntimeError(f"not refused: {call()}")
    except ApiException as error:
        return error


def problem(error: ApiException) -> Problem:
    """What an error carries, which has no type there, as it may come of an answer that the document does not know."""
    if not isinstance(error.data, Problem):
        raise error
    return error.data


def brief(error: ApiException) -> dict[str, Any]:
    return {"status": problem(error).status, "code": problem(error).code}


class Tour:
    def __init__(self, url: str) -> None:
        self.url = url
        client = ApiClient(Configuration(host=url))
        self.users = UsersApi(client)
        self.tokens = TokensApi(client)

    def account(self, access: str) -> AccountApi:
        """The API of the user who has an access token."""
        return AccountApi(ApiClient(Configuration(host=self.url, access_token=access)))

    def log_in(self, username: str, password: str) -> LoginAnswer:
        body = Credentials(username=username, password=password)
        return self.users.log_in(body, _request_timeout=SECONDS)

    def log_in_wrongly(self) -> ApiException:
        return refused(lambda: self.log_in("testuser", "wrong password"))

    def verify(self, access: str) -> object:
        return self.tokens.verify_token(
            VerifyRequest(token=access), _request_timeout=SECONDS
        )

    def introspect(self, access: str) -> dict[str, Any]:
        configuration = Configuration(
            host=self.url,
            username=os.environ["CLIENT_ID"],
            password=os.environ["CLIENT_SECRET"],
        )
        service = TokensApi(ApiClient(configuration))
        body = IntrospectionRequest(token=access)
        answer = service.introspect_token(body, _request_timeout=SECONDS)
        return {
            "active": answer.active,
            "sub": answer.sub,
            "audience": answer.aud,
            "expiresAfterIssue": (answer.exp or 0) - (answer.iat or 0),
        }

    def invalid(self) -> dict[str, Any]:
        # A model refuses an empty string itself.
        body = Registration(username=" ", password="securepassword")
        error = refused(
            lambda: self.users.register_user(body, _request_timeout=SECONDS)
        )
        what = problem(error)
        return {**brief(error), "username": what.username, "errors": what.errors}

    def throttled(self) -> dict[str, Any]:
        for _ in range(50):
            error = self.log_in_wrongly()
            if problem(error).status == 429:
                break
        seconds = error.headers["Retry-After"] if error.headers else ""
        return {**brief(error), "retryAfter": seconds.isdecimal() and int(seconds) >= 1}

    def log_out(self, refresh: str) -> bool:
        body = RefreshRequest(refresh=refresh)
        return self.tokens.blacklist_token(body, _request_timeout=SECONDS) is not None


def now() -> dict[str, Any]:
    tour = Tour(os.environ["LATCHKEY_URL"])
    body = Registration(username="testuser", password="securepassword")
    registered = tour.users.register_user(body, _request_timeout=SECONDS)
    login = tour.log_in("testuser", "securepassword")
    old = RefreshRequest(refresh=login.refresh)
    tokens = tour.tokens.refresh_token(old, _request_timeout=SECONDS)
    account = tour.account(tokens.access)
    me = account.get_me(_request_timeout=SECONDS)
    sessions = account.list_my_sessions(_request_timeout=SECONDS)
    return {
        "registered": registered.message,
        "login": login.message,
        "refreshed": tokens.access != login.access and tokens.refresh != login.refresh,
        "verified": tour.verify(tokens.access) is not None,
        "me": {"id": me.id, "username": me.username},
        "sessions": {
            "count": len(sessions),
            "current": sum(session.current for session in sessions),
        },
        "introspected": tour.introspect(tokens.access),
        "invalid": tour.invalid(),
        "unauthorized": brief(tour.log_in_wrongly()),
        "throttled": tour.throttled(),
        "loggedOut": tour.log_out(tokens.refresh or ""),
        "afterLogout": brief(refused(lambda: tour.verify(tokens.access))),
    }


def later() -> dict[str, Any]:
    tour = Tour(os.environ["LATCHKEY_LATER_URL"])
    body = Registration(username="another", password="securepassword")
    tour.users.register_user(body, _request_timeout=SECONDS)
    login = tour.log_in("another", "securepassword")
    me = tour.account(login.access).get_me(_request_timeout=SECONDS)
    return {"id": me.id, **brief(refused(lambda: tour.verify("no.to.ken")))}


print(json.dumps({**now(), "later": later()}))
