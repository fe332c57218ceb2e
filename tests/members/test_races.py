"""What two instances of the service do at the same moment, on one database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.orgs.people import roles
from tests.world import FakeClock, World
from vestibule.access.caller import Caller
from vestibule.errors import ApiError
from vestibule.orgs.models import Role
from vestibule.settings import Settings
from vestibule.users.models import User
from vestibule.wiring import Services, wire

ROUNDS = 20


@pytest.fixture
async def other(settings: Settings, clock: FakeClock) -> AsyncIterator[Services]:
    """A second instance."""
    made = wire(settings, clock=clock)
    yield made
    await made.close()


def calling(user: User) -> Caller:
    return Caller(
        user_id=user.id,
        username=user.username,
        email_address=user.email_address,
        email_verified=False,
        is_admin=False,
        client_id="test",
        scopes=frozenset({"api:read", "api:write"}),
    )


async def test_two_owners_who_leave_at_two_instances_leave_one(
    services: Services, other: Services, world: World
) -> None:
    alice, bob = await world.user("alice"), await world.user("bob")
    callers = calling(alice), calling(bob)

    for number in range(ROUNDS):
        key = f"org-{number}"
        await world.org(key, alice, bob, role=Role.OWNER)
        done = await asyncio.gather(
            services.members.remove(callers[0], org=key, user_id=alice.id),
            other.members.remove(callers[1], org=key, user_id=bob.id),
            return_exceptions=True,
        )

        assert sorted(type(result).__name__ for result in done) == ["Conflict", "NoneType"]
        assert list((await roles(services, key)).values()) == ["owner"]


async def test_an_owner_who_leaves_while_handing_over_leaves_an_owner(
    services: Services, other: Services, world: World
) -> None:
    alice, bob = await world.user("alice"), await world.user("bob")

    for number in range(ROUNDS):
        key = f"org-{number}"
        await world.org(key, alice, role=Role.OWNER)
        await services.organizations.add_member(key=key, user_id=bob.id, role=Role.MEMBER)
        done = await asyncio.gather(
            services.administration.transfer(calling(alice), org=key, user_id=bob.id),
            other.members.remove(calling(bob), org=key, user_id=bob.id),
            return_exceptions=True,
        )

        assert all(result is None or isinstance(result, ApiError) for result in done)
        assert list((await roles(services, key)).values()).count("owner") == 1


async def test_an_invitation_accepted_at_two_instances_makes_one_membership(
    services: Services, other: Services, world: World
) -> None:
    alice, bob = await world.user("alice"), await world.user("bob")

    for number in range(ROUNDS):
        key = f"org-{number}"
        await world.org(key, alice, role=Role.OWNER)
        made = await services.invitations.invite(
            calling(alice), org=key, email_address="bob@example.org", role=Role.MEMBER
        )
        done = await asyncio.gather(
            services.invitations.accept(calling(bob), token=made.token),
            other.invitations.accept(calling(bob), token=made.token),
            return_exceptions=True,
        )

        assert sorted(type(result).__name__ for result in done) in (
            ["AlreadyExists", "Membership"], ["Membership", "NotFound"],
        )  # fmt: skip
        assert (await roles(services, key))["bob"] == "member"
