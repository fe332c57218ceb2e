"""The ledger beside the database, and beside what the service does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tests.e2e.server import Server
from tests.faults.ledger import Ledger, Line
from tests.faults.load import REFRESH, SPENT
from tests.faults.proofs import TOKEN

ASKED_AT_MOST = 50
"""Sessions of each kind that the service is asked about; the database is asked about all."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the database says of a session."""

    generation: int
    ended: bool


def rows_of(sql: Callable[[str], str]) -> tuple[dict[str, Row], set[str]]:
    """All sessions and the ids of all keys that are valid, by a statement's printed rows."""
    found = {}
    for line in sql("SELECT id, generation, ended_at IS NOT NULL FROM sessions").splitlines():
        sid, generation, ended = line.split("|")
        found[_plain(sid)] = Row(int(generation), ended in ("t", "1"))
    keys = sql("SELECT id FROM api_keys WHERE revoked_at IS NULL").splitlines()
    return found, {_plain(key) for key in keys}


def compare(ledger: Ledger, server: Server, sql: Callable[[str], str]) -> None:
    """Fail where anything that was acknowledged is not so, or a token can be spent twice."""
    assert not ledger.wrong, ledger.wrong[:5]
    sessions, keys = rows_of(sql)
    lost = [key for key in ledger.keys if _plain(key) not in keys]
    assert not lost, f"keys lost: {lost}"
    for line in ledger.lines:
        _compare_row(line, sessions.get(_plain(line.sid)))
    with httpx.Client(base_url=server.url, timeout=15) as client:
        _compare_once(ledger, client)
        _ask(ledger, client)


def _compare_once(ledger: Ledger, client: httpx.Client) -> None:
    """See that what was taken is not taken again, and never was."""
    for once in ledger.once[-ASKED_AT_MOST:]:
        once.taken += client.post(TOKEN, **once.request()).status_code == 200
    twice = [(once.kind, once.made_at, once.taken) for once in ledger.once if once.taken > 1]
    assert not twice, f"taken twice: {len(twice)} of {len(ledger.once)}: {twice[:5]}"


def _compare_row(line: Line, row: Row | None) -> None:
    assert row is not None, f"a session is lost: {line}"
    acknowledged = len(line.spent)
    if line.ended:
        assert row.ended, f"an ended session lives: {line}"
    elif not line.unknown:
        assert not row.ended, f"a session has ended: {line}"
    if line.unknown in ("refresh", "race"):
        assert acknowledged <= row.generation <= acknowledged + 1, (line, row)
    else:
        assert row.generation == acknowledged, (line, row)


def _ask(ledger: Ledger, client: httpx.Client) -> None:
    """See that the service agrees. This spends what is in the ledger."""

    def spend(token: str) -> httpx.Response:
        return client.post(REFRESH, json={"refresh_token": token})

    for secret in ledger.keys.values():
        answer = client.get("/api/v1/user", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 200, answer.text
    for line in [line for line in ledger.lines if line.ended][:ASKED_AT_MOST]:
        assert spend(line.token).status_code == SPENT, f"an ended session is alive: {line}"
    alive = [line for line in ledger.lines if not line.ended and not line.unknown]
    assert alive, "nobody stayed"
    for line in alive[-ASKED_AT_MOST:]:
        answer = spend(line.token)
        assert answer.status_code == 200, (line, answer.text)
        for token in (*line.spent, line.token):
            assert spend(token).status_code == SPENT, f"spent twice: {line}"
    for line in [line for line in ledger.lines if line.unknown == "refresh"]:
        # Committed or not: it can be spent once at most, and then never again.
        spend(line.token)
        assert spend(line.token).status_code == SPENT, f"spent twice: {line}"


def _plain(identifier: str) -> str:
    """The hexadecimal digits of a UUID, which SQLite keeps without hyphens."""
    return identifier.replace("-", "")
