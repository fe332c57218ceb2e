"""Two services that share one Redis let in exactly as many as a limit says, all asked at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server import Server, pair
from tests.oauth.flows import TOKEN
from tests.redis_server import RedisServer
from tests.world import LOGIN

LIMIT = 40
WAVES = (LIMIT - 1, 2 * LIMIT)
"""Requests at once: as many as leave room for one, then many for whom there is that one place."""

Asked = Coroutine[Any, Any, httpx.Response]


def log_in(client: httpx.AsyncClient, address: str, username: str) -> Asked:
    form = {"username": username, "password": "wrong"}
    return client.post(LOGIN, data=form, headers=coming_from(address))


def from_one_address(client: httpx.AsyncClient, number: int) -> Asked:
    return log_in(client, "198.51.100.1", f"nobody{number}")


def at_one_account(client: httpx.AsyncClient, number: int) -> Asked:
    return log_in(client, f"203.0.113.{number}", "nobody")


def with_a_wrong_secret(client: httpx.AsyncClient, number: int) -> Asked:
    form = {"grant_type": "client_credentials", "client_id": "backend", "client_secret": "wrong"}
    return client.post(TOKEN, data=form, headers=coming_from("198.51.100.2"))


def as_a_device(client: httpx.AsyncClient, number: int) -> Asked:
    return client.post("/api/v1/auth/device/code", headers=coming_from("198.51.100.3"))


def coming_from(address: str) -> dict[str, str]:
    """What a proxy says of whom it passes on."""
    return {"X-Forwarded-For": address, "X-Forwarded-Proto": "https"}


WAYS: dict[str, tuple[Callable[[httpx.AsyncClient, int], Asked], int]] = {
    "address": (from_one_address, 401),
    "account": (at_one_account, 401),
    "failures": (with_a_wrong_secret, 401),
    "devices": (as_a_device, 200),
}
"""By what each is counted: how to ask, and what is answered to whom it lets in."""


@pytest.fixture
def two(tmp_path: Path, database_url: str, redis: RedisServer) -> Iterator[tuple[Server, Server]]:
    # A day, so that no window ends meanwhile, however long a machine stands still.
    limits = {f"limit_{policy}": f"{LIMIT}/day" for policy in WAYS}
    with pair(
        tmp_path / "data",
        database_url=database_url,
        database_timeout="30",
        redis_url=redis.url,
        redis_timeout="30",
        trusted_proxies="127.0.0.1",
        failure_delays="false",
        # Whoever is held up by anything but its limit would be missed where that lets it in.
        hash_deadline="60",
        **limits,
    ) as servers:
        yield servers


@pytest.mark.distributed
async def test_each_limit_lets_in_exactly_as_many_as_it_says(two: tuple[Server, Server]) -> None:
    found: dict[str, list[Counter[tuple[int, str | None]]]] = {policy: [] for policy in WAYS}

    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=server.url, timeout=60))
            for server in two
        ]
        for policy, (ask, _) in WAYS.items():
            for wave in WAVES:
                asked = [ask(clients[number % 2], number) for number in range(wave)]
                found[policy].append(Counter(map(judged, await asyncio.gather(*asked))))

    assert found == {
        policy: [
            {(let_in, None): WAVES[0]},
            {(let_in, None): 1, (429, policy): WAVES[1] - 1},
        ]
        for policy, (_, let_in) in WAYS.items()
    }


def judged(answer: httpx.Response) -> tuple[int, str | None]:
    """The status, and which limit refused it."""
    told = answer.headers.get("RateLimit-Policy")
    return answer.status_code, told and told.split('"')[1]
