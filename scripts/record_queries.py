"""Record the statements of this release, on both databases, for the next one to be held to.

Run at each release, once its version stands in pyproject.toml. It runs the tests that lead a
representative life and keeps each different statement with the values that it was first sent with.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.statements import Statement, packed, statements  # noqa: E402

LIVES = (
    "apikeys", "audit/test_audit.py", "housekeeping/test_housekeeping.py", "issuing",
    "login/test_success.py", "members", "oauth", "orgs/test_organizations.py", "pages", "sessions",
    "server", "status", "tokens", "users", "standards/test_rfc7523.py", "standards/test_rfc8628.py",
)  # fmt: skip
"""The tests below tests/ whose statements are kept."""
KEPT = re.compile(r"(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
NOT_OURS = re.compile(r"pg_catalog|sqlite_master|_?alembic_|pg_(try_)?advisory|pg_class")
LIST = re.compile(r"IN \([^()]*\)")


def main() -> int:
    """0, or what pytest ended with: the files are written even where a test failed."""
    worst = 0
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    folder = ROOT / "tests" / "storage" / "releases" / version
    folder.mkdir(parents=True, exist_ok=True)
    for dialect in ("sqlite", "postgresql"):
        arguments = ["--database", dialect, "-p", "no:cacheprovider", "-q"]
        with statements(dialect) as seen:
            ended = pytest.main([*arguments, *(str(ROOT / "tests" / life) for life in LIVES)])
        worst = max(worst, int(ended))
        lines = [json.dumps(line, ensure_ascii=False) for line in _different(seen)]
        (folder / f"{dialect}.jsonl").write_text("\n".join(lines) + "\n")
    return worst


def _different(seen: list[Statement]) -> list[dict[str, Any]]:
    """Each statement once; those that differ in the length of a list alone are one."""
    kept: dict[str, dict[str, Any]] = {}
    for sent, values in seen:
        statement = " ".join(sent.split())
        key = re.sub(r"\$\d+", "$", LIST.sub("IN (…)", statement))
        if KEPT.match(statement) and not NOT_OURS.search(statement) and key not in kept:
            kept[key] = {"sql": statement, "values": [packed(value) for value in values]}
    return [kept[key] for key in sorted(kept)]


if __name__ == "__main__":
    sys.exit(main())
