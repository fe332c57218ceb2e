"""What the doctor looks at in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from redis.asyncio import RedisCluster

from vestibule.cli.finding import Finding
from vestibule.settings import Settings
from vestibule.state.clients import WAITS, close_client, make_client
from vestibule.state.flights import AWAY, away
from vestibule.state.places import Place, place_of

OLDEST = (6, 2)
"""The oldest version that our scripts run on."""


def examine_redis(settings: Settings) -> Iterator[Finding]:
    """Whether it answers, can be written, is new enough, and forgets nothing by itself."""
    if settings.redis_url is None:
        return
    try:
        place = place_of(settings.redis_url)
        servers = asyncio.run(_asked(place, timeout=settings.redis_timeout))
    except ValueError as error:
        yield Finding("redis", "error", str(error), "correct VESTIBULE_REDIS_URL")
        return
    except AWAY as error:
        yield Finding(
            "redis", "error", f"it can't be written: {away(error).reason}",
            "look at VESTIBULE_REDIS_URL, its password and the network",
        )  # fmt: skip
        return
    version = min((str(told.get("redis_version", "0")) for told in servers), key=_numbers)
    if _numbers(version) < OLDEST:
        yield Finding("redis", "error", f"it is version {version}", "take 6.2 or later")
    policies = {told["maxmemory_policy"] for told in servers if "maxmemory_policy" in told}
    for policy in sorted(policies - {"noeviction"}):
        yield Finding(
            "redis", "warning", f"it drops counters when it is full ({policy})",
            "set maxmemory-policy noeviction",
        )  # fmt: skip
    if not all(told.get("aof_enabled") for told in servers):
        yield Finding(
            "redis", "warning", "it forgets counters when it restarts", "set appendonly yes"
        )
    if not place.tls and any(not _is_local(host) for host, _ in place.hosts):
        yield Finding("redis", "warning", "it is spoken to in the clear", "use a rediss:// URL")
    yield Finding("redis", "ok", f"it can be written and is version {version}")


async def _asked(place: Place, *, timeout: float) -> list[dict[str, Any]]:  # noqa: ASYNC109
    """What it says of itself; in a Cluster, what each primary says."""
    client = make_client(place, timeout=timeout)
    try:
        async with asyncio.timeout(WAITS * timeout):
            await client.set("vestibule:probe", 1, px=1000)
            if isinstance(client, RedisCluster):
                nodes = client.get_primaries()
                return [await client.info(target_nodes=node) for node in nodes]
            return [await client.info()]
    finally:
        await close_client(client)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
