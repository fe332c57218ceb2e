"""Every attack is watched: what it is told, what the log says, what the trail says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from tests.attacks.house import House, house
from tests.attacks.watch import Watch
from tests.identity.fakes import FakeConnector, Fakes, directory
from tests.identity.oidc.provider import CLIENT_ID, Provider, provider
from tests.world import FakeClock, World
from vestibule.clock import Clock
from vestibule.identity.configuration import DirectoryConfiguration
from vestibule.identity.connector import Connector
from vestibule.identity.connectors import make_connector
from vestibule.settings import Settings
from vestibule.wiring import Services, wire


@pytest.fixture
async def watch(services: Services, client: httpx.AsyncClient) -> AsyncIterator[Watch]:
    with capture_logs() as lines:
        seen = Watch(services, lines)
        client.event_hooks["response"].append(seen.see)
        yield seen
        await seen.assert_silent()


@pytest.fixture
async def there() -> AsyncIterator[Provider]:
    async with provider() as made:
        yield made


@pytest.fixture
async def over(settings: Settings, clock: FakeClock, there: Provider) -> AsyncIterator[Services]:
    """Services that send the people of corp.example there."""
    connection = {"kind": "oidc", "issuer": there.url, "client_id": CLIENT_ID}
    configured = directory("corp", connection=connection, domains=["corp.example"])
    changes = {"directories": SecretStr(json.dumps([configured]))}
    services = wire(settings.model_copy(update=changes), clock=clock)
    await services.keys.ensure()
    yield services
    await services.close()


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    """Directories of LDAP live in the test; those of OpenID Connect are asked as ever."""
    made = Fakes()

    def make(configuration: DirectoryConfiguration, clock: Clock) -> Connector | FakeConnector:
        oidc = configuration.connection.kind == "oidc"
        return (make_connector if oidc else made)(configuration, clock)

    monkeypatch.setattr("vestibule.wiring.directories.make_connector", make)
    return made


@pytest.fixture
async def inside(fakes: Fakes, services: Services, world: World) -> AsyncIterator[House]:
    """A house with everybody signed in."""
    async with house(services, world, fakes) as made:
        yield made
