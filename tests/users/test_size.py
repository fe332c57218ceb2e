"""Users by the ten thousand need no more memory than a few."""

from __future__ import annotations

import json
from pathlib import Path

from tests.peak import peak_of
from vestibule.settings import Settings

HASH = "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44"
FEW, MANY = 16_000, 40_000
"""The few are enough for what is kept of all to have its full size."""
SPARE = 4 * 1024
"""KiB. The users who are more, held as text, need three times as much."""


def write_users(path: Path, count: int) -> None:
    with path.open("w") as out:
        for number in range(count):
            fields = {
                "username": f"of{count}user{number}",
                "email_address": f"of{count}user{number}@example.org",
                "password_hash": HASH,
                "first_name": "F" * 200,
                "last_name": "L" * 200,
            }
            out.write(json.dumps(fields) + "\n")


def test_neither_way_takes_more_memory_for_more_users(settings: Settings, tmp_path: Path) -> None:
    environment = {
        "VESTIBULE_DATA_DIR": str(settings.data_dir),
        "VESTIBULE_DATABASE_URL": settings.sqlalchemy_url,
        "VESTIBULE_DATABASE_TIMEOUT": "30",
        "VESTIBULE_SECRET_KEY": "a secret key for tests, 32 characters or more",
    }
    taken: dict[int, tuple[int, int]] = {}

    for count in (FEW, MANY):
        write_users(tmp_path / "in.jsonl", count)
        taken[count] = (
            peak_of(["user", "import", tmp_path / "in.jsonl"], environment),
            peak_of(["user", "export", tmp_path / "out.jsonl"], environment),
        )

    with (tmp_path / "out.jsonl").open() as lines:
        assert sum(1 for _ in lines) == FEW + MANY
    for few, many in zip(taken[FEW], taken[MANY], strict=True):
        assert many < few + SPARE, taken
