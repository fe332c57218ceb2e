"""Two services on one database, and the same refresh token spent at both in the same instant."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server import Server
from tests.world import LOGIN

ROUNDS = 1000
SESSIONS = 20
REFRESH = "/api/v1/auth/refresh"


@pytest.fixture
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Server, Server]]:
    """Two services on one data folder, with the grace that the test asks for."""
    options = {
        "issuer": "http://127.0.0.1",
        "refresh_grace": str(request.param),
        "failure_delays": "false",
        "limit_address": "1000000/minute",
        "limit_account": "1000000/minute",
        "limit_failures": "1000000/minute",
    }
    first = Server(tmp_path / "data", options=options).start()
    second = Server(tmp_path / "data", options=options).start()
    yield first, second
    for server in (first, second):
        server.stop(signal.SIGKILL)


async def sign_in(client: httpx.AsyncClient, server: Server) -> str:
    answer = await client.post(
        f"{server.url}{LOGIN}",
        data={"username": "admin", "password": server.first["password"]},
    )
    token: str = answer.json()["refresh_token"]
    return token


async def spend(client: httpx.AsyncClient, server: Server, token: str) -> tuple[int, Any]:
    answer = await client.post(f"{server.url}{REFRESH}", json={"refresh_token": token})
    return answer.status_code, answer.json()


def rows(server: Server) -> list[tuple[int, str | None]]:
    """(generation, cause of its end) of every session."""
    with sqlite3.connect(server.data / "vestibule.db") as connection:
        return connection.execute("SELECT generation, end_cause FROM sessions").fetchall()


# However long one of the two stands still: a grace of seconds could be over by then.
@pytest.mark.parametrize("pair", [120], indirect=True)
async def test_two_spends_at_once_make_one_new_line(pair: tuple[Server, Server]) -> None:
    first, second = pair
    each = ROUNDS // SESSIONS

    async def race(client: httpx.AsyncClient, token: str) -> None:
        for _ in range(each):
            answers = await asyncio.gather(
                spend(client, first, token), spend(client, second, token)
            )
            assert [status for status, _ in answers] == [200, 200], answers
            successors = {body["refresh_token"] for _, body in answers}
            assert len(successors) == 1
            token = successors.pop()

    async with httpx.AsyncClient(timeout=30) as client:
        tokens = [await sign_in(client, first) for _ in range(SESSIONS)]
        await asyncio.gather(*(race(client, token) for token in tokens))

    assert rows(first) == [(each, None)] * SESSIONS


@pytest.mark.parametrize("pair", [0], indirect=True)
async def test_without_grace_one_of_two_spends_succeeds_and_the_other_ends_the_session(
    pair: tuple[Server, Server],
) -> None:
    first, second = pair

    async def race(client: httpx.AsyncClient) -> None:
        for _ in range(ROUNDS // SESSIONS):
            token = await sign_in(client, first)
            answers = await asyncio.gather(
                spend(client, first, token), spend(client, second, token)
            )
            assert sorted(status for status, _ in answers) == [200, 400], answers
            (refused,) = [body for status, body in answers if status == 400]
            assert refused["type"] == "invalid_grant_error"

    async with httpx.AsyncClient(timeout=30) as client:
        await asyncio.gather(*(race(client) for _ in range(SESSIONS)))

    assert rows(first) == [(1, "refresh_replay")] * ROUNDS
