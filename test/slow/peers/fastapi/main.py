"""An API behind Latchkey's access tokens: /me checks them by itself, /asked asks Latchkey."""

import os
from typing import Annotated

import httpx2
import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

ISSUER = os.environ["ISSUER"]
AUDIENCE = os.environ.get("AUDIENCE") or None
CLIENT = (os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])

keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", timeout=2)
latchkey = httpx2.Client(base_url=ISSUER, auth=CLIENT, timeout=2)
app = FastAPI(default_response_class=PlainTextResponse)

Credentials = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]
unauthorized = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class Introspection(BaseModel, strict=True):
    active: bool
    token_type: str = ""
    sub: str = ""


def user_of(bearer: Credentials) -> str:
    """By the published keys: good until the token expires, also after a logout."""
    token = bearer.credentials
    try:
        key = keys.get_signing_key_from_jwt(token)
        claims = jwt.decode(
            token,
            key,
            algorithms=["ES256"],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": ["exp", "sub"]},
        )
    except (jwt.PyJWKClientConnectionError, ValueError):
        # The keys cannot be fetched, or are no JSON.
        raise HTTPException(503) from None
    except jwt.PyJWTError:
        raise HTTPException(401, headers=unauthorized) from None
    return claims["sub"]


def live_user_of(bearer: Credentials) -> str:
    """By asking Latchkey: good now."""
    try:
        form = {"token": bearer.credentials}
        answer = latchkey.post("/api/token/introspect/", data=form)
        answer.raise_for_status()
        said = Introspection.model_validate_json(answer.content)
    except (httpx2.HTTPError, ValueError):
        # That is no verdict, so nobody is let in.
        raise HTTPException(503) from None
    if not said.active or said.token_type != "access" or not said.sub:
        raise HTTPException(401, headers=unauthorized)
    return said.sub


@app.get("/me")
def me(user: Annotated[str, Depends(user_of)]) -> str:
    return user


@app.get("/asked")
def asked(user: Annotated[str, Depends(live_user_of)]) -> str:
    return user
