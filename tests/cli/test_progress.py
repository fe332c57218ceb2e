"""How far a long command has come, for programs."""

from __future__ import annotations

import json

import pytest

from tests.world import FakeClock
from vestibule.cli.progress import shown


def test_a_program_is_told_once_a_second_at_most(
    clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    with shown("Importing", counted="created", as_json=True, monotonic=clock.monotonic) as tell:
        for count in range(1, 31):
            clock.advance(0.1)
            tell({"created": count})

    printed = capsys.readouterr()
    told = [json.loads(line)["progress"]["created"] for line in printed.err.splitlines()]
    assert printed.out == ""
    assert 2 <= len(told) <= 3
    assert told == sorted(told)


def test_a_person_is_shown_where_it_ended(capsys: pytest.CaptureFixture[str]) -> None:
    with shown("Importing", counted="created", as_json=False) as tell:
        tell({"created": 1234, "bytes": 10, "of_bytes": 20})

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "50 %" in printed.err
    assert "1,234 created" in printed.err
