"""Who answers for whom, and what a first sign-in makes."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.identity.conftest import Configure
from tests.identity.fakes import PASSWORD, broken
from tests.orgs.people import bearer, roles, trail
from tests.world import PASSWORD as LOCAL, FakeClock, World, log_in
from vestibule.clock import utc
from vestibule.errors import GatewayTimeout
from vestibule.identity.connector import Busy
from vestibule.identity.repository import identities_of
from vestibule.orgs.models import Role
from vestibule.scim.models import ProvisionedUser
from vestibule.scim.repository import add_user
from vestibule.users.models import User
from vestibule.wiring import Services


async def organizations(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [org["key"] for org in response.json().get("orgs", [])]


def claims_of(response: httpx.Response) -> dict[str, Any]:
    """What the access token says, unverified."""
    payload = response.json()["access_token"].split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=="))
    return claims


# Routing


@pytest.mark.parametrize(
    ("fields", "typed", "asked"),
    [
        ({"domains": ["corp.example"]}, "ann@corp.example", "ann@corp.example"),
        ({"domains": ["corp.example"]}, "ann@CORP.Example", "ann@CORP.Example"),
        ({"suffixes": ["@corp"]}, "ann@corp", "ann"),
        ({"suffixes": ["\\corp"]}, "ann\\CORP", "ann"),
        ({"is_default": True}, "ann", "ann"),
    ],
)
async def test_a_directory_answers_for_its_names(
    client: httpx.AsyncClient,
    configure: Configure,
    services: Services,
    fields: dict[str, object],
    typed: str,
    asked: str,
) -> None:
    corp = await configure(**fields)
    corp.add(asked, email_address="ann@corp.example", email_verified=True)

    response = await log_in(client, typed, PASSWORD)

    assert response.status_code == 200, response.text
    assert corp.asked == [asked]
    user = await services.users.named("ann@corp.example")
    assert user.password_hash is None
    assert user.email_verified


@pytest.mark.parametrize("typed", ["alice", "alice@other.example", "ann@xcorp.example", "@corp"])
async def test_a_directory_is_not_asked_for_other_names(
    client: httpx.AsyncClient, configure: Configure, world: World, typed: str
) -> None:
    corp = await configure(domains=["corp.example"], suffixes=["@corp"])
    await world.user("alice")

    assert (await log_in(client, typed, "wrong")).status_code == 401
    assert (await log_in(client, "alice")).status_code == 200

    assert corp.asked == []


async def test_the_longest_suffix_wins(client: httpx.AsyncClient, configure: Configure) -> None:
    await configure("short", suffixes=["corp"])
    long = await configure("long", suffixes=["@corp"])
    long.add("ann")

    assert (await log_in(client, "ann@corp", PASSWORD)).status_code == 200


async def test_the_directory_of_the_organization_is_asked_where_nobody_else_knows(
    client: httpx.AsyncClient, configure: Configure, world: World, root: dict[str, str]
) -> None:
    corp = await configure(organizations=[{"organization": "acme"}])
    corp.add("ann")
    await world.org("acme")
    demand = await client.put("/api/v1/directories/corp/organizations/acme", headers=root)

    without = await log_in(client, "ann", PASSWORD)
    response = await log_in(client, "ann", PASSWORD, scope="org:acme")

    assert demand.status_code == 204
    assert without.status_code == 401
    assert await organizations(response) == ["acme"]


async def test_an_exclusive_directory_answers_in_the_place_of_a_local_password(
    client: httpx.AsyncClient, configure: Configure, world: World
) -> None:
    await world.user("ann", email_address="ann@corp.example")
    corp = await configure(domains=["corp.example"])

    assert (await log_in(client, "ann@corp.example", LOCAL)).status_code == 401
    assert corp.asked == ["ann@corp.example"]


async def test_administrators_get_in_with_their_own_password_when_the_directory_fails(
    client: httpx.AsyncClient, configure: Configure, world: World
) -> None:
    await world.user("boss", email_address="boss@corp.example", is_admin=True)
    corp = await configure(domains=["corp.example"])
    corp.failing = broken()

    assert (await log_in(client, "boss@corp.example", LOCAL)).status_code == 200
    assert corp.asked == []


async def test_where_it_is_not_exclusive_local_passwords_stay(
    client: httpx.AsyncClient, configure: Configure, world: World
) -> None:
    await world.user("ann", email_address="ann@corp.example")
    await configure(domains=["corp.example"], exclusive=False)

    assert (await log_in(client, "ann@corp.example", LOCAL)).status_code == 200


async def test_an_inactive_directory_is_not_asked(
    client: httpx.AsyncClient, configure: Configure
) -> None:
    corp = await configure(domains=["corp.example"], is_active=False)
    corp.add("ann@corp.example")

    assert (await log_in(client, "ann@corp.example", PASSWORD)).status_code == 401
    assert corp.asked == []


async def test_a_directory_of_browsers_says_where_to_go_for_its_names(
    client: httpx.AsyncClient, configure: Configure
) -> None:
    corp = await configure(domains=["corp.example"])
    corp.takes_passwords = False

    response = await log_in(client, "ann@corp.example", PASSWORD)

    assert response.status_code == 403
    assert response.json()["detail"] == "Sign in through Corp, in a browser"
    assert corp.asked == []


# First sign-ins


async def test_a_first_sign_in_makes_the_account_and_its_memberships(
    client: httpx.AsyncClient, configure: Configure, world: World, services: Services
) -> None:
    await world.org("acme")
    await world.org("globex")
    corp = await configure(
        domains=["corp.example"],
        organizations=[{"organization": "acme"}],
        groups=[
            {"group": "Admins", "organization": "acme", "role": "admin"},
            {"group": "others", "organization": "globex"},
            {"group": "admins", "organization": "unknown"},
        ],
    )
    corp.add(
        "ann@corp.example",
        email_address="ann@corp.example",
        first_name="Ann",
        last_name="Lee\x00" + "x" * 300,
        groups=frozenset({"admins"}),
    )

    response = await log_in(client, "ann@corp.example", PASSWORD)

    assert await organizations(response) == ["acme"]
    user = await services.users.named("ann@corp.example")
    assert (user.first_name, len(user.last_name)) == ("Ann", 200)
    assert await roles(services) == {"ann@corp.example": "admin"}


async def test_two_first_sign_ins_at_once_make_one_account(
    client: httpx.AsyncClient, configure: Configure, services: Services
) -> None:
    corp = await configure(is_default=True)
    corp.add("ann")
    corp.hold = asyncio.Event()
    both = [asyncio.create_task(log_in(client, "ann", PASSWORD)) for _ in range(2)]
    await corp.was_asked(2)
    corp.hold.set()

    answers = await asyncio.gather(*both)

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [u.username for u in (await services.users.search())[0]].count("ann") == 1


@pytest.mark.parametrize(
    ("taken", "profile"),
    [
        ({"username": "ann"}, {"username": "ann", "email_address": "new@corp.example"}),
        (
            {"username": "other", "email_address": "ann@corp.example"},
            {"username": "ann", "email_address": "ann@corp.example"},
        ),
    ],
)
async def test_a_name_or_address_that_another_account_has_is_a_conflict(
    client: httpx.AsyncClient,
    configure: Configure,
    world: World,
    services: Services,
    taken: dict[str, str],
    profile: dict[str, str],
) -> None:
    await world.user(**taken)
    corp = await configure(suffixes=["#corp"], domains=["corp.example"])
    corp.add(**profile)

    response = await log_in(client, "ann#corp", PASSWORD)
    wrong = await log_in(client, "ann#corp", "wrong")

    assert response.status_code == 409
    assert response.json()["type"] == "already_exists_error"
    assert wrong.status_code == 401
    assert len((await services.users.search())[0]) == 2  # and root


async def test_an_address_that_the_directory_does_not_vouch_for_is_not_taken_on(
    client: httpx.AsyncClient, configure: Configure, services: Services
) -> None:
    corp = await configure(is_default=True)
    corp.add("ann", email_address="boss@victim.example", email_verified=False)

    assert (await log_in(client, "ann", PASSWORD)).status_code == 200

    assert (await services.users.named("ann")).email_address is None


async def test_a_directory_may_make_no_accounts(
    client: httpx.AsyncClient, configure: Configure
) -> None:
    corp = await configure(is_default=True, create_accounts=False)
    corp.add("ann")

    response = await log_in(client, "ann", PASSWORD)

    assert (response.status_code, response.json()["type"]) == (403, "forbidden_error")


@pytest.mark.parametrize(
    ("username", "subject"),
    [
        ("", "1"),
        ("a\x00b", "1"),
        ("x" * 400, "1"),
        ("ann", ""),
        ("ann", "a\x00b"),
        ("ann", "\ud800"),
        ("ann", "x" * 256),
    ],
)
async def test_a_profile_that_no_account_can_have_is_the_directorys_fault(
    client: httpx.AsyncClient, configure: Configure, username: str, subject: str
) -> None:
    corp = await configure(is_default=True)
    corp.people["ann"] = corp.add(username, subject=subject)

    assert (await log_in(client, "ann", PASSWORD)).status_code == 502


# Later ones


async def test_later_sign_ins_refresh_names_address_and_roles(
    client: httpx.AsyncClient, configure: Configure, world: World, services: Services
) -> None:
    await world.org("acme")
    await world.org("globex")
    corp = await configure(
        suffixes=["#corp"],
        domains=["corp.example"],
        groups=[
            {"group": "a", "organization": "acme", "role": "admin"},
            {"group": "b", "organization": "globex"},
        ],
    )
    corp.add("ann", first_name="Ann", groups=frozenset({"a"}))
    assert await organizations(await log_in(client, "ann#corp", PASSWORD)) == ["acme"]

    corp.change(
        "ann", first_name="Anna", email_address="anna@corp.example", groups=frozenset({"b"})
    )
    response = await log_in(client, "ann#corp", PASSWORD)

    assert await organizations(response) == ["globex"]
    user = await services.users.named("ann")
    assert (user.first_name, user.email_address) == ("Anna", "anna@corp.example")
    assert await roles(services, "acme") == {}


async def test_what_somebody_here_gave_is_not_taken_back(
    client: httpx.AsyncClient, configure: Configure, world: World, services: Services
) -> None:
    await world.org("acme")
    corp = await configure(
        is_default=True, groups=[{"group": "a", "organization": "acme", "role": "member"}]
    )
    corp.add("ann", groups=frozenset({"a"}))
    await log_in(client, "ann", PASSWORD)
    user = await services.users.named("ann")
    await services.organizations.remove_member(key="acme", user_id=user.id)
    await services.organizations.add_member(key="acme", user_id=user.id, role=Role.OWNER)

    corp.change("ann", groups=frozenset())
    await log_in(client, "ann", PASSWORD)

    assert await roles(services) == {"ann": "owner"}


async def test_what_two_sign_ins_at_once_are_given_is_taken_back_in_the_end(
    client: httpx.AsyncClient, configure: Configure, world: World, services: Services
) -> None:
    await world.org("acme")
    corp = await configure(is_default=True, groups=[{"group": "a", "organization": "acme"}])
    corp.add("ann")
    await log_in(client, "ann", PASSWORD)
    corp.change("ann", groups=frozenset({"a"}))
    corp.hold = asyncio.Event()
    both = [asyncio.create_task(log_in(client, "ann", PASSWORD)) for _ in range(2)]
    await corp.was_asked(3)
    corp.hold.set()
    await asyncio.gather(*both)
    given = await roles(services)

    corp.change("ann", groups=frozenset())
    await log_in(client, "ann", PASSWORD)

    assert given == {"ann": "member"}
    assert await roles(services) == {}


async def test_whoever_the_directory_has_disabled_is_out_and_back_when_it_says_so(
    client: httpx.AsyncClient, configure: Configure, services: Services
) -> None:
    corp = await configure(is_default=True)
    corp.add("ann")
    token = (await log_in(client, "ann", PASSWORD)).json()["refresh_token"]

    corp.change("ann", is_active=False)
    refused = await log_in(client, "ann", PASSWORD)
    refresh = await client.post("/api/v1/auth/refresh", json={"refresh_token": token})
    corp.change("ann", is_active=True)
    back = await log_in(client, "ann", PASSWORD)

    assert (refused.status_code, refused.json()["detail"]) == (403, "This account is disabled")
    assert refresh.status_code == 400
    assert back.status_code == 200
    assert (await services.users.named("ann")).is_active


async def test_an_account_that_an_administrator_disabled_stays_so(
    client: httpx.AsyncClient, configure: Configure, services: Services
) -> None:
    corp = await configure(is_default=True)
    corp.add("ann")
    await log_in(client, "ann", PASSWORD)
    await services.users.update(await services.users.named("ann"), is_active=False)

    assert (await log_in(client, "ann", PASSWORD)).status_code == 403
    assert (await log_in(client, "ann", "wrong")).status_code == 401


async def test_people_of_a_directory_have_no_password_to_change(
    client: httpx.AsyncClient, configure: Configure, world: World
) -> None:
    await world.client("app", scopes=["api:write"])
    corp = await configure(is_default=True)
    corp.add("ann")
    signed = await log_in(client, "ann", PASSWORD, client_id="app", scope="api:write")

    response = await client.post(
        "/api/v1/user/password",
        json={"current_password": PASSWORD, "new_password": "a long and new password"},
        headers=bearer(signed.json()["access_token"]),
    )

    assert response.status_code == 403


# Demands


async def test_an_organization_can_demand_its_directory(
    client: httpx.AsyncClient,
    configure: Configure,
    world: World,
    services: Services,
    root: dict[str, str],
) -> None:
    corp = await configure(suffixes=["#corp"], organizations=[{"organization": "acme"}])
    corp.add("ann")
    alice = await world.user("alice")
    await world.org("acme", alice)
    path = "/api/v1/directories/corp/organizations/acme"
    await client.put(path, headers=root)

    local = await log_in(client, "alice", scope="org:acme")
    unasked = await log_in(client, "alice")
    through = await log_in(client, "ann#corp", PASSWORD, scope="org:acme")
    kept = await client.delete("/api/v1/directories/corp", headers=root)
    ended = await client.delete(path, headers=root)
    after = await log_in(client, "alice", scope="org:acme")

    assert local.status_code == 403
    assert local.json()["detail"] == "This organization demands another way to sign in"
    assert unasked.status_code == 200
    assert "org_key" not in claims_of(unasked)
    assert claims_of(through)["org_key"] == "acme"
    assert through.status_code == 200
    assert kept.status_code == 409
    assert ended.status_code == 204
    assert after.status_code == 200
    assert [event.cause for event in await trail(services, "directory_demand")] == ["done"] * 2


# Failures


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (broken(), 502),
        (GatewayTimeout(cause="directory_silent"), 504),
        (ValueError(f"a defect that holds {PASSWORD}"), 502),
        (TimeoutError(), 504),
        (Busy(), 429),
    ],
)
async def test_a_failing_directory_is_told_in_the_envelope(
    client: httpx.AsyncClient,
    configure: Configure,
    failure: Exception,
    status: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    corp = await configure(is_default=True)
    corp.failing = failure

    response = await log_in(client, "ann", PASSWORD)

    assert response.status_code == status
    assert response.json()["code"] == status
    assert PASSWORD not in response.text + "".join(capsys.readouterr())


async def test_a_directory_that_says_nothing_is_given_up_in_time(
    client: httpx.AsyncClient, configure: Configure
) -> None:
    corp = await configure(
        is_default=True,
        connection={
            "kind": "ldap",
            "urls": ["ldaps://127.0.0.1:9"],
            "user_base": "x",
            "timeout": 0.01,
        },
    )
    corp.hold = asyncio.Event()

    assert (await log_in(client, "ann", PASSWORD)).status_code == 504


async def test_the_breaker_opens_half_opens_and_closes(
    client: httpx.AsyncClient, configure: Configure, clock: FakeClock, root: dict[str, str]
) -> None:
    corp = await configure(is_default=True, breaker_failures=2, breaker_seconds=10)
    corp.add("ann")
    corp.failing = broken()

    async def state() -> str:
        answer = await client.get("/api/v1/directories/corp", headers=root)
        metrics = (await client.get("/metrics")).text
        gauge = 'vestibule_directory_breaker{directory="corp"}'
        number = next(line for line in metrics.splitlines() if line.startswith(gauge))
        return f"{answer.json()['breaker']} {float(number.split()[-1]):.0f}"

    async def ask(name: str) -> int:
        # Another name each time, so that nobody is locked out.
        return (await log_in(client, name, PASSWORD)).status_code

    assert [await ask("a"), await state(), await ask("b"), await state()] == [
        502, "closed 0", 502, "open 2",
    ]  # fmt: skip
    assert len(corp.asked) == 2
    refused = await log_in(client, "c", PASSWORD)
    assert (refused.status_code, len(corp.asked)) == (502, 2)
    assert refused.headers["Retry-After"] == "10"
    clock.advance(10)
    assert await state() == "half_open 1"
    assert [await ask("d"), await state()] == [502, "open 2"]
    corp.failing = None
    clock.advance(10)
    assert [await ask("ann"), await state()] == [200, "closed 0"]


async def test_too_many_at_once_are_refused_and_hold_up_nobody_else(
    client: httpx.AsyncClient, configure: Configure, world: World
) -> None:
    await world.user("alice")
    corp = await configure(suffixes=["#corp"], max_concurrent=1)
    corp.add("ann")
    corp.hold = asyncio.Event()
    first = asyncio.create_task(log_in(client, "ann#corp", PASSWORD))
    await corp.was_asked(1)

    second = await log_in(client, "bob#corp", PASSWORD)
    local = await log_in(client, "alice")
    corp.hold.set()

    assert second.status_code == 429
    assert local.status_code == 200
    assert (await first).status_code == 200


async def test_a_password_that_it_took_is_taken_for_a_bounded_time_while_it_is_away(
    client: httpx.AsyncClient, configure: Configure, clock: FakeClock
) -> None:
    corp = await configure(is_default=True, cache_seconds=3600, breaker_failures=100)
    corp.add("ann")
    corp.add("bob")
    assert (await log_in(client, "ann", PASSWORD)).status_code == 200
    corp.failing = broken()

    assert (await log_in(client, "ann", PASSWORD)).status_code == 200
    assert (await log_in(client, "ann", "wrong")).status_code == 502
    assert (await log_in(client, "bob", PASSWORD)).status_code == 502
    clock.advance(3600)
    assert (await log_in(client, "ann", PASSWORD)).status_code == 502


async def test_without_that_setting_no_password_is_kept(
    client: httpx.AsyncClient, configure: Configure
) -> None:
    corp = await configure(is_default=True)
    corp.add("ann")
    await log_in(client, "ann", PASSWORD)
    corp.failing = broken()

    assert (await log_in(client, "ann", PASSWORD)).status_code == 502


async def test_wrong_passwords_are_counted_as_for_everybody(
    client: httpx.AsyncClient, configure: Configure
) -> None:
    corp = await configure(is_default=True)
    corp.add("ann")

    statuses = [(await log_in(client, "ann", "wrong")).status_code for _ in range(8)]

    assert 429 in statuses
    assert len(corp.asked) < 8


# Accounts that wait for their people


async def provisioned(services: Services, *, demanded: bool, made: bool = True) -> User:
    user = await services.users.create(username="ann", email_address="ann@corp.example")
    organization = await services.organizations.create(key="acme", name="Acme")
    now = utc(services.clock)
    row = ProvisionedUser(
        organization.id, user.id, "ann", None, {"userName": "ann"}, made, False, None, 1, now, now
    )
    await services.database.write(lambda c: add_user(c, row))
    if demanded:
        await services.organizations.update("acme", directory="corp")
    return user


@pytest.mark.parametrize(
    ("demanded", "made", "address", "status"),
    [
        (True, True, "ann@corp.example", 200),
        (False, True, "ann@corp.example", 409),
        (True, False, "ann@corp.example", 409),
        (True, True, "other@corp.example", 409),
        (True, True, None, 409),
    ],
)
async def test_an_account_that_was_provisioned_is_tied_to_whom_the_directory_vouches_for(
    client: httpx.AsyncClient,
    configure: Configure,
    services: Services,
    demanded: bool,
    made: bool,
    address: str | None,
    status: int,
) -> None:
    corp = await configure(domains=["corp.example"], suffixes=["#corp"])
    user = await provisioned(services, demanded=demanded, made=made)
    corp.add("ann", email_address=address)

    first = await log_in(client, "ann#corp", PASSWORD)
    again = await log_in(client, "ann#corp", PASSWORD)

    assert (first.status_code, again.status_code) == (status, status)
    if status == 200:
        tied = await services.database.read(lambda c: identities_of(c, user.id))
        assert [identity.subject for identity in tied] == ["id of ann"]


async def test_one_with_a_password_is_not(
    client: httpx.AsyncClient, configure: Configure, services: Services
) -> None:
    corp = await configure(domains=["corp.example"], suffixes=["#corp"])
    user = await provisioned(services, demanded=True)
    await services.users.set_password(user, SecretStr(LOCAL))
    corp.add("ann", email_address="ann@corp.example")

    assert (await log_in(client, "ann#corp", PASSWORD)).status_code == 409
