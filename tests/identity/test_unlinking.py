"""Whoever is unlinked at the instant in which they sign in is not in afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Connection, select
from sqlalchemy.util import await_only

from tests.identity.conftest import Configure
from tests.identity.fakes import PASSWORD, FakeConnector
from tests.oauth.flows import sign_in_page
from tests.orgs.people import roles, trail
from tests.waiting import lock_waits
from tests.world import FakeClock, World, log_in
from vestibule.clock import utc
from vestibule.identity import repository
from vestibule.sessions.models import Session, SessionKind, sessions
from vestibule.sessions.service import Origin
from vestibule.users.models import User
from vestibule.wiring import Services

Road = Callable[[httpx.AsyncClient, str, str], Awaitable[httpx.Response]]
"""Signs somebody in."""


@pytest.fixture
async def corp(configure: Configure, world: World) -> FakeConnector:
    """A directory that knows ann, who has signed in once."""
    await world.org("acme")
    corp = await configure(is_default=True, groups=[{"group": "a", "organization": "acme"}])
    corp.add("ann")
    return corp


@pytest.fixture
async def ann(client: httpx.AsyncClient, services: Services, corp: FakeConnector) -> User:
    answer = await log_in(client, "ann", PASSWORD)
    assert answer.status_code == 200, answer.text
    return await services.users.named("ann")


def link_of(user: User) -> str:
    return f"/api/v1/directories/corp/identities/{user.id}"


async def on_the_page(client: httpx.AsyncClient, username: str, password: str) -> httpx.Response:
    return await sign_in_page(client, "/account", username, password)


async def alive(services: Services, user_id: UUID) -> int:
    """How many sessions of theirs have not ended."""
    statement = select(sessions.c.id).where(
        sessions.c.user_id == user_id, sessions.c.ended_at.is_(None)
    )
    return len(await services.database.read(lambda c: c.execute(statement).all()))


def begun(services: Services, user: User, clock: FakeClock, directory: str | None) -> Session:
    """A session in a browser, not yet written."""
    session, _ = services.sessions.new(
        kind=SessionKind.BROWSER,
        user_id=user.id,
        client_id="vestibule",
        scope="",
        org_id=None,
        origin=Origin("192.0.2.1", ""),
        auth_time=utc(clock),
        directory=directory,
    )
    return session


async def test_whoever_is_unlinked_while_they_sign_in_is_given_nothing(
    client: httpx.AsyncClient,
    services: Services,
    root: dict[str, str],
    corp: FakeConnector,
    ann: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    corp.change("ann", groups=frozenset({"a"}))
    write = services.database.write

    with monkeypatch.context() as before:

        async def unlinked_first(*work: Any, **how: Any) -> Any:
            before.undo()
            await client.delete(link_of(ann), headers=root)
            return await write(*work, **how)

        before.setattr(services.database, "write", unlinked_first)
        response = await log_in(client, "ann", PASSWORD)

    assert (response.status_code, response.json()["type"]) == (403, "forbidden_error")
    assert await roles(services) == {}


@pytest.mark.parametrize(
    ("begins", "road"), [("write_together", log_in), ("write", on_the_page)], ids=["token", "page"]
)
async def test_whoever_is_unlinked_before_their_session_begins_gets_none(
    client: httpx.AsyncClient,
    services: Services,
    root: dict[str, str],
    ann: User,
    monkeypatch: pytest.MonkeyPatch,
    begins: str,
    road: Road,
) -> None:
    begin = getattr(services.database, begins)

    with monkeypatch.context() as before:

        async def unlinked_first(*what: Any, **how: Any) -> Any:
            before.undo()
            await client.delete(link_of(ann), headers=root)
            return await begin(*what, **how)

        before.setattr(services.database, begins, unlinked_first)
        response = await road(client, "ann", PASSWORD)

    assert response.status_code == 401
    assert await alive(services, ann.id) == 0
    assert "account_changed" in {row.cause for row in await trail(services, "login")}


@pytest.mark.distributed
async def test_a_sign_in_waits_for_who_is_taking_the_link_away(
    client: httpx.AsyncClient, services: Services, ann: User
) -> None:
    at_it, held = asyncio.Event(), asyncio.Event()

    def unlink(connection: Connection) -> None:
        repository.remove_identity(connection, directory="corp", user_id=ann.id)
        at_it.set()
        await_only(held.wait())

    unlinking = asyncio.create_task(services.database.write(unlink))
    await at_it.wait()
    signing_in = asyncio.create_task(log_in(client, "ann", PASSWORD))
    await lock_waits(services.database)
    held.set()
    await unlinking

    assert (await signing_in).status_code == 401


async def test_to_unlink_again_ends_what_a_former_try_has_left(
    client: httpx.AsyncClient, services: Services, root: dict[str, str], ann: User, clock: FakeClock
) -> None:
    await client.delete(link_of(ann), headers=root)
    kept, left = begun(services, ann, clock, None), begun(services, ann, clock, "corp")
    for session in (kept, left):
        await services.database.write(partial(services.sessions.add, session=session))

    again = await client.delete(link_of(ann), headers=root)

    assert again.status_code == 404
    assert await alive(services, ann.id) == 1


@pytest.mark.distributed
async def test_a_session_that_began_while_the_link_was_being_taken_away_ends(
    client: httpx.AsyncClient, services: Services, root: dict[str, str], ann: User, clock: FakeClock
) -> None:
    at_it, held = asyncio.Event(), asyncio.Event()
    session = begun(services, ann, clock, "corp")

    def begin(connection: Connection) -> None:
        repository.require_unchanged(connection, ann, directory="corp", password=False)
        services.sessions.add(connection, session)
        at_it.set()
        await_only(held.wait())

    beginning = asyncio.create_task(services.database.write(begin, isolation="READ COMMITTED"))
    await at_it.wait()
    unlinking = asyncio.create_task(client.delete(link_of(ann), headers=root))
    await lock_waits(services.database)
    held.set()
    await beginning

    assert (await unlinking).status_code == 204
    assert await alive(services, ann.id) == 0
