"""The ledger beside the database, and beside what the service does."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from tests.e2e.server import Server
from tests.faults.asking import LOGIN, WRONG
from tests.faults.changing import Changer
from tests.faults.codes import renewal
from tests.faults.ledger import Ledger, Line
from tests.faults.load import NOT_TAKEN, REFRESH, SPENT, Load
from tests.faults.proofs import TOKEN

ASKED_AT_MOST = 50
"""Of each kind that the service is asked about; the database is asked about all sessions."""


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


def compare(load: Load, sql: Callable[[str], str]) -> None:
    """Fail where anything that was acknowledged is not so, or a token can be spent twice."""
    ledger = load.ledger
    assert not ledger.wrong, ledger.wrong[:5]
    _compare_trail(ledger, sql)
    sessions, keys = rows_of(sql)
    lost = [key for key in ledger.keys if _plain(key) not in keys]
    assert not lost, f"keys lost: {lost}"
    for line in ledger.lines:
        _compare_row(line, sessions.get(_plain(line.sid)))
    _compare_once(ledger, load.servers)
    with httpx.Client(base_url=load.servers[0].url, timeout=15) as client:
        _compare_passwords(load.changer, client)
        _ask(ledger, client)


def _compare_trail(ledger: Ledger, sql: Callable[[str], str]) -> None:
    """See that each acknowledged request has its one row."""
    rows = defaultdict(list)
    for row in sql(
        "SELECT request_id, event FROM audit_events WHERE result = 'success'"
    ).splitlines():
        request_id, event = row.split("|")
        rows[request_id].append(event)
    for request_id, event in ledger.trail.items():
        assert rows[request_id] == [event], f"{request_id}: {rows[request_id]}, not {event}"


def _compare_once(ledger: Ledger, servers: Sequence[Server]) -> None:
    """See that what was taken is not taken again, and never was."""
    last = ledger.once[-ASKED_AT_MOST:]
    with httpx.Client(timeout=15) as client:
        for once, server in itertools.product(last, servers):
            answer = client.post(server.url + TOKEN, **once.request())
            assert answer.status_code in (200, *NOT_TAKEN), answer.text
            once.taken += answer.status_code == 200
        twice = [(once.kind, once.made_at, once.taken) for once in ledger.once if once.taken > 1]
        assert not twice, f"taken twice: {len(twice)} of {len(ledger.once)}: {twice[:5]}"
        for once in last:
            if once.refresh_token:
                # One of the two who brought the code is a thief (RFC 6749 §4.1.2).
                answer = client.post(servers[0].url + TOKEN, data=renewal(once.refresh_token))
                assert answer.status_code == SPENT, f"what a code was redeemed for lives: {once}"


def _compare_passwords(changer: Changer, client: httpx.Client) -> None:
    """See that of what may be somebody's password one is, and nothing else."""

    def is_right(password: str) -> bool:
        answer = client.post(LOGIN, data=changer.form(password))
        assert answer.status_code in (200, WRONG), answer.text
        return answer.status_code == 200

    right = [password for password in changer.possible if is_right(password)]
    assert len(right) == 1, f"of {len(changer.possible)} possible passwords {len(right)} are right"
    assert changer.former, "nobody has changed a password"
    assert not any(map(is_right, changer.former[-ASKED_AT_MOST:])), "a former password is right"


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
