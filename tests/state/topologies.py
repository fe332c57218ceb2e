"""Servers of Redis or Valkey as they stand at scale: watched by Sentinels, and as a Cluster."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tests.ports import free_port
from tests.redis_server import Engine, RedisServer, program, redis_server
from tests.waiting import PATIENCE, wait_until
from tests.world import FakeClock
from vestibule.guard.shared import HIT
from vestibule.state.service import SharedState


def shared_state(url: str, *, timeout: float = 2) -> SharedState:
    return SharedState(url=SecretStr(url), timeout=timeout, outage="fail-closed", clock=FakeClock())


async def count(shared: SharedState, key: str = "{a}") -> int:
    """One more under this key."""
    answer: list[int] = await shared.run(HIT, keys=(key,), arguments=("", 999, 600000))
    return answer[0]


async def hears_itself(shared: SharedState) -> None:
    """Until what it tells reaches whoever listens, itself among them."""
    heard = asyncio.Event()
    shared.news.on("greeting", lambda rest: heard.set() if rest == "again" else None)
    async with asyncio.timeout(PATIENCE):
        while not heard.is_set():
            await shared.news.tell("greeting", "again")
            with suppress(TimeoutError):
                await asyncio.wait_for(heard.wait(), 0.1)


async def stands_a_crowd(shared: SharedState) -> None:
    """Many count at one moment, and many tell something: none is refused, none lost."""
    told = {str(number) for number in range(100)}
    await hears_itself(shared)
    missing = set(told)
    shared.news.on("number", missing.discard)
    before = await count(shared)

    counts, _ = await asyncio.gather(
        asyncio.gather(*(count(shared) for _ in told)),
        asyncio.gather(*(shared.news.tell("number", number) for number in told)),
    )

    assert sorted(counts) == [before + 1 + number for number in range(100)]
    async with asyncio.timeout(PATIENCE):
        while missing:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert shared.status().outages == 0


def tls_options(certificate: Path, key: Path) -> dict[str, str]:
    """Of a server that speaks TLS, too, at a port of its own, and so to others of its kind."""
    return {
        "tls_port": str(free_port()),
        "tls_cert_file": str(certificate),
        "tls_key_file": str(key),
        "tls_ca_cert_file": str(certificate),
        "tls_auth_clients": "no",
        "tls_replication": "yes",
    }


@contextmanager
def sentinel(folder: Path, primary: RedisServer, **options: str) -> Iterator[RedisServer]:
    """A Sentinel that watches the primary under the name `main`: by TLS, where that speaks it."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    config = folder / "sentinel.conf"
    named = {name.replace("_", "-"): value for name, value in options.items()}
    own = "".join(f"{name} {value}\n" for name, value in named.items())
    password = primary.options.get("requirepass")
    config.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {folder}\nlogfile {folder / 'sentinel.log'}\n{own}"
        f"sentinel monitor main 127.0.0.1 {primary.options.get('tls-port', primary.port)} 1\n"
        "sentinel down-after-milliseconds main 300\nsentinel failover-timeout main 2000\n"
        + (f"sentinel auth-pass main {password}\n" if password else "")
    )
    command = [program(primary.engine), str(config), "--sentinel"]
    process = subprocess.Popen(command, start_new_session=True)
    watcher = RedisServer(folder, options=named, port=port, process=process)
    try:
        while not watcher.answers():
            assert process.poll() is None, (folder / "sentinel.log").read_text()
        yield watcher
    finally:
        watcher.stop()


@contextmanager
def cluster_of(
    engine: Engine, *, replicas: int = 0, tls: tuple[Path, Path] | None = None
) -> Iterator[list[RedisServer]]:
    """Three primaries that share the keys, each with so many replicas.

    With `tls`, a certificate and its key, they speak that to one another and to who wants it.
    """
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                redis_server(
                    engine,
                    cluster_enabled="yes",
                    cluster_node_timeout="2000",
                    repl_diskless_sync_delay="0",
                    **({"tls_cluster": "yes", **tls_options(*tls)} if tls else {}),
                )
            )
            for _ in range(3 * (1 + replicas))
        ]
        nodes = [f"127.0.0.1:{server.port}" for server in servers]
        subprocess.run(
            [
                *("redis-cli", "--cluster", "create", *nodes),
                *("--cluster-replicas", str(replicas), "--cluster-yes"),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )
        await_whole(servers)
        yield servers


def await_whole(servers: list[RedisServer]) -> None:
    """Wait until each node finds that all keys have one."""
    for server in servers:
        with server.client() as client:
            while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
                pass


def start_elsewhere(servers: list[RedisServer]) -> None:
    """Start all nodes of a Cluster that were stopped, each under another address."""
    for server in servers:
        server.port = free_port()
        server.start()
    with servers[0].client() as client:
        for server in servers[1:]:
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", server.port)
    await_whole(servers)


@dataclass
class Name:
    """What stays as it is where servers move: a port that leads to one of them."""

    port: int
    server: RedisServer


@asynccontextmanager
async def name_of(server: RedisServer) -> AsyncIterator[Name]:
    """A name of this server, until it is made one of another."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while data := await reader.read(65536):
                writer.write(data)

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError):
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", name.server.port)
            await asyncio.gather(pass_on(reader, to_writer), pass_on(to_reader, writer))

    async with await asyncio.start_server(lead, "127.0.0.1", 0) as listening:
        name = Name(listening.sockets[0].getsockname()[1], server)
        yield name


def url_of(server: RedisServer | Name) -> str:
    return f"redis+cluster://127.0.0.1:{server.port}"


def owner_of(key: str, servers: list[RedisServer]) -> RedisServer:
    """The primary that has this key."""
    with servers[0].client() as client:
        port = owner_of_slot(client.cluster("KEYSLOT", key), client)
    return next(server for server in servers if server.port == port)


def owner_of_slot(slot: int, client: Any) -> int:
    """The port of the primary that has it, as far as this node knows."""
    return next(
        int(primary[1])
        for first, last, primary, *_ in client.execute_command("CLUSTER", "SLOTS")
        if first <= slot <= last
    )


def move(keys: list[str], servers: list[RedisServer]) -> None:
    """Give keys that don't exist yet, and are on the first node, to the second."""
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for server in servers]
        to = clients[1].cluster("MYID")
        for slot in {clients[0].cluster("KEYSLOT", key) for key in keys}:
            if owner_of_slot(slot, clients[0]) == servers[0].port:
                for client in clients:
                    client.cluster("SETSLOT", slot, "NODE", to)


def all_replicated(primary: RedisServer) -> None:
    """Wait until its replica has all that was written to it."""
    with primary.client() as client:
        client.set("{a}:last", 1)  # it waits for what the same connection wrote
        wait_until(lambda: client.wait(1, 1000) == 1)
