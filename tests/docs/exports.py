"""What the systems that people come from give out, as their documentation and sources say."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import argon2
import bcrypt
from argon2.low_level import Type, hash_secret_raw
from sqlalchemy import create_engine, text

from tests.e2e.server import Server

ALICE, BOB = "correct horse battery staple", "three gliding herons at noon"


def auth0(server: Server, folder: Path) -> None:
    """Lines of JSON; of the second user the address stands among the identifiers alone."""
    users = [
        {
            "_id": {"$oid": "5dea9f9c82dd7c0e76e4ec93"},
            "email": "alice@example.org",
            "email_verified": True,
            "passwordHash": _bcrypt(ALICE),
            "connection": "Username-Password-Authentication",
        },
        {
            "_id": {"$oid": "5dea9f9c82dd7c0e76e4ec94"},
            "username": "bob",
            "passwordHash": _bcrypt(BOB),
            "identifiers": [{"type": "email", "value": "bob@example.org", "verified": False}],
        },
    ]
    lines = "".join(json.dumps(user) + "\n" for user in users)
    (folder / "auth0-export.json").write_text(lines)


# The project and the hash of the published example of Firebase's own scrypt utility.
FIREBASE = {
    "firebase_signer_key": (
        "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
    ),
    "firebase_salt_separator": "Bw==",
    "firebase_rounds": "8",
    "firebase_memory_cost": "14",
}


def firebase(server: Server, folder: Path) -> None:
    """One who has a password, one who came by telephone, one through another provider."""
    users = [
        {
            "localId": "u1",
            "email": "alice@example.org",
            "emailVerified": True,
            "displayName": "Alice Liddell",
            "salt": "42xEC+ixf3L2lw==",
            "passwordHash": (
                "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/"
                "qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
            ),
        },
        {"localId": "u2", "phoneNumber": "+15550100"},
        {"localId": "u3", "email": "carol@example.org", "emailVerified": True},
    ]
    (folder / "firebase-users.json").write_text(json.dumps({"users": users}))


def django(server: Server, folder: Path) -> None:
    """A project with three users: the default hash, an older one, and none."""
    (folder / "manage.py").write_text(
        textwrap.dedent("""
            import sys
            from django.conf import settings
            from django.core.management import execute_from_command_line

            settings.configure(
                SECRET_KEY="of a test",
                DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.db"}},
                INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
            )
            execute_from_command_line(sys.argv)
        """)
    )
    made = f"""
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User

User.objects.create_user("alice", "alice@example.org", "{ALICE}")
User.objects.create(username="bob", password=make_password("{BOB}", hasher="scrypt"))
User.objects.create_user("carol", "carol@example.org")
"""
    for arguments, stdin in ((["migrate", "--verbosity", "0"], ""), (["shell"], made)):
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=folder, input=stdin, text=True, check=True, capture_output=True, env=os.environ,
        )  # fmt: skip


def keycloak(server: Server, folder: Path) -> None:
    """Its present hash, its former one, and a service account, which is no person."""
    salt = b"sixteen bytes ok"
    new = hash_secret_raw(ALICE.encode(), salt, 5, 7168, 1, 32, Type.ID)
    old = hashlib.pbkdf2_hmac("sha256", BOB.encode(), salt, 27500, 64)
    argon2_data = {
        "hashIterations": 5,
        "algorithm": "argon2",
        "additionalParameters": {
            "hashLength": ["32"], "memory": ["7168"], "type": ["id"], "version": ["1.3"],
            "parallelism": ["1"],
        },
    }  # fmt: skip
    pbkdf2_data = {"hashIterations": 27500, "algorithm": "pbkdf2-sha256"}
    users = [
        {
            "username": "alice",
            "email": "alice@example.org",
            "emailVerified": True,
            "firstName": "Alice",
            "enabled": True,
            "credentials": [_credential(salt, new, argon2_data)],
        },
        {
            "username": "bob",
            "enabled": True,
            "credentials": [{"type": "otp"}, _credential(salt, old, pbkdf2_data)],
        },
        {"username": "service-account-backend", "serviceAccountClientId": "backend"},
    ]
    (folder / "realm.json").write_text(json.dumps({"realm": "acme", "users": users}))


def fastapi_users(server: Server, folder: Path) -> None:
    """The table of its documentation, with a hash of each of its two algorithms."""
    rows = [
        {"email": "alice@example.org", "hash": argon2.PasswordHasher().hash(ALICE)},
        {"email": "bob@example.org", "hash": _bcrypt(BOB)},
    ]
    with create_engine(f"sqlite:///{folder / 'test.db'}").begin() as connection:
        connection.execute(
            text(
                'CREATE TABLE "user" (id CHAR(36) PRIMARY KEY, email VARCHAR(320), hashed_password '
                "VARCHAR(1024), is_active BOOLEAN, is_superuser BOOLEAN, is_verified BOOLEAN)"
            )
        )
        connection.execute(text('INSERT INTO "user" VALUES (:email, :email, :hash, 1, 0, 1)'), rows)


def _bcrypt(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def _credential(salt: bytes, digest: bytes, data: dict[str, Any]) -> dict[str, str]:
    secret = {
        "value": base64.b64encode(digest).decode(),
        "salt": base64.b64encode(salt).decode(),
        "additionalParameters": {},
    }
    return {
        "type": "password",
        "secretData": json.dumps(secret),
        "credentialData": json.dumps(data),
    }
