"""Record the statements of this release, on both databases, for the next one to be held to.

Run at each release, once its version stands in pyproject.toml. It runs the tests that lead a
representative life and keeps each different statement that the service sent, with values of the
kind that it was sent with. Recorded once more it is the same, but for what the service asks anew.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.statements import Statement, packed, statements  # noqa: E402

from vestibule.storage import schema  # noqa: E402

LIVES = (
    "apikeys", "audit/test_audit.py", "clients", "housekeeping/test_housekeeping.py",
    "identity/ldap", "identity/test_administration.py", "identity/test_sign_in.py", "issuing",
    "login/test_success.py", "mail", "members", "oauth", "orgs", "pages/test_account.py",
    "pages/test_administration.py", "pages/test_organization.py",
    "pages/test_organization_activity.py", "recovery", "scim", "server", "sessions", "status",
    "tokens", "users/test_export.py", "users/test_import.py", "users/test_search.py",
    "standards/test_rfc7523.py", "standards/test_rfc8628.py",
)  # fmt: skip
"""The tests below tests/ whose statements are kept."""
KEPT = re.compile(r"(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
# What is staged is there for one transaction, and a month of the trail for some time. Whether
# look-ups and logins travel together is chance: each is sent by itself as well.
NOT_OURS = re.compile(
    r"pg_catalog|sqlite_master|_?alembic_|pg_(try_)?advisory|pg_class|pg_index"
    r"|\bstaged_|\baudit_events_(before_)?y\d|= ANY \(\$|\bNOWAIT\b"
)
LIST = re.compile(r"IN \([^()]*\)")
MORE_ROWS = re.compile(r"(?<=\?\))(, \([?, ]+\))+")

A_UUID = UUID("01a210e2-0000-7000-8000-000000000000")
A_MOMENT = datetime.fromisoformat("2027-01-15T08:00:00+00:00")
HEX_UUID = re.compile(r"[0-9a-f]{32}")
TEXT_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}")
WORDS = re.compile(r"null|[a-z_:.@ -]{5,}")
"""A role or a status, say: a check may ask for it. What is random and shorter could be one too."""


def main() -> int:
    """0, or what pytest ended with: the files are written even where a test failed."""
    worst = 0
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    folder = ROOT / "tests" / "storage" / "releases" / version
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "migration").write_text(f"{schema.HEAD}\n")
    for dialect in ("sqlite", "postgresql"):
        arguments = ["--database", dialect, "-p", "no:cacheprovider", "-q"]
        with statements(dialect, of_service=True) as seen:
            ended = pytest.main([*arguments, *(str(ROOT / "tests" / life) for life in LIVES)])
        worst = max(worst, int(ended))
        (folder / f"{dialect}.jsonl").write_text("\n".join(_different(seen)) + "\n")
    return worst


def _different(seen: list[Statement]) -> list[str]:
    """A line for each statement; those that differ in the length of a list alone are one.

    Of many rows the first is enough.
    """
    kept: dict[str, str] = {}
    for sent, values in seen:
        statement = " ".join(sent.split())
        if MORE_ROWS.search(statement):
            statement = MORE_ROWS.sub("", statement)
            values = values[: statement.count("?")]
        if KEPT.match(statement) and not NOT_OURS.search(statement):
            key = re.sub(r"\$\d+", "$", LIST.sub("IN (…)", statement))
            kinds = [packed(_alike(value)) for value in values]
            line = json.dumps({"sql": statement, "values": kinds}, ensure_ascii=False)
            # Of several the shortest: which was first can differ from one recording to the next.
            kept[key] = min(kept.get(key, line), line, key=lambda line: (len(line), line))
    return [kept[key] for key in sorted(kept)]


def _alike(value: Any) -> Any:
    """A value of the same type and length, and the same in each recording; of a list the first."""
    match value:
        case UUID():
            return A_UUID
        case datetime():
            return A_MOMENT
        case bytes() | memoryview():
            return bytes(len(value))
        case str():
            return _alike_text(value)
        case dict():
            return {name: _alike(part) for name, part in value.items()}
        case list():
            return [_alike(part) for part in value[:1]]
    return value


def _alike_text(text: str) -> str:
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict | list):
        return json.dumps(_alike(parsed))
    if HEX_UUID.fullmatch(text):
        return A_UUID.hex
    if TEXT_MOMENT.fullmatch(text):
        return f"{A_MOMENT:%Y-%m-%d %H:%M:%S.%f}"
    return text if WORDS.fullmatch(text) else "x" * len(text)


if __name__ == "__main__":
    sys.exit(main())
