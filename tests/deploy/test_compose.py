"""The Compose file: what it says, and what it runs, end to end behind its own HAProxy."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy import compose
from tests.deploy.stack import CLIENT, Stack, made_by_init, running, variables
from tests.postgres import PostgresServer
from tests.waiting import wait_until
from tests.world import LOGIN, PASSWORD
from vestibule.errors import ALL
from vestibule.pages.administration.uploads import MAX_FILE

OURS = ("vestibule-1", "vestibule-2", "migrate")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("stack"), postgres) as started:
        started.servers[0].cli("user", "create", "olga", "--admin", stdin=PASSWORD + "\n")
        yield started


def log_in(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post(LOGIN, data={"username": "olga", "password": PASSWORD}, headers=headers)


def addresses(stack: Stack) -> set[str]:
    """Where the trail says that requests came from."""
    lines = stack.servers[0].cli("audit", "tail", "--json").stdout.splitlines()
    return {json.loads(line)["address"] for line in lines}


def test_a_login_through_the_proxy_holds_at_the_other_instance(stack: Stack) -> None:
    with stack.client() as client:
        answer = log_in(client)
        token = answer.json()["access_token"]
        refreshed = client.post(
            "/api/v1/auth/refresh", json={"refresh_token": answer.json()["refresh_token"]}
        )

    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert refreshed.status_code == 200
    for server in stack.servers:
        me = httpx.get(
            f"{server.url}/api/v1/user",
            headers={"Authorization": f"Bearer {token}", "X-Forwarded-Proto": "https"},
        )
        assert me.json()["username"] == "olga", me.text


def test_an_instance_writes_nothing_where_it_runs(stack: Stack) -> None:
    for server in stack.servers:
        assert [path.name for path in server.data.iterdir()] == ["service.log"]  # the test's own


def test_nobody_was_made_whose_password_would_stand_in_kept_output(stack: Stack) -> None:
    users = json.loads(stack.servers[0].cli("user", "list", "--json").stdout)

    assert [user["username"] for user in users] == ["olga"]
    assert [server.first for server in stack.servers] == [{}, {}]


def test_who_waits_for_an_instance_waits_until_it_is_ready(stack: Stack) -> None:
    services = stack.file["services"]
    for name, server in zip(("vestibule-1", "vestibule-2"), stack.servers, strict=True):
        kind, program, *words = services[name]["healthcheck"]["test"]

        assert (kind, program, words) == ("CMD", "vestibule", ["health", "--ready"])
        assert server.cli(*words).returncode == 0
        assert services["proxy"]["depends_on"][name] == {"condition": "service_healthy"}


def test_what_a_client_says_of_itself_is_not_believed(stack: Stack) -> None:
    lies = [
        {"X-Forwarded-For": "203.0.113.9"},
        {"X-Forwarded-For": "203.0.113.9, 127.0.0.1"},
        {"Forwarded": 'for="203.0.113.9";proto=https'},
        {"X-Real-IP": "203.0.113.9", "X-Forwarded-Host": "evil.example"},
    ]
    with stack.client() as client:
        for lie in lies:
            assert log_in(client, **lie).status_code == 200

    assert addresses(stack) == {CLIENT}


@pytest.mark.parametrize(
    "forged", [{}, {"X-Forwarded-Proto": "https"}, {"Forwarded": "proto=https"}]
)
def test_a_password_over_plain_http_is_refused_whatever_is_said_of_it(
    stack: Stack, forged: dict[str, str]
) -> None:
    form = {"username": "olga", "password": PASSWORD}

    answer = httpx.post(f"http://127.0.0.1:{stack.http}{LOGIN}", data=form, headers=forged)

    assert answer.status_code == 426
    assert answer.json()["type"] == "upgrade_required_error"


def test_a_page_is_moved_to_https(stack: Stack) -> None:
    answer = httpx.get(f"http://127.0.0.1:{stack.http}/login/device?code=1")

    assert answer.status_code == 308
    assert answer.headers["Location"] == f"https://127.0.0.1:{stack.http}/login/device?code=1"


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics/", "//metrics", "/%6detrics", "/METRICS", "/metrics?x=1"]
)
def test_metrics_are_not_for_the_street(stack: Stack, path: str) -> None:
    with stack.client() as client:
        answer = client.get(f"{stack.url}{path}")

    assert answer.status_code == 404
    assert answer.json()["type"] == "not_found_error"
    assert "process_" not in answer.text


def test_a_request_id_is_passed_on_and_found_in_both_logs_and_no_path_is(stack: Stack) -> None:
    with stack.client() as client:
        client.get("/api/v1/config?code=secret", headers={"X-Request-ID": "asked-for.1"})
        made = client.get("/api/v1/config", headers={"X-Request-ID": 'bad" id'})

    # Both write when the answer is out.
    wait_until(lambda: "request=asked-for.1" in stack.log)
    wait_until(lambda: any("asked-for.1" in server.log for server in stack.servers))
    assert re.fullmatch(r"[0-9a-f-]{36}", made.headers["X-Request-ID"])
    assert "secret" not in stack.log
    assert "/api/v1" not in stack.log


def test_an_old_version_of_tls_is_refused(stack: Stack) -> None:
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{stack.https}", "-tls1_1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=30,
    )

    assert done.returncode != 0


def test_redis_asks_for_its_password_keeps_what_it_has_and_holds_the_counts(stack: Stack) -> None:
    with stack.client() as client:
        log_in(client)

    assert int(stack.ask_redis("dbsize")) > 0
    assert "NOAUTH" in stack.ask_redis("dbsize", password=False)
    assert stack.ask_redis("config", "get", "maxmemory-policy").split() == [
        "maxmemory-policy", "noeviction",
    ]  # fmt: skip
    assert stack.ask_redis("config", "get", "appendonly").split() == ["appendonly", "yes"]


class Traffic:
    """Asks without a pause, and keeps every status and error."""

    def __init__(self, stack: Stack) -> None:
        self.seen: list[int | str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(stack,))

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def more(self, count: int) -> None:
        """Return when so many more were answered."""
        target, begun = len(self.seen) + count, time.monotonic()
        while len(self.seen) < target:
            assert time.monotonic() - begun < 60, self.seen
            self._over.wait(0.01)

    def _run(self, stack: Stack) -> None:
        with stack.client() as client:
            while not self._over.is_set():
                try:
                    self.seen.append(log_in(client).status_code)
                except httpx.HTTPError as error:
                    self.seen.append(type(error).__name__)


def test_an_instance_may_be_told_to_stop_or_be_killed_and_sign_in_goes_on(
    stack: Stack,
) -> None:
    [first, second] = stack.servers
    with Traffic(stack) as traffic:
        traffic.more(10)
        assert first.stop(signal.SIGTERM) == 0
        traffic.more(10)
        told = len(traffic.seen)
        first.start()
        begun = time.monotonic()
        while "Server vestibule/one is UP" not in stack.log:
            assert time.monotonic() - begun < 20
            traffic.more(1)
        second.stop(signal.SIGKILL)
        traffic.more(10)

    # The one that was told is never asked in vain. The one that is killed may take what it was
    # at with it, and no more than that: there is one request at a time. On a connection that it
    # has used before HAProxy hangs up instead of saying 502: the client knows what to do.
    assert set(traffic.seen[:told]) == {200}
    failed = [status for status in traffic.seen[told:] if status != 200]
    assert failed in ([], [502], ["RemoteProtocolError"])


def test_where_no_instance_is_ready_the_proxy_says_so_in_the_envelope(stack: Stack) -> None:
    # The last test of the stack: it stays down.
    for server in stack.servers:
        if server.process is not None:
            server.stop(signal.SIGKILL)

    with stack.client() as client:
        answer = log_in(client)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["type"] == "not_ready_error"


def test_every_error_of_the_proxy_is_one_of_ours() -> None:
    text = (compose.FOLDER / "haproxy.cfg").read_text()
    found = re.findall(
        r"http-error status (\d+) content-type application/json string '(.*?)'", text
    )
    types = {kind.type.value for kind in ALL}

    assert {int(status) for status, _ in found} == {400, 403, 404, 500, 502, 503, 504}
    for status, body in found:
        payload = json.loads(body)
        assert payload["code"] == int(status)
        assert set(payload) == {"code", "detail", "type"}
        assert payload["type"] in types


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_by_init(tmp_path_factory.mktemp("init"))


@pytest.fixture(scope="module")
def file(prepared: Path) -> dict[str, Any]:
    return compose.read(**variables(prepared))


def test_init_makes_every_secret_that_the_file_names_and_leaves_it_at_that(
    prepared: Path, file: dict[str, Any]
) -> None:
    secrets = {prepared / secret["file"] for secret in file["secrets"].values()}
    before = {path: path.read_bytes() for path in secrets}

    subprocess.run([prepared / "init", "other.example"], check=True, capture_output=True)

    assert set((prepared / "secrets").iterdir()) == secrets
    assert {path: path.read_bytes() for path in secrets} == before
    assert stat.S_IMODE((prepared / "secrets").stat().st_mode) == 0o700
    assert variables(prepared) == {"VESTIBULE_ISSUER": "https://localhost"}
    for path in secrets:
        # The users of the containers are others than whoever ran it.
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
    key = (prepared / "secrets" / "vestibule_secret_key").read_text().strip()
    assert len(key) == 64
    assert key not in (prepared / "secrets" / "postgres_password").read_text()


def test_without_init_the_file_says_what_to_do() -> None:
    with pytest.raises(KeyError, match=r"run \./init first"):
        compose.read()


def test_every_container_is_confined(file: dict[str, Any]) -> None:
    for name, service in file["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        # Beside the others: Docker Compose takes `pids_limit` for a second word on the same.
        assert "pids_limit" not in service, name
        limits = service["deploy"]["resources"]["limits"]
        assert set(limits) == {"cpus", "memory", "pids"}, name
        assert not service.get("privileged"), name
        assert ":latest" not in service["image"], name
    for name in OURS:
        assert file["services"][name]["user"] == "10001:10001"


def test_only_the_proxy_is_reached_from_outside_and_it_reaches_no_data(
    file: dict[str, Any],
) -> None:
    services = file["services"]

    assert [name for name, service in services.items() if service.get("ports")] == ["proxy"]
    assert set(services["proxy"]["networks"]) == {"outside", "edge"}
    assert set(services["postgres"]["networks"]) == {"data"}
    assert set(services["redis"]["networks"]) == {"data"}
    assert file["networks"]["edge"]["internal"] is True
    assert file["networks"]["data"]["internal"] is True


def test_nobody_is_given_the_address_of_the_proxy_or_of_prometheus(file: dict[str, Any]) -> None:
    """An engine gives the first free one of the range, and instances start before the proxy."""
    (pool,) = file["networks"]["edge"]["ipam"]["config"]
    given = IPv4Network(pool["ip_range"])
    proxy = IPv4Address(file["services"]["proxy"]["networks"]["edge"]["ipv4_address"])
    readers = {file["services"][name]["environment"]["VESTIBULE_METRICS_NETWORKS"] for name in OURS}
    (reader,) = IPv4Network(readers.pop())

    assert given.subnet_of(IPv4Network(pool["subnet"]))
    assert {proxy, reader} <= set(IPv4Network(pool["subnet"]))
    assert proxy != reader
    assert not {proxy, reader} & set(given)
    assert not readers


def test_no_secret_stands_in_an_environment(file: dict[str, Any]) -> None:
    for name, service in file["services"].items():
        for variable in service.get("environment", {}):
            secret = re.search("PASSWORD|SECRET|KEY|URL|TOKEN", variable)
            assert not secret or variable.endswith(("_FILE", "_DIR")), (name, variable)


def test_who_is_stopped_is_given_the_time_that_it_takes(file: dict[str, Any]) -> None:
    service = file["services"]["vestibule-1"]
    environment = service["environment"]
    needed = int(environment["VESTIBULE_DRAIN_DELAY"]) + int(environment["VESTIBULE_DRAIN_TIMEOUT"])

    assert service["stop_grace_period"] == "45s"
    assert needed < 45


def test_an_import_in_the_browser_has_room_for_its_file_while_the_next_one_comes_in(
    file: dict[str, Any],
) -> None:
    for name in OURS:
        [folder] = file["services"][name]["tmpfs"]
        size = re.fullmatch(r"/tmp:size=(\d+)m,mode=1777", folder)
        assert size is not None
        assert int(size[1]) * 1024**2 > 2 * MAX_FILE


def test_as_many_hashes_at_once_as_there_are_processors(file: dict[str, Any]) -> None:
    for name in OURS:
        service = file["services"][name]
        cpus = service["deploy"]["resources"]["limits"]["cpus"]
        assert float(service["environment"]["VESTIBULE_HASH_THREADS"]) == float(cpus)


def test_the_proxy_knows_the_instances_by_the_names_they_have(file: dict[str, Any]) -> None:
    environment = file["services"]["proxy"]["environment"]
    names = [environment[f"INSTANCE_{number}"].partition(":")[0] for number in (1, 2)]

    assert names == ["vestibule-1", "vestibule-2"]
    assert all(name in file["services"] for name in names)
    assert os.access(compose.FOLDER / "init", os.X_OK)
