"""The person and the clients that most standards speak of."""

from __future__ import annotations

import pytest

from tests.oauth.flows import CALLBACK
from tests.standards.parties import Holder, Party
from tests.world import FakeClock, World
from vestibule.clients.models import ClientKind, Grant
from vestibule.users.models import User

SCOPES = ["openid", "profile", "email"]


@pytest.fixture
async def alice(world: World) -> User:
    """A member of acme."""
    alice = await world.user()
    await world.org("acme", alice)
    return alice


@pytest.fixture
async def portal(world: World, alice: User) -> Party:
    """A public client with every grant that it can have."""
    grants = [grant for grant in Grant if grant is not Grant.CLIENT_CREDENTIALS]
    await world.client("portal", grants=grants, scopes=SCOPES, redirect_uris=[CALLBACK])
    return Party("portal")


@pytest.fixture
async def backend(world: World, alice: User) -> Party:
    """A confidential client with every grant."""
    _, secret = await world.client(
        "backend", kind=ClientKind.CONFIDENTIAL, grants=list(Grant), scopes=[*SCOPES, "jobs:run"],
        redirect_uris=[CALLBACK],
    )  # fmt: skip
    return Party("backend", secret)


@pytest.fixture
def holder(clock: FakeClock) -> Holder:
    return Holder(clock)
