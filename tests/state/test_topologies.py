"""Redis behind Sentinels; what its URLs mean; and the doctor's look at it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.redis_server import Engine, redis_server
from tests.state.conftest import back
from tests.state.topologies import (
    all_replicated,
    count,
    hears_itself,
    sentinel,
    shared_state,
    stands_a_crowd,
)
from tests.waiting import PATIENCE
from vestibule.cli.doctor_redis import examine_redis
from vestibule.errors import DatabaseUnavailable
from vestibule.settings import Settings
from vestibule.state import news
from vestibule.state.places import place_of


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["lost", "silent"])
async def test_after_a_failover_the_counters_are_the_new_primarys(
    engine: Engine, number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "SILENCE", 1.0)
    with (
        redis_server(engine) as primary,
        redis_server(
            engine, replicaof=f"127.0.0.1 {primary.port}", repl_diskless_sync_delay="0"
        ) as replica,
    ):
        with replica.client() as client:
            while client.info("replication")["master_link_status"] != "up":
                pass
        with sentinel(tmp_path, primary) as watcher:
            with watcher.client() as client:
                while not client.sentinel_slaves("main"):
                    pass
            shared = shared_state(f"redis+sentinel://127.0.0.1:{watcher.port}/main/0", timeout=1)
            shared.start()
            await hears_itself(shared)
            counts = [await count(shared) for _ in range(2)]
            all_replicated(primary)
            primary.stop(number)

            with pytest.raises(DatabaseUnavailable):
                await count(shared)
            # A Sentinel that the machine held for two seconds trusts no clock for thirty.
            await back(shared, patience=3 * PATIENCE)

            counts.append(await count(shared))
            await hears_itself(shared)
            await shared.close()

    assert counts == [1, 2, 3]


async def test_a_sentinel_that_is_silent_hides_no_other(engine: Engine, tmp_path: Path) -> None:
    with (
        redis_server(engine) as primary,
        sentinel(tmp_path / "silent", primary) as silent,
        sentinel(tmp_path / "other", primary) as other,
    ):
        silent.stop(signal.SIGSTOP)
        hosts = f"127.0.0.1:{silent.port},127.0.0.1:{other.port}"
        shared = shared_state(f"redis+sentinel://{hosts}/main/0", timeout=1)
        shared.start()

        assert await count(shared) == 1
        await stands_a_crowd(shared)
        await shared.close()


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
