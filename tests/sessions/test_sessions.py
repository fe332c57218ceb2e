"""Where somebody is signed in, and how that ends."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from tests.oauth.flows import basic, bearer
from tests.world import PASSWORD, FakeClock, World, log_in
from vestibule.clients.models import ClientKind
from vestibule.orgs.models import Role
from vestibule.wiring import Services

SESSIONS = "/api/v1/user/sessions"


async def works(client: httpx.AsyncClient, token: str) -> bool:
    return (await client.get("/api/v1/user", headers=bearer(token))).status_code == 200


async def test_a_person_sees_where_they_are_signed_in(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user("alice")
    await world.user("bob")
    laptop = (await log_in(client, headers={"User-Agent": "laptop"})).json()
    await log_in(client, headers={"User-Agent": "phone\x1b[31m"})
    await log_in(client, "bob")

    answer = await client.get(SESSIONS, headers=bearer(laptop["access_token"]))

    listed = {session["user_agent"]: session for session in answer.json()}
    assert set(listed) == {"laptop", "phone[31m"}
    assert listed["laptop"]["current"] is True
    assert listed["phone[31m"]["current"] is False
    assert listed["laptop"]["address"] == "127.0.0.1"
    assert "digest" not in listed["laptop"]


async def test_a_refresh_says_when_and_where_it_was_seen_last(
    client: httpx.AsyncClient, world: World, clock: FakeClock
) -> None:
    await world.user()
    tokens = (await log_in(client, headers={"User-Agent": "before"})).json()
    first = (await client.get(SESSIONS, headers=bearer(tokens["access_token"]))).json()[0]

    clock.advance(600)
    await client.post(
        "/api/v1/auth/refresh",
        json={"refresh_token": tokens["refresh_token"]},
        headers={"User-Agent": "after"},
    )
    second = (await client.get(SESSIONS, headers=bearer(tokens["access_token"]))).json()[0]

    assert second["last_seen_at"] > first["last_seen_at"]
    assert second["user_agent"] == "after"


async def test_an_ended_session_is_worth_nothing(client: httpx.AsyncClient, world: World) -> None:
    await world.user()
    here, there = (await log_in(client)).json(), (await log_in(client)).json()
    own = bearer(here["access_token"])
    other = next(s for s in (await client.get(SESSIONS, headers=own)).json() if not s["current"])

    ended = await client.delete(f"{SESSIONS}/{other['id']}", headers=own)
    refresh = await client.post(
        "/api/v1/auth/refresh", json={"refresh_token": there["refresh_token"]}
    )

    assert ended.status_code == 204
    assert not await works(client, there["access_token"])
    assert refresh.json()["type"] == "invalid_grant_error"
    assert await works(client, here["access_token"])
    again = await client.delete(f"{SESSIONS}/{other['id']}", headers=own)
    assert again.status_code == 404


async def test_all_others_end_at_once(client: httpx.AsyncClient, world: World) -> None:
    await world.user()
    here, there = (await log_in(client)).json(), (await log_in(client)).json()

    await client.delete(SESSIONS, headers=bearer(here["access_token"]))

    assert await works(client, here["access_token"])
    assert not await works(client, there["access_token"])


async def test_nobody_ends_the_session_of_somebody_else(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice, _ = await world.user("alice"), await world.user("bob")
    hers, his = (await log_in(client)).json(), (await log_in(client, "bob")).json()
    (session,) = await services.sessions.live_of(alice.id)

    answer = await client.delete(f"{SESSIONS}/{session.id}", headers=bearer(his["access_token"]))
    unknown = await client.delete(f"{SESSIONS}/{uuid4()}", headers=bearer(his["access_token"]))

    assert answer.status_code == 404
    assert answer.json() == unknown.json()
    assert await works(client, hers["access_token"])


async def test_an_administrator_ends_the_sessions_of_a_user(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user("alice")
    await world.user("root", is_admin=True)
    hers, admins = (await log_in(client)).json(), (await log_in(client, "root")).json()
    url = f"/api/v1/admin/users/{alice.id}/sessions"

    refused = await client.delete(url, headers=bearer(hers["access_token"]))
    listed = await client.get(url, headers=bearer(admins["access_token"]))
    ended = await client.delete(
        f"{url}/{listed.json()[0]['id']}", headers=bearer(admins["access_token"])
    )

    assert refused.status_code == 403
    assert len(listed.json()) == 1
    assert ended.status_code == 204
    assert not await works(client, hers["access_token"])
    await services.audit.flush()
    trail = [(e.event, e.cause) for e in await services.audit.latest(limit=10)]
    assert trail[-2:] == [("admin_session_end", "ended_by_admin"), ("access", "token_ended")]
    assert ("admin", "not_admin") in trail


async def test_logging_out_ends_the_session_by_either_token(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()
    first, second = (await log_in(client)).json(), (await log_in(client)).json()

    by_refresh = await client.post(
        "/api/v1/auth/logout", json={"refresh_token": first["refresh_token"]}
    )
    by_access = await client.post("/api/v1/auth/logout", headers=bearer(second["access_token"]))
    of_nothing = await client.post("/api/v1/auth/logout", json={"refresh_token": "made up"})

    assert (by_refresh.status_code, by_access.status_code) == (204, 204)
    assert of_nothing.status_code == 204
    assert not await works(client, first["access_token"])
    assert not await works(client, second["access_token"])
    assert (await client.post("/api/v1/auth/logout")).status_code == 401


async def test_a_new_password_ends_all_other_sessions(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()
    here, there = (await log_in(client)).json(), (await log_in(client)).json()
    change = {"current_password": PASSWORD, "new_password": "another horse battery staple"}

    answer = await client.post(
        "/api/v1/user/password", json=change, headers=bearer(here["access_token"])
    )

    assert answer.status_code == 204, answer.text
    assert await works(client, here["access_token"])
    assert not await works(client, there["access_token"])
    assert (await log_in(client)).status_code == 401
    assert (await log_in(client, password=change["new_password"])).status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"current_password": "a wild guess", "new_password": "another horse battery staple"}, 403),
        ({"current_password": PASSWORD, "new_password": "12345678"}, 422),
        ({"current_password": PASSWORD}, 422),
    ],
)
async def test_a_password_is_changed_only_by_who_knows_it_and_to_a_good_one(
    client: httpx.AsyncClient, world: World, change: dict[str, str], status: int
) -> None:
    await world.user()
    tokens = (await log_in(client)).json()

    answer = await client.post(
        "/api/v1/user/password", json=change, headers=bearer(tokens["access_token"])
    )

    assert answer.status_code == status
    assert not any(value in answer.text for value in change.values())
    assert (await log_in(client)).status_code == 200


async def test_a_stolen_token_is_no_way_around_the_delays_of_the_login(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()
    tokens = (await log_in(client)).json()

    answers = [
        await client.post(
            "/api/v1/user/password",
            json={"current_password": f"guess {i}", "new_password": "another horse battery"},
            headers=bearer(tokens["access_token"]),
        )
        for i in range(7)
    ]

    assert {answer.status_code for answer in answers} == {403, 429}


async def test_a_removed_members_tokens_are_dead_at_once_on_introspection(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice, owner = await world.user("alice"), await world.user("owner", is_admin=True)
    await world.org("acme", owner)
    await services.organizations.add_member(key="acme", user_id=alice.id, role=Role.MEMBER)
    _, secret = await world.client("backend", kind=ClientKind.CONFIDENTIAL)
    tokens = (await log_in(client)).json()
    admin = bearer((await log_in(client, "owner")).json()["access_token"])

    async def active() -> bool:
        told = await client.post(
            "/oauth2/introspect",
            data={"token": tokens["access_token"]},
            headers=basic("backend", secret),
        )
        found: bool = told.json()["active"]
        return found

    before = await active()
    removed = await client.delete(f"/api/v1/org/acme/members/{alice.id}", headers=admin)
    refresh = await client.post(
        "/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}
    )

    assert removed.status_code == 204, removed.text
    assert (before, await active()) == (True, False)
    assert refresh.json()["type"] == "invalid_grant_error"


async def test_the_list_comes_page_by_page(
    client: httpx.AsyncClient, world: World, clock: FakeClock
) -> None:
    await world.user()
    for i in range(5):
        tokens = (await log_in(client, headers={"User-Agent": f"device {i}"})).json()
        clock.advance(i % 2)  # some at the same instant
    own = bearer(tokens["access_token"])
    all_ = (await client.get(SESSIONS, headers=own)).json()

    pages, after = [], None
    while page := (
        await client.get(
            SESSIONS, headers=own, params={"limit": 2, **({"after": after} if after else {})}
        )
    ).json():
        pages.append([session["user_agent"] for session in page])
        after = page[-1]["id"]

    assert len(all_) == 5
    assert [len(page) for page in pages] == [2, 2, 1]
    listed = [user_agent for page in pages for user_agent in page]
    assert listed == [session["user_agent"] for session in all_]
    assert (await client.get(SESSIONS, headers=own, params={"limit": 201})).status_code == 422
    assert (await client.get(SESSIONS, headers=own, params={"after": str(uuid4())})).json() == []


async def test_nobody_learns_of_the_sessions_of_somebody_else_by_paging(
    client: httpx.AsyncClient, world: World, services: Services, clock: FakeClock
) -> None:
    alice, _ = await world.user("alice"), await world.user("bob")
    his = (await log_in(client, "bob")).json()
    clock.advance(1)
    await log_in(client)
    (session,) = await services.sessions.live_of(alice.id)

    answer = await client.get(
        SESSIONS, headers=bearer(his["access_token"]), params={"after": str(session.id)}
    )

    assert answer.json() == []


async def test_a_session_left_alone_too_long_is_not_listed(
    client: httpx.AsyncClient, world: World, clock: FakeClock
) -> None:
    await world.user()
    await log_in(client, headers={"User-Agent": "forgotten"})
    clock.advance(7 * 86400)
    tokens = (await log_in(client, headers={"User-Agent": "present"})).json()

    answer = await client.get(SESSIONS, headers=bearer(tokens["access_token"]))

    assert [session["user_agent"] for session in answer.json()] == ["present"]


async def test_an_account_enabled_again_has_none_of_its_sessions_back(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user()
    tokens = (await log_in(client)).json()

    renamed = await services.users.update(alice, first_name="Alice")
    before = await works(client, tokens["access_token"])
    disabled = await services.users.update(renamed, is_active=False)
    await services.users.update(disabled, is_active=True)
    refresh = await client.post(
        "/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}
    )

    assert before
    assert not await works(client, tokens["access_token"])
    assert refresh.json()["type"] == "invalid_grant_error"
    assert (await log_in(client)).status_code == 200
