"""What members see of an organization, and its owners change."""

from __future__ import annotations

from uuid import UUID, uuid4

import httpx
import pytest

from tests.conftest import make_client
from tests.orgs.people import people, trail
from tests.pages.rooms import done, enter, require_own_forms, send, send_anyway, token_of
from tests.world import World
from vestibule.audit.models import Result
from vestibule.clock import utc
from vestibule.members.repository import open_invitations
from vestibule.orgs.models import Role
from vestibule.wiring import Services

ACME = "/organizations/acme"
MEMBERS = f"{ACME}/members"
INVITATIONS = f"{ACME}/invitations"
EVIL = "<script>alert(1)</script>\"'"
SHOWN = "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;"


async def id_of(services: Services, username: str) -> UUID:
    return (await services.users.named(username)).id


async def roles(services: Services) -> dict[str, str]:
    """By username, the roles in acme."""
    acme = await services.organizations.get("acme")
    return {m.username: m.role.value for m in await services.members.of(acme.id)}


async def invited(services: Services) -> list[str]:
    """The addresses that are invited to acme."""
    acme = await services.organizations.get("acme")
    found = await services.database.read(
        lambda c: open_invitations(c, org_id=acme.id, now=utc(services.clock))
    )
    return [invitation.email_address for invitation in found]


# Who may come in


@pytest.mark.parametrize("path", [ACME, MEMBERS, INVITATIONS])
async def test_strangers_are_told_what_is_told_of_what_does_not_exist(
    client: httpx.AsyncClient, world: World, services: Services, path: str
) -> None:
    await people(world)
    await enter(client, "/organizations/globex", "stranger")
    owner = str(await id_of(services, "owner"))
    wish = {"name": "Mine", "member": owner, "email_address": "new@example.org"}
    actions = {ACME: "change", MEMBERS: "remove", INVITATIONS: "invite"}

    def told(answer: httpx.Response, name: str) -> tuple[int, str]:
        page = answer.text.replace(answer.headers["x-request-id"], "")
        return answer.status_code, page.replace(name, "")

    there = await client.get(path)
    nowhere = await client.get(path.replace("acme", "nowhere"))
    sent = await send_anyway(client, services, path, actions[path], **wish)

    assert there.status_code == 404
    assert "Organization not found" in there.text
    assert told(there, "acme") == told(nowhere, "nowhere") == told(sent, "acme")
    assert (await services.organizations.get("acme")).name == "Acme"
    assert (await roles(services))["owner"] == "owner"
    assert await invited(services) == []


