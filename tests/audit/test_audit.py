"""What the trail keeps, for whom, and how much of it strangers may fill."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import httpx
from structlog.testing import capture_logs

from tests.conftest import make_client
from tests.oauth.flows import bearer
from tests.world import FakeClock, World, log_in
from vestibule.audit.models import Result
from vestibule.audit.service import Attempt
from vestibule.audit.strangers import OVERALL, PER_NETWORK
from vestibule.ids import new_id
from vestibule.settings import Settings
from vestibule.wiring import Services, wire


async def causes(services: Services) -> Counter[str]:
    await services.audit.flush()
    return Counter(event.cause for event in await services.audit.latest(limit=10_000))


def refuse(
    services: Services, network: str, *, cause: str = "rubbish", user_id: UUID | None = None
) -> None:
    attempt = Attempt("access", network, network, "a request", user_id=user_id)
    services.audit.record_soon(
        services.audit.event(attempt, result=Result.REFUSED, cause=cause, status=400)
    )


async def test_a_stranger_fills_so_many_rows_in_a_minute_and_the_log_has_all(
    client: httpx.AsyncClient, services: Services, clock: FakeClock
) -> None:
    with capture_logs() as lines:
        for i in range(PER_NETWORK + 20):
            await client.get("/api/v1/user", headers=bearer(f"garbage {i}"))
        first = await causes(services)
        clock.advance(60)
        await client.get("/api/v1/user", headers=bearer("garbage"))
        second = await causes(services)

    assert first == {"token_invalid": PER_NETWORK}
    assert second == {"token_invalid": PER_NETWORK + 1}
    logged = Counter(line["event"] for line in lines)
    assert logged["access"] == PER_NETWORK + 21
    assert [line["count"] for line in lines if line["event"] == "audit rows left out"] == [20]


async def test_a_loud_network_takes_nothing_from_the_others(
    client: httpx.AsyncClient, services: Services
) -> None:
    for i in range(PER_NETWORK + 20):
        await client.get("/api/v1/user", headers=bearer(f"garbage {i}"))

    async with make_client(services, address="203.0.113.9") as other:
        await other.get("/api/v1/user", headers=bearer("garbage"))

    await services.audit.flush()
    assert (await services.audit.latest(limit=1))[0].network == "203.0.113.9"


async def test_of_everything_that_happens_there_is_a_row(services: Services) -> None:
    for cause in ("rubbish", "a wild guess"):
        for _ in range(PER_NETWORK + 20):
            refuse(services, "203.0.113.9", cause=cause)

    assert await causes(services) == {"rubbish": PER_NETWORK, "a wild guess": 1}


async def test_many_networks_together_have_a_bound_as_well(
    services: Services, clock: FakeClock
) -> None:
    with capture_logs() as lines:
        for i in range(OVERALL + 500):
            refuse(services, f"2001:db8::{i:x}")
        first = (await causes(services))["rubbish"]
        clock.advance(60)
        refuse(services, "2001:db8::1")
        second = (await causes(services))["rubbish"]

    assert (first, second) == (OVERALL, OVERALL + 1)
    assert [line["count"] for line in lines if line["event"] == "audit rows left out"] == [500]


async def test_what_was_left_out_is_told_though_nothing_follows(
    services: Services, clock: FakeClock
) -> None:
    for _ in range(PER_NETWORK + 7):
        refuse(services, "203.0.113.9")
    clock.advance(300)

    with capture_logs() as lines:
        await services.housekeeping.round()

    assert [line["count"] for line in lines if line["event"] == "audit rows left out"] == [7]


async def test_what_concerns_an_account_is_always_written(services: Services) -> None:
    account = new_id()
    for _ in range(OVERALL):
        refuse(services, "203.0.113.9")

    for _ in range(PER_NETWORK + 20):
        refuse(services, "203.0.113.9", user_id=account)

    await services.audit.flush()
    rows = await services.audit.latest(limit=10_000)
    assert Counter(row.user_id for row in rows) == {None: PER_NETWORK, account: PER_NETWORK + 20}


async def test_a_failed_login_is_always_written_before_it_is_answered(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.user()
    for _ in range(PER_NETWORK + 20):
        refuse(services, "127.0.0.1")

    await log_in(client, password="a wild guess")
    await log_in(client, "nobody")

    trail = [event.cause for event in await services.audit.latest(limit=2)]
    assert trail == ["password", "user_unknown"]


async def test_the_trail_is_kept_as_long_as_is_set(settings: Settings, clock: FakeClock) -> None:
    left = {}
    for days in (400, 0):
        services = wire(settings.model_copy(update={"audit_retention": days}), clock=clock)
        refuse(services, "203.0.113.9")
        await services.audit.flush()
        # Ids are of the machine's own time, so the clock is set by them.
        made = (await services.audit.latest(limit=1))[0].id
        clock.now = (made.int >> 80) / 1000 + 399 * 86400
        await services.housekeeping.round()
        before = await causes(services)
        # Where the trail is kept by months, the whole month must be so old.
        clock.advance(33 * 86400)
        await services.housekeeping.round()
        left[days] = (before["rubbish"], (await causes(services))["rubbish"])
        await services.close()

    assert left == {400: (1, 0), 0: (1, 1)}
