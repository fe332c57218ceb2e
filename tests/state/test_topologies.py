"""Redis as it stands at scale: behind Sentinels, and as a Cluster; and the doctor's look at it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.e2e.server import free_port
from tests.redis_server import Engine, RedisServer, program, redis_server
from tests.state.conftest import back
from tests.waiting import PATIENCE
from tests.world import FakeClock, World
from vestibule.cli.doctor_redis import examine_redis
from vestibule.errors import DatabaseUnavailable, RateLimited
from vestibule.guard.shared import HIT
from vestibule.settings import Settings
from vestibule.state.places import place_of
from vestibule.state.service import SharedState
from vestibule.wiring import Services, wire


def shared_state(url: str) -> SharedState:
    return SharedState(url=SecretStr(url), timeout=2, outage="fail-closed", clock=FakeClock())


async def hears_itself(shared: SharedState) -> None:
    """Until what it tells reaches whoever listens, itself among them."""
    heard = asyncio.Event()
    shared.news.on("greeting", lambda rest: heard.set() if rest == "again" else None)
    async with asyncio.timeout(PATIENCE):
        while not heard.is_set():
            await shared.news.tell("greeting", "again")
            with suppress(TimeoutError):
                await asyncio.wait_for(heard.wait(), 0.1)


@contextmanager
def sentinel(folder: Path, primary: RedisServer) -> Iterator[int]:
    """A Sentinel that watches the primary under the name `main`; its port."""
    port = free_port()
    config = folder / "sentinel.conf"
    config.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {folder}\nlogfile {folder / 'sentinel.log'}\n"
        f"sentinel monitor main 127.0.0.1 {primary.port} 1\n"
        "sentinel down-after-milliseconds main 300\nsentinel failover-timeout main 2000\n"
    )
    command = [program(primary.engine), str(config), "--sentinel"]
    process = subprocess.Popen(command, start_new_session=True)
    watcher = RedisServer(folder, port=port)
    try:
        while not watcher.answers():
            assert process.poll() is None, (folder / "sentinel.log").read_text()
        yield port
    finally:
        process.kill()
        process.wait()


async def test_after_a_failover_the_counters_are_the_new_primarys(
    engine: Engine, tmp_path: Path
) -> None:
    with (
        redis_server(engine) as primary,
        redis_server(
            engine, replicaof=f"127.0.0.1 {primary.port}", repl_diskless_sync_delay="0"
        ) as replica,
    ):
        with replica.client() as client:
            while client.info("replication")["master_link_status"] != "up":
                pass
        with sentinel(tmp_path, primary) as port:
            with RedisServer(tmp_path, port=port).client() as watcher:
                while not watcher.sentinel_slaves("main"):
                    pass
            shared = shared_state(f"redis+sentinel://127.0.0.1:{port}/main/0")
            shared.start()
            await hears_itself(shared)
            for expected in (1, 2):
                answer = await shared.run(HIT, keys=("{a}",), arguments=("", 9, 600000))
                assert answer[0] == expected
            with primary.client() as client:
                assert client.wait(1, 5000) == 1
            primary.stop()

            with pytest.raises(Exception):  # noqa: B017  (whichever it meets first)
                await shared.run(HIT, keys=("{a}",), arguments=("", 9, 600000))
            await back(shared)

            answer = await shared.run(HIT, keys=("{a}",), arguments=("", 9, 600000))
            await hears_itself(shared)
            await shared.close()

    assert answer[0] == 3


@contextmanager
def cluster_of(engine: Engine, *, replicas: int = 0) -> Iterator[list[RedisServer]]:
    """Three primaries that share the keys, each with so many replicas."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                redis_server(
                    engine,
                    cluster_enabled="yes",
                    cluster_node_timeout="2000",
                    repl_diskless_sync_delay="0",
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
        for server in servers:
            with server.client() as client:
                while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
                    pass
        yield servers


def url_of(server: RedisServer) -> str:
    return f"redis+cluster://127.0.0.1:{server.port}"


@pytest.fixture
def cluster(engine: Engine) -> Iterator[str]:
    """The URL of one of three primaries."""
    with cluster_of(engine) as servers:
        yield url_of(servers[0])