async def test_a_member_sees_and_changes_nothing(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    overview = await enter(client, ACME, "member")
    members = await client.get(MEMBERS)
    invitations = await client.get(INVITATIONS)

    renamed = await send_anyway(client, services, ACME, "change", name="Mine")
    owner = str(await id_of(services, "owner"))
    removed = await send_anyway(client, services, MEMBERS, "remove", member=owner)

    assert "Acme" in overview.text
    assert f'href="{INVITATIONS}"' not in overview.text
    assert 'name="name"' not in overview.text
    assert "owner@example.org" in members.text
    assert 'name="member"' not in members.text
    assert invitations.status_code == 403
    assert (renamed.status_code, removed.status_code) == (403, 403)
    assert "Your role in this organization does not allow this." in removed.text
    assert (await services.organizations.get("acme")).name == "Acme"
    assert await roles(services) == {"owner": "owner", "admin": "admin", "member": "member"}


async def test_nobody_enters_a_suspended_organization(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    await services.organizations.update("acme", is_active=False)

    page = await enter(client, ACME, "owner")

    assert page.status_code == 403
    assert "This organization is suspended." in page.text


async def test_an_administrator_of_the_service_needs_no_membership(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)

    page = await enter(client, ACME, "root")
    answer = await send(client, ACME, "change", name="Acme Limited", description="")

    assert "you administer the service" in page.text
    await done(client, answer)
    assert (await services.organizations.get("acme")).name == "Acme Limited"


# What it is called


@pytest.mark.parametrize("username", ["owner", "admin"])
async def test_an_organization_is_renamed_by_those_who_may(
    client: httpx.AsyncClient, world: World, services: Services, username: str
) -> None:
    await people(world)
    await enter(client, ACME, username)

    answer = await send(client, ACME, "change", name=EVIL, description="one\r\ntwo")

    page = await done(client, answer)
    assert "The organization is changed." in page
    assert SHOWN in page
    assert EVIL not in page
    acme = await services.organizations.get("acme")
    assert (acme.name, acme.description) == (EVIL, "one\ntwo")
    (row,) = await trail(services, "org_update")
    assert row.result is Result.SUCCESS


async def test_a_name_that_is_none_is_refused_and_what_was_typed_is_kept(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    await enter(client, ACME, "owner")

    answer = await send(client, ACME, "change", name=" ", description="<i>typed</i>")

    assert answer.status_code == 422
    assert "A name is 1 to 200 printable characters." in answer.text
    assert "&lt;i&gt;typed&lt;/i&gt;" in answer.text
    assert (await services.organizations.get("acme")).name == "Acme"


async def test_the_organization_is_for_own_forms(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    await enter(client, ACME, "owner")

    await require_own_forms(client, ACME, action="change", name="Forged")

    assert (await services.organizations.get("acme")).name == "Acme"


# Members


async def test_members_are_shown_with_names_that_draw_nothing(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    member = await services.users.named("member")
    await services.users.update(member, first_name=EVIL)

    page = await enter(client, MEMBERS, "owner")

    assert "Members of Acme" in page.text
    assert SHOWN in page.text
    assert EVIL not in page.text
    assert "stranger" not in page.text


async def test_a_role_is_changed(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    await enter(client, MEMBERS, "owner")

    answer = await send(
        client, MEMBERS, "role", member=str(await id_of(services, "member")), role="admin"
    )

    assert "The role is changed." in await done(client, answer)
    assert (await roles(services))["member"] == "admin"


async def test_a_member_is_removed(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    await enter(client, MEMBERS, "admin")

    answer = await send(client, MEMBERS, "remove", member=str(await id_of(services, "member")))

    page = await done(client, answer)
    assert "The member is removed." in page
    assert "member@example.org" not in page
    assert "member" not in await roles(services)


@pytest.mark.parametrize("username", ["owner", "root"])
async def test_an_organization_is_handed_over(
    client: httpx.AsyncClient, world: World, services: Services, username: str
) -> None:
    await people(world)
    page = await enter(client, MEMBERS, username)
    heir = str(await id_of(services, "member"))

    answer = await send(client, MEMBERS, "transfer", member=heir)

    assert "Yes, hand it over" in page.text
    assert "The organization has its new owner." in await done(client, answer)
    assert await roles(services) == {"owner": "admin", "admin": "admin", "member": "owner"}
    (row,) = await trail(services, "org_transfer")
    assert row.user_id == await id_of(services, username)


async def test_only_owners_hand_it_over(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    page = await enter(client, MEMBERS, "admin")
    own = str(await id_of(services, "admin"))

    answer = await send_anyway(client, services, MEMBERS, "transfer", member=own)

    assert "hand it over" not in page.text
    assert answer.status_code == 403
    assert (await roles(services))["owner"] == "owner"


async def test_the_last_owner_stays_one(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    await enter(client, MEMBERS, "owner")
    owner = str(await id_of(services, "owner"))

    demoted = await send(client, MEMBERS, "role", member=owner, role="member")
    left = await send(client, MEMBERS, "remove", member=owner)

    for answer in (demoted, left):
        assert answer.status_code == 409
        assert "An organization keeps at least one owner." in answer.text
    assert (await roles(services))["owner"] == "owner"


async def test_an_admin_is_not_offered_owners_and_can_not_touch_them(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    page = await enter(client, MEMBERS, "admin")
    owner, member = [str(await id_of(services, name)) for name in ("owner", "member")]

    removed = await send(client, MEMBERS, "remove", member=owner)
    promoted = await send(client, MEMBERS, "role", member=member, role="owner")

    assert 'value="owner"' not in page.text
    assert owner not in page.text
    for answer in (removed, promoted):
        assert answer.status_code == 403
        assert "Your role in this organization does not allow this." in answer.text
    assert await roles(services) == {"owner": "owner", "admin": "admin", "member": "member"}


@pytest.mark.parametrize("action", ["role", "remove"])
@pytest.mark.parametrize("member", ["stranger", "unknown", "no id"])
async def test_members_of_other_organizations_are_nobodys(
    client: httpx.AsyncClient, world: World, services: Services, action: str, member: str
) -> None:
    await people(world)
    await enter(client, MEMBERS, "owner")
    stranger = await id_of(services, "stranger")

    sent = {"stranger": str(stranger), "unknown": str(uuid4())}.get(member, member)
    answer = await send(client, MEMBERS, action, member=sent)

    assert answer.status_code == 404
    (kept,) = await services.organizations.memberships_of(stranger)
    assert kept.role is Role.OWNER


@pytest.mark.parametrize("fields", [{"action": "anything"}, {"action": "role", "role": "king"}])
async def test_what_the_page_does_not_offer_changes_nothing(
    client: httpx.AsyncClient, world: World, services: Services, fields: dict[str, str]
) -> None:
    await people(world)
    await enter(client, MEMBERS, "owner")
    token = token_of(await client.get(MEMBERS))
    member = str(await id_of(services, "admin"))

    answer = await client.post(MEMBERS, data={"form_token": token, "member": member, **fields})

    assert answer.status_code == 422
    assert (await roles(services))["admin"] == "admin"


async def test_members_are_for_own_forms(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    await enter(client, MEMBERS, "owner")
    member = str(await id_of(services, "member"))

    await require_own_forms(client, MEMBERS, action="remove", member=member)

    assert "member" in await roles(services)


async def test_members_come_page_by_page(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.pages.organization.members.PAGE", 2)
    await people(world)

    first = await enter(client, MEMBERS, "owner")
    query = first.text.split(f"{MEMBERS}?")[1].split('"')[0]
    second = await client.get(f"{MEMBERS}?{query}")

    shown = [[f"{name}@example.org" in page.text for name in ("owner", "admin", "member")]
             for page in (first, second)]  # fmt: skip
    assert shown == [[True, True, False], [False, False, True]]
    assert 'rel="next"' not in second.text


# Invitations


async def test_somebody_is_invited_by_mail_and_the_link_is_not_shown(
    world: World, services: Services
) -> None:
    await people(world)
    services.outbox.is_configured = True
    async with make_client(services) as client:
        await enter(client, INVITATIONS, "owner")

        answer = await send(
            client, INVITATIONS, "invite", email_address="New@Example.org", role="admin"
        )

        page = await done(client, answer)
        assert "The invitation is on its way." in page
        assert "new@example.org" in page
        assert "?token=" not in page
    (row,) = await trail(services, "invitation_create")
    assert row.result is Result.SUCCESS


async def test_without_mail_the_link_is_shown_once_and_works(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    await enter(client, INVITATIONS, "owner")

    answer = await send(client, INVITATIONS, "invite", email_address="stranger@example.org")
    link = answer.text.split('id="secret">')[1].split("<")[0]
    again = await client.get(INVITATIONS)

    assert "stranger@example.org" in again.text
    assert "?token=" not in again.text
    client.cookies.clear()
    path = link.removeprefix(services.settings.public_url)
    assert "Join Acme?" in (await enter(client, path, "stranger")).text


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"email_address": "<b>nobody</b>"}, 422, "The e-mail address"),
        ({"email_address": ""}, 422, "The e-mail address"),
        ({"email_address": "member@example.org"}, 409, "This person is a member already."),
        ({"email_address": "new@example.org", "role": "owner"}, 403,
         "Your role in this organization does not allow this."),
    ],
)  # fmt: skip
async def test_who_can_not_be_invited_is_told_and_kept_in_the_form(
    client: httpx.AsyncClient,
    world: World,
    services: Services,
    fields: dict[str, str],
    status: int,
    said: str,
) -> None:
    await people(world)
    await enter(client, INVITATIONS, "admin")

    answer = await send(client, INVITATIONS, "invite", **fields)

    assert answer.status_code == status
    assert said in answer.text
    typed = fields["email_address"].replace("<", "&lt;").replace(">", "&gt;")
    assert f'value="{typed}"' in answer.text
    assert await invited(services) == []


async def test_the_limit_of_invitations_is_told(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    await enter(client, INVITATIONS, "owner")

    for number in range(services.settings.invitations_per_hour + 1):
        answer = await send(client, INVITATIONS, "invite", email_address=f"p{number}@example.org")

    assert answer.status_code == 429
    assert "Too many invitations, try again later." in answer.text


async def test_an_invitation_is_withdrawn(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    await enter(client, INVITATIONS, "owner")
    await send(client, INVITATIONS, "invite", email_address="new@example.org")
    page = await client.get(INVITATIONS)
    invitation = page.text.split('name="invitation" value="')[1].split('"')[0]

    answer = await send(client, INVITATIONS, "withdraw", invitation=invitation)

    shown = await done(client, answer)
    assert "The invitation is withdrawn." in shown
    assert "Nobody is invited at present." in shown


@pytest.mark.parametrize("invitation", ["of globex", "unknown", ""])
async def test_invitations_of_other_organizations_are_nobodys(
    client: httpx.AsyncClient, world: World, services: Services, invitation: str
) -> None:
    await people(world)
    globex = "/organizations/globex/invitations"
    await enter(client, globex, "stranger")
    made = await send(client, globex, "invite", email_address="new@example.org")
    theirs = made.text.split('name="invitation" value="')[1].split('"')[0]
    client.cookies.clear()
    await enter(client, INVITATIONS, "owner")

    sent = {"of globex": theirs, "unknown": str(uuid4())}.get(invitation, invitation)
    answer = await send(client, INVITATIONS, "withdraw", invitation=sent)

    assert answer.status_code == 404
    client.cookies.clear()
    assert "new@example.org" in (await enter(client, globex, "stranger")).text


async def test_invitations_are_for_own_forms(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    await enter(client, INVITATIONS, "owner")

    await require_own_forms(
        client, INVITATIONS, action="invite", email_address="forged@example.org"
    )

    assert await invited(services) == []


@pytest.mark.once
@pytest.mark.parametrize("path", [ACME, MEMBERS, INVITATIONS])
async def test_nobody_comes_in_without_signing_in(client: httpx.AsyncClient, path: str) -> None:
    page = await client.get(path)
    sent = await client.post(path, data={"action": "change"})

    assert "Sign in to see your organization." in page.text
    assert sent.status_code == 401
