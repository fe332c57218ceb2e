"""Hashes that other systems made are verified; what is no hash, or too dear, is refused."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys

import argon2
import bcrypt
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from werkzeug.security import generate_password_hash

from vestibule.passwords.firebase import FirebaseProject
from vestibule.passwords.formats import Formats, UnknownHashFormat

PASSWORD = b"correct horse battery staple"

# The published example of Firebase's own scrypt utility.
FIREBASE = FirebaseProject(
    signer_key=SecretStr(
        "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
    ),
    salt_separator="Bw==",
    rounds=8,
    memory_cost=14,
)
FIREBASE_HASH = (
    "$firebase-scrypt$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/"
    "qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _ab64(raw: bytes) -> str:
    return _b64(raw).replace("+", ".")


def _pbkdf2(name: str, salt: bytes, rounds: int) -> bytes:
    return hashlib.pbkdf2_hmac(name, PASSWORD, salt, rounds)


def _scrypt(salt: bytes, n: int) -> bytes:
    return hashlib.scrypt(PASSWORD, salt=salt, n=n, r=8, p=1, dklen=64)


SALT = bytes(range(240, 256))

HASHES = {
    **{
        f"argon2{name}": argon2.PasswordHasher(
            time_cost=1, memory_cost=64, parallelism=2, type=kind
        ).hash(PASSWORD)
        for name, kind in [("i", argon2.Type.I), ("d", argon2.Type.D), ("id", argon2.Type.ID)]
    },
    **{
        f"bcrypt-{prefix}": bcrypt.hashpw(PASSWORD, bcrypt.gensalt(4))
        .decode()
        .replace("$2b$", f"${prefix}$")
        for prefix in ("2a", "2b", "2y")
    },
    "scrypt": f"$scrypt$ln=10,r=8,p=1${_b64(SALT)}${_b64(_scrypt(SALT, 1024))}",
    "scrypt of passlib": f"$scrypt$ln=10,r=8,p=1${_ab64(SALT)}${_ab64(_scrypt(SALT, 1024))}",
    "pbkdf2-sha256": f"$pbkdf2-sha256$29000${_ab64(SALT)}${_ab64(_pbkdf2('sha256', SALT, 29000))}",
    "pbkdf2-sha512": f"$pbkdf2-sha512$25000${_ab64(SALT)}${_ab64(_pbkdf2('sha512', SALT, 25000))}",
    "pbkdf2 as PHC": (
        f"$pbkdf2-sha256$i=600,l=32${_b64(SALT)}${_b64(_pbkdf2('sha256', SALT, 600))}"
    ),
    "Django pbkdf2_sha256": (
        "pbkdf2_sha256$1000$seasalt$"
        + base64.b64encode(_pbkdf2("sha256", b"seasalt", 1000)).decode()
    ),
    "Django pbkdf2_sha1": (
        "pbkdf2_sha1$1000$seasalt$" + base64.b64encode(_pbkdf2("sha1", b"seasalt", 1000)).decode()
    ),
    "Django argon2": "argon2"
    + argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD),
    "Django bcrypt": "bcrypt$" + bcrypt.hashpw(PASSWORD, bcrypt.gensalt(4)).decode(),
    "Django bcrypt_sha256": "bcrypt_sha256$"
    + bcrypt.hashpw(
        hashlib.sha256(PASSWORD).hexdigest().encode(), bcrypt.gensalt(4)
    ).decode(),
    "Django scrypt": (
        "scrypt$1024$seasalt$8$1$" + base64.b64encode(_scrypt(b"seasalt", 1024)).decode()
    ),
    "Werkzeug pbkdf2": generate_password_hash(PASSWORD.decode(), "pbkdf2:sha256:1000"),
    "Werkzeug scrypt": generate_password_hash(PASSWORD.decode(), "scrypt:1024:8:1"),
}  # fmt: skip

# Published by their makers, not computed here.
PUBLISHED = [
    # The passlib documentation's example.
    (
        "password",
        "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
    ),
    # The test vectors of the bcrypt of OpenBSD.
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
]  # fmt: skip


@pytest.fixture(scope="module")
def formats() -> Formats:
    return Formats(firebase=FIREBASE)


WITHOUT_MEMORY = """
import resource
from vestibule.passwords.formats import Formats

