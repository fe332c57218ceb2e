"""What discovery says of the keys, while they change."""

from __future__ import annotations

import httpx

from tests.conftest import make_client
from tests.world import FakeClock
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

NAMES = ("id_token_signing_alg_values_supported", "introspection_signing_alg_values_supported")


async def test_a_changed_algorithm_is_told_beside_the_one_that_still_signs(
    services: Services, settings: Settings, clock: FakeClock, client: httpx.AsyncClient
) -> None:
    before = (await client.get("/.well-known/openid-configuration")).json()
    changed = wire(settings.model_copy(update={"signing_algorithm": "Ed25519"}), clock=clock)

    async with make_client(changed) as later:
        unrotated = (await later.get("/.well-known/openid-configuration")).json()
        await changed.keys.rotate()
        rotated = (await later.get("/.well-known/openid-configuration")).json()
    await changed.close()

    for name in NAMES:
        assert before[name] == unrotated[name] == ["ES256"]
        assert rotated[name] == ["ES256", "Ed25519"]
