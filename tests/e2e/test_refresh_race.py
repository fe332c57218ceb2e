"""Two services on one database, and the same refresh token spent at both in the same instant."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, select

from tests.e2e.server import Server, pair
from tests.world import LOGIN
from vestibule.sessions.models import sessions
from vestibule.storage.database import is_embedded
from vestibule.storage.opening import run_once

SESSIONS = 20
REFRESH = "/api/v1/auth/refresh"
Two = tuple[Server, Server]


@pytest.fixture
def two(tmp_path: Path, shared: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Two]:
    """Two services on one database, with the grace that the test asks for."""
    with pair(
        tmp_path / "data",
        refresh_grace=str(request.param),
        failure_delays="false",
        limit_address="1000000/minute",
        limit_account="1000000/minute",
        limit_failures="1000000/minute",
        **shared,
    ) as servers:
        yield servers


@pytest.fixture
def each(database_url: str) -> int:
    """How often each session is raced for: where writers don't queue, almost every race is met."""
    return 50 if is_embedded(database_url) else 5


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


async def rows(database_url: str) -> list[tuple[int, str | None]]:
    """(generation, cause of its end) of every session."""

    def read(connection: Connection) -> list[tuple[int, str | None]]:
        found = connection.execute(select(sessions.c.generation, sessions.c.end_cause))
        return [(row.generation, row.end_cause) for row in found]

    return await asyncio.to_thread(run_once, database_url, read)


# However long one of the two stands still: a grace of seconds could be over by then.
@pytest.mark.parametrize("two", [120], indirect=True)
async def test_two_spends_at_once_make_one_new_line(two: Two, each: int, database_url: str) -> None:
    first, second = two

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

    assert await rows(database_url) == [(each, None)] * SESSIONS


@pytest.mark.parametrize("two", [0], indirect=True)
async def test_without_grace_one_of_two_spends_succeeds_and_the_other_ends_the_session(
    two: Two, each: int, database_url: str
) -> None:
    first, second = two

    async def race(client: httpx.AsyncClient) -> None:
        for _ in range(each):
            token = await sign_in(client, first)
            answers = await asyncio.gather(
                spend(client, first, token), spend(client, second, token)
            )
            assert sorted(status for status, _ in answers) == [200, 400], answers
            (refused,) = [body for status, body in answers if status == 400]
            assert refused["type"] == "invalid_grant_error"

    async with httpx.AsyncClient(timeout=30) as client:
        await asyncio.gather(*(race(client) for _ in range(SESSIONS)))

    assert await rows(database_url) == [(1, "refresh_replay")] * (each * SESSIONS)
