"""Prints the id of the user whose access token it is given."""

import os
import sys

import jwt

issuer = os.environ["ISSUER"]
keys = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json")


def user_of(token: str) -> str:
    key = keys.get_signing_key_from_jwt(token)
    audience = os.environ.get("AUDIENCE")
    return jwt.decode(token, key, algorithms=["ES256"], issuer=issuer, audience=audience)["sub"]


print(user_of(sys.argv[1]))
