"""What the suite asks of Django: `python tool.py VERB`, with JSON on standard input and output."""
import importlib
import json
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")

import django

django.setup()

import argon2
import bcrypt
from django.contrib.auth import get_user_model, hashers
from django.core.management import call_command
from django.db import connection
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed
from rest_framework_simplejwt.tokens import RefreshToken

User = get_user_model()
PASSWORD = "correct horse battery staple"
UNICODE = "pa\u0308sswo\u0308rd \U0001f511 as typed"


def by(algorithm, password, **parameters):
    hasher = hashers.get_hasher(algorithm) if algorithm != "bcrypt" else hashers.BCryptPasswordHasher()
    return hasher.encode(password, parameters.pop("salt", None) or hasher.salt(), **parameters)


def old_argon2(password):
    hash = argon2.low_level.hash_secret(password.encode(), b"saltsaltsalt", 2, 512, 2, 16, argon2.low_level.Type.I)
    return "argon2" + hash.decode()


def hashes(_):
    """Every hasher of Django's defaults as it is today, the forms of before, and what matches nothing: `[password, hash]` each."""
    return list(every_hash())


def every_hash():
    for password in (PASSWORD, UNICODE):
        for algorithm in ("pbkdf2_sha256", "pbkdf2_sha1", "argon2", "bcrypt_sha256", "scrypt"):
            yield password, by(algorithm, password)
    yield PASSWORD, by("pbkdf2_sha256", PASSWORD, salt="0123456789ab", iterations=260000)
    yield PASSWORD, old_argon2(PASSWORD)
    yield PASSWORD, by("bcrypt", PASSWORD)
    yield "\u00e9" * 40, "bcrypt$" + bcrypt.hashpw(("\u00e9" * 40).encode()[:72], bcrypt.gensalt(10)).decode()
    yield PASSWORD, hashers.ScryptPasswordHasher().encode(PASSWORD, "saltsaltsalt", n=2**14, r=8, p=1)
    yield None, hashers.MD5PasswordHasher().encode(PASSWORD, "salt")
    yield None, hashers.make_password(None)


def make(hashes):
    """Makes the tables, and a user for each `[password, hash]`."""
    app = User._meta.app_label
    if app != "auth":
        call_command("makemigrations", app, verbosity=0)
        importlib.invalidate_caches()
    call_command("migrate", verbosity=0)
    users = [add(f"user{number}", password, hash) for number, (password, hash) in enumerate(hashes, 1)]
    users.append(add("disabled", PASSWORD, users[0]["hash"], is_active=False))
    users.append(add("boss", PASSWORD, users[0]["hash"], is_staff=True, is_superuser=True))
    add("last", PASSWORD, users[0]["hash"])
    User.objects.get(**{User.USERNAME_FIELD: name_of("last")}).delete()
    return users


def name_of(name):
    return f"{name}@x.example" if User.USERNAME_FIELD == "email" else name


def add(name, password, hash, **flags):
    columns = {field.name for field in User._meta.fields}
    user = User(**{User.USERNAME_FIELD: name_of(name)}, password=hash)
    for column, value in {**flags, "first_name": f"First of {name}", "locale": "fr"}.items():
        if column in columns:
            setattr(user, column, value)
    user.save()
    return {"id": user.pk, "name": name_of(name), "password": password, "hash": hash, "active": user.is_active}


def tokens(wanted):
    """For each `{id, dead}` a pair of tokens, of which the refresh token is on the blacklist if it is `dead`."""
    pairs = []
    for want in wanted:
        refresh = RefreshToken.for_user(User.objects.get(pk=want["id"]))
        pairs.append({"refresh": str(refresh), "access": str(refresh.access_token)})
        if want.get("dead"):
            refresh.blacklist()
    return pairs


def check(wanted):
    """Whether Django accepts each `{id, password}`, and how the row is."""
    return [row(User.objects.get(pk=want["id"]), want["password"]) for want in wanted]


def row(user, password):
    """Not the user's own method: that replaces the hash by one of Django's."""
    return {
        "id": user.pk,
        "name": user.get_username(),
        "accepted": password is not None and hashers.check_password(password, user.password),
        "usable": user.has_usable_password(),
        "algorithm": user.password.split("$")[0] if user.has_usable_password() else None,
        "active": user.is_active,
        "superuser": user.is_superuser,
        "kept": getattr(user, "first_name", None) or getattr(user, "locale", None),
    }


def apply(sql):
    """Runs SQL as a migration of the project's own might, by the module `sqlite3`."""
    connection.ensure_connection()
    connection.connection.executescript(sql)


def create(name):
    return User.objects.create_user(name_of(name), password=PASSWORD).pk


def authenticate(tokens):
    """Whom a service that trusts Latchkey's tokens takes for the user of each, by id; a text when it refuses it."""
    authentication = JWTAuthentication()
    return [user_of(authentication, token) for token in tokens]


def user_of(authentication, token):
    try:
        return authentication.get_user(authentication.get_validated_token(token)).pk
    except AuthenticationFailed:
        return "refused"


def dump(_):
    call_command("dumpdata", User._meta.label, "token_blacklist", format="jsonl", output="users.jsonl", verbosity=0)


VERBS = {verb.__name__: verb for verb in (hashes, make, tokens, check, apply, create, authenticate, dump)}
print(json.dumps(VERBS[sys.argv[1]](json.load(sys.stdin))))
