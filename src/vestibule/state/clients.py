"""redis-py's clients, as we want them: no retries of their own, TLS always checked."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr
from redis.asyncio import Redis, RedisCluster, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff

from vestibule.state.places import Place
from vestibule.state.sentinels import Sentinels

MAX_CONNECTIONS = 24
"""Of one instance to one server: for calls (`flights`), for what is told and heard (`news`), and
for a look with all that hangs on it. What is past it is refused at once, so each of them keeps to
its share."""
WAITS = 3
"""So many waits may pass until a server is found: one that is silent is waited for first, then
another says which has taken over."""


def make_client(place: Place, *, timeout: float) -> Redis | RedisCluster:
    """A client that has connected to nothing yet. `timeout` in seconds for each wait of it."""
    options = _options(place, timeout)
    if place.kind == "cluster":
        return RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in place.hosts],
            retry=Retry(NoBackoff(), 1),
            # Reading its nodes anew breaks what is under way, which would then be tried again and
            # may count twice. Where keys have moved it need not: it is told where to.
            reinitialize_steps=0,
            max_connections=MAX_CONNECTIONS,
            **_cluster(options, place),
        )
    if place.kind == "sentinel":
        waits = {name: options[name] for name in options if name.startswith("socket_")}
        sentinels = Sentinels(
            place.hosts,
            {
                **waits,
                **_tls(place),
                "ssl": place.tls,
                "protocol": 2,
                "retry": Retry(NoBackoff(), 0),
                "username": place.sentinel_username,
                "password": _revealed(place.sentinel_password),
            },
        )
        return Redis(
            connection_pool=SentinelConnectionPool(  # type: ignore[no-untyped-call]
                place.service,
                sentinels,
                ssl=place.tls,
                max_connections=MAX_CONNECTIONS,
                **options,
                **_tls(place),
            )
        )
    kind: type[Any] = SSLConnection if place.tls else Connection
    where: dict[str, Any]
    if place.socket is not None:
        kind, where = UnixDomainSocketConnection, {"path": place.socket}
    else:
        where = {"host": place.hosts[0][0], "port": place.hosts[0][1]}
    return Redis(
        connection_pool=ConnectionPool(
            connection_class=kind,
            max_connections=MAX_CONNECTIONS,
            **where,
            **_tls(place),
            **(options if place.socket is None else _without_tcp(options)),
        )
    )


def remember_hosts(client: RedisCluster, place: Place) -> None:
    """Have it ask the hosts of the URL as well, when it reads its nodes anew.

    It has put those in their place that they had named. A Cluster of which no node is left where
    it was, as after a restart of all its containers, is only found by its name.
    """
    known = client.nodes_manager.startup_nodes
    options: dict[str, Any] = client.get_connection_kwargs()
    for host, port in place.hosts:
        node = ClusterNode(host, port, **options)
        known.setdefault(node.name, node)


async def close_client(client: Redis | RedisCluster) -> None:
    """Let go of all its connections."""
    await client.aclose()
    if isinstance(client, RedisCluster):
        # While it means to read its nodes anew it takes itself for closed already.
        await client.nodes_manager.aclose()
        await client.nodes_manager.aclose("startup_nodes")
    else:
        # A client that was handed its pool leaves it open, and the pool those to the Sentinels.
        pool = client.connection_pool
        await pool.disconnect()
        if isinstance(pool, SentinelConnectionPool):
            await pool.sentinel_manager.aclose()


def _options(place: Place, timeout: float) -> dict[str, Any]:
    return {
        "db": place.db,
        "username": place.username,
        "password": _revealed(place.password),
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "socket_keepalive": True,
        # With RESP3 redis-py asks for push messages, and no longer notices before it sends
        # that an idle connection was closed meanwhile.
        "protocol": 2,
        # A count that was retried could count twice, and a login can't wait for ten tries.
        "retry": Retry(NoBackoff(), 0),
        "driver_info": None,
    }


def _cluster(options: dict[str, Any], place: Place) -> dict[str, Any]:
    kept = {name: value for name, value in options.items() if name not in ("db", "retry")}
    return {**kept, **_tls(place), "ssl": place.tls}


def _without_tcp(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "socket_keepalive"}


def _tls(place: Place) -> dict[str, Any]:
    if not place.tls:
        return {}
    return {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": place.ssl_ca_certs,
        "ssl_certfile": place.ssl_certfile,
        "ssl_keyfile": place.ssl_keyfile,
    }


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
