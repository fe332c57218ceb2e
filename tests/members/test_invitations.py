"""Invitations: who they are for, what they are worth, and that they work once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select
from structlog.testing import capture_logs

from tests.conftest import make_client
from tests.mail.server import Postbox, postbox
from tests.orgs.people import people, roles, signed_in, told, trail
from tests.world import FakeClock, World
from vestibule.clock import utc
from vestibule.members import repository
from vestibule.members.models import invitations
from vestibule.orgs.models import Role
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

INVITATIONS = "/api/v1/org/acme/invitations"
ACCEPT = "/api/v1/invitations/accept"
UNKNOWN = (404, "not_found_error", "Invitation not found")
WEEK = 7 * 86400


@pytest.fixture
async def owner(client: httpx.AsyncClient, world: World) -> dict[str, str]:
    await people(world)
    await world.user("bob")
    return await signed_in(client, world, "owner")


@pytest.fixture
async def bob(client: httpx.AsyncClient, world: World, owner: object) -> dict[str, str]:
    return await signed_in(client, world, "bob")


async def invite(
    client: httpx.AsyncClient,
    headers: dict[str, str],
    address: str = "bob@example.org",
    role: str = "member",
) -> dict[str, Any]:
    body = {"email_address": address, "role": role}
    response = await client.post(INVITATIONS, json=body, headers=headers)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def accept(client: httpx.AsyncClient, headers: dict[str, str], token: str) -> httpx.Response:
    return await client.post(ACCEPT, json={"token": token}, headers=headers)


async def test_who_is_invited_becomes_a_member(
    client: httpx.AsyncClient,
    services: Services,
    owner: dict[str, str],
    bob: dict[str, str],
) -> None:
    made = await invite(client, owner, " Bob@Example.ORG", "admin")

    response = await accept(client, bob, made["token"])

    assert made == {
        "id": made["id"], "email_address": "bob@example.org", "role": "admin",
        "invited_by": str((await services.users.named("owner")).id),
        "created_at": "2027-01-15T08:00:00Z", "expires_at": "2027-01-22T08:00:00Z",
        "token": made["token"], "mail_sent": False,
    }  # fmt: skip
    assert len(made["token"]) == 43
    assert response.status_code == 200
    body = response.json()
    assert (body["key"], body["role"], body["is_active"]) == ("acme", "admin", True)
    assert (await roles(services))["bob"] == "admin"
    assert (await client.get(INVITATIONS, headers=owner)).json() == []
    (event,) = await trail(services, "invitation_accept")
    assert (event.result, event.org_id) == (
        "success",
        (await services.organizations.get("acme")).id,
    )


async def test_only_the_digest_of_the_secret_is_kept_and_it_stands_in_no_log(
    client: httpx.AsyncClient, services: Services, owner: dict[str, str], bob: dict[str, str]
) -> None:
    with capture_logs() as lines:
        token = (await invite(client, owner))["token"]
        await accept(client, owner, token)
        await accept(client, bob, token)
    rows = await services.database.read(lambda c: c.execute(select(invitations)).all())
    listed = (await client.get(INVITATIONS, headers=owner)).text

    assert len(rows[0].digest) == 32
    assert token not in str(lines) + str(rows) + listed


@pytest.mark.parametrize(
    "spoil", ["unknown", "spent", "expired", "revoked", "replaced", "other", "inviter", "digest"]
)
async def test_what_opens_nothing_is_always_told_alike(
    client: httpx.AsyncClient,
    services: Services,
    world: World,
    clock: FakeClock,
    owner: dict[str, str],
    bob: dict[str, str],
    spoil: str,
) -> None:
    made = await invite(client, await signed_in(client, world, "admin"))
    token, headers = made["token"], bob
    user = await services.users.named("bob")
    match spoil:
        case "unknown":
            token = "A" * 43
        case "spent":
            await accept(client, bob, token)
            await services.organizations.remove_member(key="acme", user_id=user.id)
        case "expired":
            clock.advance(WEEK + 1)
            headers = await signed_in(client, world, "bob")
        case "revoked":
            await client.delete(f"{INVITATIONS}/{made['id']}", headers=owner)
        case "replaced":
            await invite(client, owner)
        case "other":
            headers = await signed_in(client, world, "stranger")
        case "inviter":
            admin = await services.users.named("admin")
            await services.organizations.remove_member(key="acme", user_id=admin.id)
        case "digest":
            rows = await services.database.read(lambda c: c.execute(select(invitations)).all())
            token = rows[0].digest.hex()

    refused = await accept(client, headers, token)

    assert told(refused) == UNKNOWN
    assert not {"bob", "stranger"} & set(await roles(services))


@pytest.mark.parametrize("end", ["accepted", "revoked", "expired"])
async def test_the_address_of_one_that_has_ended_is_forgotten_a_day_later(
    client: httpx.AsyncClient,
    services: Services,
    world: World,
    clock: FakeClock,
    owner: dict[str, str],
    bob: dict[str, str],
    end: str,
) -> None:
    made = await invite(client, owner)
    match end:
        case "accepted":
            await accept(client, bob, made["token"])
        case "revoked":
            await client.delete(f"{INVITATIONS}/{made['id']}", headers=owner)
        case "expired":
            clock.advance(WEEK)
    await invite(client, await signed_in(client, world, "owner"), "carol@example.org")

    clock.advance(86400 - 1)
    await services.housekeeping.round()
    kept = await addresses(services)
    clock.advance(2)
    await services.housekeeping.round()

    assert kept == ["bob@example.org", "carol@example.org"]
    assert await addresses(services) == ["carol@example.org"]


async def addresses(services: Services) -> list[str]:
    asked = select(invitations.c.email_address).order_by(invitations.c.email_address)
    return list(await services.database.read(lambda c: c.execute(asked).scalars().all()))


async def test_of_two_accepts_at_once_one_makes_the_member(
    client: httpx.AsyncClient, services: Services, owner: dict[str, str], bob: dict[str, str]
) -> None:
    token = (await invite(client, owner))["token"]

    answers = await asyncio.gather(*(accept(client, bob, token) for _ in range(5)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {404, 409}
    assert len(await trail(services, "invitation_accept")) == 5


async def test_of_two_who_have_checked_an_invitation_one_spends_it(
    client: httpx.AsyncClient, services: Services, clock: FakeClock, owner: dict[str, str]
) -> None:
    invitation_id = UUID((await invite(client, owner))["id"])
    user = await services.users.named("bob")

    spent = [
        await services.database.write(
            lambda c: repository.spend(
                c, invitation_id=invitation_id, user_id=user.id, now=utc(clock)
            )
        )
        for _ in range(2)
    ]

    assert spent == [True, False]


async def test_members_are_not_invited_and_keep_their_role(
    client: httpx.AsyncClient, services: Services, owner: dict[str, str], bob: dict[str, str]
) -> None:
    token = (await invite(client, owner, role="admin"))["token"]
    user = await services.users.named("bob")
    await services.organizations.add_member(key="acme", user_id=user.id, role=Role.MEMBER)

    body = {"email_address": "member@example.org"}
    invited = await client.post(INVITATIONS, json=body, headers=owner)
    accepted = await accept(client, bob, token)

    assert told(invited) == (409, "already_exists_error", "This person is a member already")
    assert told(accepted) == (409, "already_exists_error", "You are a member already")
    assert (await roles(services))["bob"] == "member"


async def test_an_admin_neither_makes_nor_ends_nor_replaces_an_invitation_of_an_owner(
    client: httpx.AsyncClient, world: World, owner: dict[str, str]
) -> None:
    admin = await signed_in(client, world, "admin")
    made = await invite(client, owner, role="owner")

    replaced = await client.post(
        INVITATIONS, json={"email_address": "bob@example.org"}, headers=admin
    )
    ended = await client.delete(f"{INVITATIONS}/{made['id']}", headers=admin)

    assert (replaced.status_code, ended.status_code) == (403, 403)
    assert [row["id"] for row in (await client.get(INVITATIONS, headers=admin)).json()] == [
        made["id"]
    ]


async def test_an_inviter_who_was_demoted_lets_nobody_in_above_themselves(
    client: httpx.AsyncClient, services: Services, world: World, owner: dict[str, str],
    bob: dict[str, str],
) -> None:  # fmt: skip
    token = (await invite(client, owner, role="owner"))["token"]
    member = await services.users.named("member")
    body = {"user_id": str(member.id)}
    await client.post("/api/v1/org/acme/transfer", json=body, headers=owner)

    refused = await accept(client, bob, token)

    assert told(refused) == UNKNOWN


async def test_an_invitation_of_another_organization_is_not_ended_by_its_id(
    client: httpx.AsyncClient, world: World, owner: dict[str, str]
) -> None:
    made = await invite(client, owner)
    stranger = await signed_in(client, world, "stranger")

    path = f"/api/v1/org/globex/invitations/{made['id']}"
    refused = await client.delete(path, headers=stranger)

    assert told(refused) == UNKNOWN
    assert len((await client.get(INVITATIONS, headers=owner)).json()) == 1


async def test_a_credential_for_other_organizations_accepts_nothing(
    client: httpx.AsyncClient, world: World, services: Services, owner: dict[str, str]
) -> None:
    token = (await invite(client, owner))["token"]

    refused = await accept(
        client, await signed_in(client, world, "bob", organizations=["globex"]), token
    )

    assert told(refused) == UNKNOWN
    assert "bob" not in await roles(services)


async def test_a_suspended_organization_takes_nobody_in(
    client: httpx.AsyncClient, services: Services, owner: dict[str, str], bob: dict[str, str]
) -> None:
    token = (await invite(client, owner))["token"]
    await services.organizations.update("acme", is_active=False)

    refused = await accept(client, bob, token)

    assert told(refused) == (403, "forbidden_error", "This organization is suspended")
    assert "bob" not in await roles(services)


@pytest.mark.parametrize("address", ["", "bob", "bob@", "a b@example.org", "x\n@example.org"])
async def test_only_addresses_are_invited(
    client: httpx.AsyncClient, owner: dict[str, str], address: str
) -> None:
    refused = await client.post(INVITATIONS, json={"email_address": address}, headers=owner)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["loc"] == ["body", "email_address"]


# With mail


@asynccontextmanager
async def with_mail(
    settings: Settings, clock: FakeClock, **changes: Any
) -> AsyncIterator[tuple[Services, httpx.AsyncClient, World, Postbox]]:
    async with postbox() as box:
        changed = settings.model_copy(
            update={
                "smtp_url": SecretStr(f"smtp://{box.url}"),
                "mail_from": "noreply@example.org",
                **changes,
            }
        )
        services = wire(changed, clock=clock)
        await services.keys.ensure()
        world = World(services)
        await people(world)
        await world.user("bob")
        async with make_client(services) as client:
            yield services, client, world, box
        await services.close()


async def test_the_mailed_secret_proves_the_address_and_the_told_one_does_not(
    settings: Settings, clock: FakeClock
) -> None:
    async with with_mail(settings, clock) as (services, client, world, box):
        await world.user("carol")
        owner = await signed_in(client, world, "owner")
        to_bob = await invite(client, owner)
        await asyncio.wait_for(box.arrived.wait(), 5)
        to_carol = await invite(client, owner, "carol@example.org")
        text = box.messages[0].get_content()
        (link,) = [line for line in text.splitlines() if "://" in line]
        page, _, mailed = link.partition("?token=")

        by_mail = await accept(client, await signed_in(client, world, "bob"), mailed)
        by_word = await accept(client, await signed_in(client, world, "carol"), to_carol["token"])
        verified = {
            name: (await services.users.named(name)).email_verified for name in ("bob", "carol")
        }
        config = (await client.get("/api/v1/config")).json()

    assert page == "http://127.0.0.1:8000/invitation"
    assert mailed != to_bob["token"]
    assert to_bob["mail_sent"] is True
    assert (by_mail.status_code, by_word.status_code) == (200, 200)
    assert verified == {"bob": True, "carol": False}
    assert config["email_configured"] is True


async def test_either_secret_spends_the_invitation(settings: Settings, clock: FakeClock) -> None:
    async with with_mail(settings, clock, invitation_url="https://app.example.org/join") as (
        services, client, world, box,
    ):  # fmt: skip
        made = await invite(client, await signed_in(client, world, "owner"))
        await asyncio.wait_for(box.arrived.wait(), 5)
        text = box.messages[0].get_content()
        mailed = text.partition("https://app.example.org/join?token=")[2].split()[0]
        bob = await signed_in(client, world, "bob")
        await accept(client, bob, mailed)
        user = await services.users.named("bob")
        await services.organizations.remove_member(key="acme", user_id=user.id)

        again = [
            told(await accept(client, await signed_in(client, world, "bob"), token))
            for token in (mailed, made["token"])
        ]

    assert again == [UNKNOWN, UNKNOWN]


async def test_an_organization_does_not_flood_strangers_with_mail(
    settings: Settings, clock: FakeClock
) -> None:
    async with with_mail(settings, clock, invitations_per_hour=2) as (_, client, world, _box):
        owner = await signed_in(client, world, "owner")
        for name in ("x", "y"):
            await invite(client, owner, f"{name}@example.org")

        body = {"email_address": "z@example.org"}
        refused = await client.post(INVITATIONS, json=body, headers=owner)
        clock.advance(3601)
        later = await client.post(
            INVITATIONS, json=body, headers=await signed_in(client, world, "owner")
        )

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "3600"
    assert later.status_code == 201
