"""A project with Simple JWT. What differs between projects is said by the environment."""
import json
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

SECRET_KEY = os.environ.get("SECRET_KEY", "django-insecure-0123456789!@#$%^&*(-_=+)abcdefghijklmnopqrstuv-x")
AUTH_USER_MODEL = os.environ.get("USER_MODEL", "Authentication_Token_App.UserLogin")
USE_TZ = os.environ.get("USE_TZ", "1") == "1"
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "rest_framework",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
    *([AUTH_USER_MODEL.split(".")[0]] if not AUTH_USER_MODEL.startswith("auth.") else []),
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "urls"

_url = urlsplit(os.environ.get("DJANGO_DATABASE_URL", ""))
if _url.scheme:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": _url.hostname,
            "PORT": _url.port,
            "USER": _url.username,
            "PASSWORD": unquote(_url.password or ""),
            "NAME": _url.path[1:],
        }
    }
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parent / "db.sqlite3"}}

SIMPLE_JWT = json.loads(os.environ.get("SIMPLE_JWT", "{}"))