async def test_a_node_of_a_cluster_that_is_lost_loses_no_count(engine: Engine) -> None:
    with cluster_of(engine, replicas=1) as servers:
        shared = shared_state(url_of(servers[0]))
        shared.start()
        for expected in (1, 2):
            answer = await shared.run(HIT, keys=("{a}",), arguments=("", 9, 600000))
            assert answer[0] == expected
        with servers[0].client() as client:
            slot = client.cluster("KEYSLOT", "{a}")
            owner = next(
                int(primary[1])
                for first, last, primary, *_ in client.execute_command("CLUSTER", "SLOTS")
                if first <= slot <= last
            )
        lost = next(server for server in servers if server.port == owner)
        with lost.client() as client:
            assert client.wait(1, 5000) == 1
        lost.stop()

        with pytest.raises(DatabaseUnavailable):
            await shared.run(HIT, keys=("{a}",), arguments=("", 9, 600000))
        async with asyncio.timeout(60):
            answer = await until_answered(shared)
        await hears_itself(shared)
        await shared.close()

    assert answer[0] == 3


async def until_answered(shared: SharedState) -> list[int]:
    """What a count says once a replica has taken over."""
    while True:
        await back(shared)
        try:
            counted: list[int] = await shared.run(HIT, keys=("{a}",), arguments=("", 9, 600000))
        except DatabaseUnavailable:
            continue
        return counted


@pytest.mark.once
async def test_in_a_cluster_everything_is_counted_and_told(
    cluster: str, settings: Settings, clock: FakeClock
) -> None:
    options = {"redis_url": SecretStr(cluster), "limit_address": "3/minute", "redis_timeout": 5.0}
    one, other = (wire(settings.model_copy(update=options), clock=clock) for _ in range(2))
    for services in (one, other):
        services.shared.start()
    await one.keys.ensure()
    user = await World(one).user("alice")

    statuses = [await _tried(services, user.id.hex) for services in (one, other, one, other)]
    for services in (one, other):
        await hears_itself(services.shared)
    ends = clock.time() + 60
    uses = [
        await s.replays.first_use("x", issued_at=clock.time(), expires_at=ends)
        for s in (one, other)
    ]
    for services in (one, other):
        assert services.shared.status().available
        await services.close()

    assert statuses == [True, True, True, False]
    assert uses == [True, False]


async def _tried(services: Services, account: str) -> bool:
    async def unknown() -> bool:
        return False

    try:
        async with services.guard.door("192.0.2.1") as door:
            await door.through("portal")
            admission = await services.guard.admit_account(
                account=account, network="192.0.2.1", is_known=unknown, door=door
            )
            await admission.failed()
    except RateLimited:
        return False
    return True


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1", "redis://", "redis://h:99999", "redis://h,g", "redis://h/x",
        "redis+sentinel://h:1", "redis+cluster://h/1", "redis://h?ssl_cert_reqs=none",
    ],
)  # fmt: skip
def test_a_url_that_can_not_be_used_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(ValueError, match="VESTIBULE_REDIS_URL") as refused:
        place_of(SecretStr(url.replace("//", "//user:pass-secret@", 1)))

    assert "secret" not in str(refused.value)


def test_a_url_says_what_it_means() -> None:
    place = place_of(SecretStr("rediss+sentinel://u:p%40ss@a:1,b/main/3?sentinel_password=s"))

    assert (place.kind, place.hosts, place.service, place.db, place.tls) == (
        "sentinel", (("a", 1), ("b", 26379)), "main", 3, True
    )  # fmt: skip
    assert place.password is not None
    assert place.password.get_secret_value() == "p@ss"


Make = Callable[..., Settings]


@pytest.fixture
def of(tmp_path: Path) -> Make:
    return lambda url: Settings(data_dir=tmp_path, redis_url=SecretStr(url), redis_timeout=1)


def test_the_doctor_says_what_redis_forgets(engine: Engine, of: Make) -> None:
    with redis_server(engine, maxmemory_policy="allkeys-lru") as server:
        found = {f.found: f.state for f in examine_redis(of(server.url))}
    with redis_server(engine, appendonly="yes", maxmemory_policy="noeviction") as server:
        well = [f.state for f in examine_redis(of(server.url))]
        gone = of(server.url)
    missing = list(examine_redis(gone))

    assert found["it drops counters when it is full (allkeys-lru)"] == "warning"
    assert found["it forgets counters when it restarts"] == "warning"
    assert well == ["ok"]
    assert [f.state for f in missing] == ["error"]