resource.setrlimit(resource.RLIMIT_AS, (512 * 1024**2,) * 2)
print(Formats(firebase=None).verify({hashed!r}, b""))
"""


@pytest.mark.parametrize(
    ("hashed", "reason"),
    [
        ("$argon2id$v=19$m=1000000,t=1,p=1$" + "Y" * 20 + "YA$" + "A" * 43, "Memory allocation"),
        ("scrypt:524288:8:1$salt$" + "a" * 128, "malloc failure"),
    ],
)
def test_a_lack_of_memory_to_verify_is_told_to_the_operator_alone(hashed: str, reason: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MEMORY.format(hashed=hashed)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "hash not verified" in done.stdout
    assert reason in done.stdout
    assert done.stdout.endswith("False\n")


def test_what_is_stored_and_no_hash_is_told_without_it() -> None:
    with capture_logs() as lines:
        assert not Formats(firebase=None).verify("$2b$99$stored", b"given")

    assert [line["event"] for line in lines] == ["hash not verified"]
    assert "stored" not in str(lines)
    assert "given" not in str(lines)


@pytest.mark.parametrize("name", HASHES)
def test_a_right_password_is_right_and_a_wrong_one_wrong(formats: Formats, name: str) -> None:
    encoded = HASHES[name]

    formats.recognise(encoded)

    assert formats.verify(encoded, PASSWORD)
    assert not formats.verify(encoded, PASSWORD + b"!")
    assert not formats.verify(encoded, b"")
    assert not formats.verify(encoded, PASSWORD + b"\x00")


@pytest.mark.parametrize(("password", "encoded"), PUBLISHED)
def test_published_hashes_are_verified(formats: Formats, password: str, encoded: str) -> None:
    assert formats.verify(encoded, password.encode())
    assert not formats.verify(encoded, b"wrong")


def test_firebases_published_example_is_verified(formats: Formats) -> None:
    assert formats.recognise(FIREBASE_HASH) == "firebase-scrypt"
    assert formats.verify(FIREBASE_HASH, b"user1password")
    assert not formats.verify(FIREBASE_HASH, b"user2password")


def test_firebase_hashes_are_nothing_without_the_projects_key() -> None:
    assert not Formats(firebase=None).verify(FIREBASE_HASH, b"user1password")


def test_bcrypt_looks_at_72_bytes_as_it_always_did(formats: Formats) -> None:
    encoded = bcrypt.hashpw(b"a" * 72, bcrypt.gensalt(4)).decode()

    assert formats.verify(encoded, b"a" * 72 + b"anything")
    assert not formats.verify(encoded, b"a" * 71)


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "plain text",
        "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
        "$1$salt$abcdefghijklmnopqrstuv",
        "$argon2id$v=19$m=64,t=1,p=1$",
        "$2b$04$short",
        "$2x$04$" + "a" * 53,
        "$pbkdf2-sha256$1000$c2FsdA$c2hvcnQ",
        "$pbkdf2-md5$1000$c2FsdA$" + "a" * 43,
        "pbkdf2_sha256$0$salt$" + "a" * 43,
        "$scrypt$ln=0,r=8,p=1$c2FsdA$" + "a" * 43,
        "scrypt:1000:8:1$salt$" + "ab" * 32,
        "$firebase-scrypt$c2FsdA==$c2hvcnQ=",
        "$firebase-scrypt$!$!",
    ],
)
def test_what_is_no_hash_is_refused_and_never_right(formats: Formats, encoded: str) -> None:
    with pytest.raises(UnknownHashFormat) as refused:
        formats.recognise(encoded)

    assert not formats.verify(encoded, PASSWORD)
    assert not encoded or encoded not in str(refused.value)


@pytest.mark.parametrize(
    "encoded",
    [
        "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$" + "a" * 43,
        "$argon2id$v=19$m=64,t=100000,p=1$c2FsdHNhbHQ$" + "a" * 43,
        "$2b$31$" + "a" * 53,
        "$pbkdf2-sha256$999999999$c2FsdA$" + "a" * 43,
        "pbkdf2_sha256$4000000000$salt$" + "a" * 43 + "=",
        "$scrypt$ln=30,r=8,p=1$c2FsdA$" + "a" * 43,
        "$scrypt$ln=14,r=8,p=9999$c2FsdA$" + "a" * 43,
        "scrypt:1073741824:8:1$salt$" + "ab" * 32,
    ],
)
def test_a_hash_that_would_stop_the_service_is_refused(formats: Formats, encoded: str) -> None:
    with pytest.raises(UnknownHashFormat, match="too expensive"):
        formats.recognise(encoded)

    assert not formats.verify(encoded, PASSWORD)
