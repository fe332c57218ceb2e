"""A second Vestibule, which knows people, and services that ask it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from tests.e2e.server import Server
from tests.identity.fakes import directory
from tests.world import PASSWORD, FakeClock
from vestibule.clock import SystemClock
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

HERE = "http://127.0.0.1:8000"
CALLBACK = f"{HERE}/login/directory/corp/callback"


@pytest.fixture
def _before_services() -> None:
    """Connectors are real here."""


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its clock is the real one."""
    server = Server(tmp_path_factory.mktemp("upstream"))
    server.start()
    server.cli(
        "user", "create", "ann", "--email", "ann@corp.example", "--verified",
        "--first-name", "Ann", stdin=f"{PASSWORD}\n",
    )  # fmt: skip
    yield server
    server.stop()


@pytest.fixture(scope="session")
def secret(upstream: Server) -> str:
    """What it knows us by."""
    made = upstream.cli(
        "client", "create", "another-vestibule", "--first-party", "--json",
        "--grant", "password", "--grant", "authorization_code",
        "--scope", "openid", "--scope", "profile", "--scope", "email",
        "--redirect-uri", CALLBACK,
    )  # fmt: skip
    value: str = json.loads(made.stdout)["client_secret"]
    return value


@pytest.fixture
def connection(upstream: Server, secret: str) -> dict[str, Any]:
    """How it is reached."""
    return {
        "kind": "oidc",
        "issuer": upstream.url,
        "client_id": "another-vestibule",
        "client_secret": secret,
        "password_grant": True,
        "timeout": 20,
    }


@pytest.fixture
def clock() -> FakeClock:
    """As late as it is there: what it signs must be in time here."""
    return FakeClock(SystemClock().time())


@pytest.fixture
def configured(connection: dict[str, Any]) -> dict[str, Any]:
    return directory(connection=connection, domains=["corp.example"])


@pytest.fixture
async def services(
    settings: Settings, clock: FakeClock, configured: dict[str, Any]
) -> AsyncIterator[Services]:
    changes = {"directories": SecretStr(json.dumps([configured]))}
    made = wire(settings.model_copy(update=changes), clock=clock)
    await made.keys.ensure()
    yield made
    await made.close()
