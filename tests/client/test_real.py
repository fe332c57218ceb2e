"""The SDK and the person's commands against real services."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import make_client as make_http
from tests.e2e.server import COMMAND, Server
from tests.world import PASSWORD, FakeClock, World
from vestibule.audit.service import Attempt
from vestibule.client import (
    AccessForbidden,
    AsyncClient,
    AuthenticationFailed,
    Client,
    DeviceCode,
    ExpiredToken,
    FileStore,
    InvalidGrant,
    MemoryStore,
    NotFound,
    SignInNeeded,
)
from vestibule.clock import utc
from vestibule.wiring import Services

ROOT = Path(__file__).parent.parent.parent
URL = "http://127.0.0.1:8000"


# In this process, where the clock can be moved


@pytest.fixture
async def sdk(services: Services, clock: FakeClock, world: World) -> AsyncClient:
    """A client of the real application, and alice of two organizations."""
    alice = await world.user()
    await world.org("acme", alice)
    await world.org("other", alice)
    return AsyncClient(URL, http=make_http(services), clock=clock, store=MemoryStore())


async def test_a_person_signs_in_is_refreshed_switches_and_signs_out(
    sdk: AsyncClient, clock: FakeClock
) -> None:
    session = await sdk.login("alice", PASSWORD, org="acme")
    first = await session.access_token()
    clock.advance(900)
    tokens = set(await asyncio.gather(*(session.access_token() for _ in range(200))))
    await session.switch_org("other")
    third = await session.access_token()
    user = await session.user()
    organizations = await session.organizations()
    await session.logout()

    assert {org["key"] for org in organizations} == {"acme", "other"}
    assert user["username"] == "alice"
    assert len({first, *tokens, third}) == 3
    with pytest.raises(SignInNeeded):
        await session.access_token()


async def test_a_logout_ends_the_refresh_token_at_the_service(
    sdk: AsyncClient, clock: FakeClock
) -> None:
    store = MemoryStore()
    sdk._store = store
    session = await sdk.login("alice", PASSWORD)
    stolen = store.load("default")
    assert stolen is not None

    await session.logout()
    store.save("default", stolen)
    clock.advance(900)

    with pytest.raises(InvalidGrant):
        await (await sdk.session()).access_token()


async def test_an_organization_that_is_not_hers_is_not_entered(sdk: AsyncClient) -> None:
    session = await sdk.login("alice", PASSWORD, org="acme")

    with pytest.raises(NotFound):
        await session.switch_org("nobodys")

    assert session.org == "acme"
    assert (await session.user())["username"] == "alice"


async def test_a_successor_that_was_never_stored_is_given_again_within_the_grace(
    sdk: AsyncClient, clock: FakeClock
) -> None:
    store = MemoryStore()
    sdk._store = store
    session = await sdk.login("alice", PASSWORD)
    before = store.load("default")
    assert before is not None
    clock.advance(900)

    lost = await session.access_token()
    store.save("default", before)  # as a crash before the store would leave it
    healed = await sdk.session()
    clock.advance(2)
    token = await healed.access_token()
    clock.advance(900)
    later = await healed.access_token()

    assert len({lost, token, later}) == 3
    assert (await healed.user())["username"] == "alice"


@pytest.mark.parametrize("approved", [True, False])
async def test_a_device_login_waits_for_a_decision(
    sdk: AsyncClient, services: Services, clock: FakeClock, approved: bool
) -> None:
    alice = await services.users.named("alice")
    attempt = Attempt(event="device", address="127.0.0.1", network="127.0.0.1", request_id="r")

    async def decide(code: DeviceCode) -> None:
        login = await services.devices.to_approve(code.user_code, user=alice, network="127.0.0.1")
        memberships = await services.organizations.memberships_of(alice.id)
        await services.devices.decide(
            login,
            approved=approved,
            user=alice,
            membership=next(m for m in memberships if m.organization.key == "other"),
            auth_time=utc(clock),
            attempt=attempt,
        )

    if not approved:
        with pytest.raises(AccessForbidden):
            await sdk.device_login(decide)
        return
    session = await sdk.device_login(decide)

    assert (await session.user())["username"] == "alice"
    assert session.org == "other"  # as she chose when she approved it
    clock.advance(900)
    assert await session.access_token()
    assert session.org == "other"


async def test_a_device_login_that_nobody_decides_expires(
    sdk: AsyncClient, clock: FakeClock
) -> None:
    codes: list[DeviceCode] = []

    with pytest.raises(ExpiredToken):
        await sdk.device_login(codes.append)

    assert sum(clock.slept) <= codes[0].expires_in
    assert set(clock.slept) == {codes[0].interval}


async def test_a_wrong_password_is_told_as_such(sdk: AsyncClient) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        await sdk.login("alice", "wrong")

    assert caught.value.request_id


# In processes of their own


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service with alice, in acme and other, whose access tokens are short."""
    made = Server(
        tmp_path_factory.mktemp("sdk") / "data",
        options={"access_token_lifetime": "30", "limit_account": "1000/minute"},
    ).start()
    made.cli("user", "create", "alice", "--email", "alice@example.org", stdin=PASSWORD + "\n")
    for key in ("acme", "other"):
        made.cli("org", "create", key)
        made.cli("org", "add-member", key, "alice")
    yield made
    made.stop()


def test_a_crash_between_refresh_and_store_loses_no_sign_in(server: Server, tmp_path: Path) -> None:
    program = textwrap.dedent(
        f"""
        import os
        from pathlib import Path
        from vestibule.client import Client, FileStore

        class Crash(FileStore):
            crash = False

            def save(self, name, record):
                if self.crash:
                    os._exit(9)
                super().save(name, record)

        store = Crash(Path({str(tmp_path)!r}))
        session = Client({server.url!r}, store=store).login("alice", {PASSWORD!r})
        store.crash = True
        session.switch_org("other")
        """
    )

    crashed = subprocess.run([sys.executable, "-c", program], check=False)
    with Client(server.url, store=FileStore(tmp_path)) as client:
        session = client.session()
        session.switch_org("acme")
        again = session.user()

    assert crashed.returncode == 9
    assert again["username"] == "alice"


def test_the_commands_run_the_whole_life(server: Server, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "XDG_CONFIG_HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }

    def vestibule(*arguments: str, stdin: str = "") -> str:
        return subprocess.run(
            [COMMAND, *arguments], env=environment, input=stdin, capture_output=True, text=True,
            check=True,
        ).stdout  # fmt: skip

    vestibule("login", "--url", server.url, "-u", "alice", "--org", "acme", stdin=PASSWORD + "\n")
    token = vestibule("token").strip()
    answer = httpx.get(f"{server.url}/api/v1/user", headers={"Authorization": f"Bearer {token}"})
    vestibule("org", "switch", "other")
    me = json.loads(vestibule("whoami", "--json"))
    out = vestibule("logout")

    assert answer.json()["username"] == "alice"
    assert (me["org"], me["user"]["username"]) == ("other", "alice")
    assert out == "Signed out.\n"
