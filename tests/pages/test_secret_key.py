"""While the secret key is being changed, each instance takes what the other one has made."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from tests.conftest import make_client
from tests.oauth.flows import hidden
from tests.world import PASSWORD, FakeClock, World, log_in
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

REFRESH = "/api/v1/auth/refresh"
NEW = SecretStr("another secret key, of 32 characters or more")


@pytest.fixture
async def both(settings: Settings, clock: FakeClock) -> AsyncIterator[list[Services]]:
    """One that still has the former key, and knows the new one; and one that has changed them."""
    former = settings.secret_key
    made = [
        wire(settings.model_copy(update={"previous_secret_keys": (NEW,)}), clock=clock),
        wire(
            settings.model_copy(update={"secret_key": NEW, "previous_secret_keys": (former,)}),
            clock=clock,
        ),
    ]
    await made[0].keys.ensure()
    await World(made[0]).user("alice")
    yield made
    for services in made:
        await services.close()


@pytest.mark.once
@pytest.mark.parametrize("order", [1, -1], ids=["changed last", "changed first"])
async def test_forms_cookies_and_refresh_tokens_go_from_one_to_the_other(
    both: list[Services], order: int
) -> None:
    one, other = both[::order]
    async with make_client(one) as here, make_client(other) as there:
        page = await here.get("/account")
        there.cookies = here.cookies
        form = {
            "action": "sign_in",
            "form_token": hidden(page.text, "form_token"),
            "username": "alice",
            "password": PASSWORD,
        }
        signed_in = await there.post("/account", data=form)
        here.cookies = there.cookies
        account = await here.get("/account")
        token = (await log_in(here)).json()["refresh_token"]
        refreshed = await there.post(REFRESH, json={"refresh_token": token})

    assert signed_in.status_code == 303
    assert "alice" in account.text
    assert refreshed.status_code == 200
