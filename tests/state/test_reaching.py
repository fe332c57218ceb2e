"""How Redis is reached: by TLS, by a socket, and by a user who may do no more than is needed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.certificates import certify
from tests.conftest import make_client
from tests.redis_server import Engine, RedisServer, redis_server
from tests.state.conftest import back
from tests.state.test_shared_state import ECHO, login_status
from tests.state.topologies import cluster_of, count, hears_itself, sentinel, tls_options
from tests.world import FakeClock, World, log_in
from vestibule.cli.doctor_redis import examine_redis
from vestibule.errors import DatabaseUnavailable
from vestibule.state.flights import Away
from vestibule.state.service import SharedState
from vestibule.wiring import Services

Instances = Callable[..., list[Services]]
GUIDES = Path(__file__).parents[2] / "docs" / "src" / "content" / "docs"
OPERATIONS = GUIDES / "operations.md"


def state(url: str) -> SharedState:
    return SharedState(url=SecretStr(url), timeout=2, outage="degraded", clock=FakeClock())


async def echoed(url: str) -> str:
    """What a script answers through this URL, or why not."""
    shared = state(url)
    try:
        answer: bytes = await shared.run(ECHO, keys=("{a}",), arguments=("heard",))
    except Away as error:
        return error.reason
    finally:
        await shared.close()
    return answer.decode()


@contextmanager
def tls_server(folder: Path, *, address: str = "127.0.0.1") -> Iterator[tuple[str, Path]]:
    """A server whose certificate is for this address: its URL, and the certificate to trust."""
    certificate, key = certify(folder, address=address)
    options = tls_options(certificate, key)
    with redis_server("redis", **options):
        yield f"rediss://127.0.0.1:{options['tls_port']}", certificate


async def test_by_tls_only_to_whom_the_certificate_names(tmp_path: Path) -> None:
    with tls_server(tmp_path) as (url, certificate):
        trusted = await echoed(f"{url}?ssl_ca_certs={certificate}")
        unknown = await echoed(url)
    with tls_server(tmp_path, address="192.0.2.1") as (url, certificate):
        of_another = await echoed(f"{url}?ssl_ca_certs={certificate}")

    assert trusted == "heard"
    assert unknown == "ConnectionError"
    assert of_another == "ConnectionError"


async def test_by_sentinels_with_tls_and_a_password_for_each(tmp_path: Path) -> None:
    certificate, key = certify(tmp_path)
    with (
        redis_server("redis", requirepass="of-redis", **tls_options(certificate, key)) as primary,
        sentinel(
            tmp_path / "watcher",
            primary,
            requirepass="of-sentinels",
            **tls_options(certificate, key),
        ) as watcher,
    ):
        port = watcher.options["tls-port"]

        async def reached(password: str, of_sentinels: str, certificate: str) -> str:
            return await echoed(
                f"rediss+sentinel://:{password}@127.0.0.1:{port}/main"
                f"?sentinel_password={of_sentinels}{certificate}"
            )

        trusted = f"&ssl_ca_certs={certificate}"
        assert await reached("of-redis", "of-sentinels", trusted) == "heard"
        assert await reached("wrong", "of-sentinels", trusted) != "heard"
        assert await reached("of-redis", "wrong", trusted) != "heard"
        assert await reached("of-redis", "of-sentinels", "") != "heard"


async def test_by_tls_to_each_node_of_a_cluster_as_the_user_of_the_documentation(
    tmp_path: Path,
) -> None:
    files = certify(tmp_path)
    with cluster_of("redis", tls=files) as servers:
        for server in servers:
            add_documented_user(server, "+command", "+cluster|slots")
        hosts = ",".join(f"127.0.0.1:{server.options['tls-port']}" for server in servers)
        url = f"rediss+cluster://vestibule:secret@{hosts}"
        shared = state(f"{url}?ssl_ca_certs={files[0]}")
        shared.start()
        keys = [f"vestibule:{{{number}}}" for number in range(20)]

        counts = await asyncio.gather(*(count(shared, key) for key in keys))
        await hears_itself(shared)
        unknown = await echoed(url)
        await shared.close()
        kept, denied = [], []
        for server in servers:
            with server.client() as admin:
                kept.append(len(admin.keys("vestibule:{*")))
                denied += admin.acl_log()

    assert counts == [1] * 20
    assert (sum(kept), min(kept) > 0) == (20, True)
    assert unknown != "heard"
    assert denied == []


async def test_by_a_socket_and_into_a_database(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with redis_server(engine, unixsocket=str(path)) as server:
        by_socket = await echoed(f"unix://{path}?db=3")
        into_another = await echoed(f"{server.url}/3")
        into_none = await echoed(f"{server.url}/99")

    assert (by_socket, into_another) == ("heard", "heard")
    assert into_none != "heard"


def add_documented_user(server: RedisServer, *more: str) -> None:
    """Add the user whose rules the documentation names, and with `more` those of a Cluster's."""
    found = re.search(r"ACL SETUSER vestibule on >SECRET (.+)", OPERATIONS.read_text())
    assert found is not None
    rules = found[1].rstrip("` ").split()
    with server.client() as admin:
        admin.execute_command("ACL", "SETUSER", "vestibule", "on", ">secret", *rules, *more)


@pytest.mark.once
async def test_the_user_of_the_documentation_may_do_all_that_is_needed(
    instances: Instances, clock: FakeClock, engine: Engine
) -> None:
    with redis_server(engine) as server:
        add_documented_user(server)
        url = SecretStr(f"redis://vestibule:secret@127.0.0.1:{server.port}")
        one, other = instances(
            server, redis_url=url, limit_failures="1/minute", failure_delays=True
        )
        await one.keys.ensure()
        await World(one).user("alice")

        async with asyncio.timeout(20):
            await other.shared.news.heard.wait()
        assert (await login_status(one)).status_code == 401
        async with make_client(other) as client:
            assert (await log_in(client, "alice")).status_code == 200
        assert await one.replays.first_use(
            "x", issued_at=clock.time(), expires_at=clock.time() + 60
        )
        await one.guard.failed("192.0.2.1")  # the last there is room for, so others are told
        with pytest.raises(DatabaseUnavailable):
            await one.shared.run(ECHO, keys=("another's",), arguments=("x",))
        await back(one.shared)
        findings = await asyncio.to_thread(lambda: list(examine_redis(one.settings)))
        with server.client() as admin:
            denied = admin.acl_log()

    assert [entry["object"] for entry in denied] == ["another's"]
    assert "error" not in {finding.state for finding in findings}
