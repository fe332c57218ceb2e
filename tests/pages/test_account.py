"""What people see and change of their own account."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select

import vestibule
from tests.conftest import make_client
from tests.oauth.test_consents import let_in
from tests.orgs.people import bearer, trail
from tests.pages.rooms import done, enter, require_own_forms, send, token_of
from tests.world import PASSWORD, FakeClock, World, log_in
from vestibule.audit.models import Result
from vestibule.clock import utc
from vestibule.http.networks import network_of
from vestibule.http.visit import Visit
from vestibule.identity.models import Identity
from vestibule.identity.repository import add_identity
from vestibule.issuing.trail import attempt_of
from vestibule.orgs.models import Role
from vestibule.orgs.policy import Action
from vestibule.pages.account.events import WORDS
from vestibule.pages.account.user_agents import described
from vestibule.recovery.models import mail_links
from vestibule.sessions.models import Session
from vestibule.users.models import User
from vestibule.wiring import Services

ACCOUNT = "/account"
KEYS, NEW_KEY = "/account/keys", "/account/keys/new"
SESSIONS = "/account/sessions"
EVIL = "<script>alert(1)</script>\"'"
SHOWN = "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;"
NEW = "a password that is new and long"
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
    "Safari/537.36"
)


async def of_directory(services: Services, user: User) -> None:
    """From now on a directory answers for this account."""
    now = utc(services.clock)
    identity = Identity("corp", "1", user.id, {}, now, now, None, None, None)
    await services.database.write(lambda c: add_identity(c, identity))


async def live(services: Services, user: User) -> Sequence[Session]:
    return await services.sessions.live_of(user.id)


# Profile


async def test_the_profile_says_who_somebody_is(client: httpx.AsyncClient, world: World) -> None:
    await world.user(first_name="Alice", last_name=EVIL)

    page = await enter(client, ACCOUNT)

    assert "alice@example.org" in page.text
    assert "not verified" in page.text
    assert SHOWN in page.text
    assert EVIL not in page.text


async def test_a_person_changes_their_name(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    user = await world.user()
    await enter(client, ACCOUNT)

    answer = await send(client, ACCOUNT, "names", first_name="Ada", last_name=" Lovelace ")

    assert "Your name is changed." in await done(client, answer)
    changed = await services.users.get(user.id)
    assert changed is not None
    assert changed.full_name == "Ada Lovelace"
    (row,) = await trail(services, "profile_update")
    assert (row.user_id, row.result) == (user.id, Result.SUCCESS)


async def test_a_name_that_is_none_is_refused_in_words_and_kept_in_the_form(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    user = await world.user()
    await enter(client, ACCOUNT)

    answer = await send(client, ACCOUNT, "names", first_name="x" * 201, last_name="L<b>")

    assert answer.status_code == 422
    assert "A name is at most 200 printable characters." in answer.text
    assert "L&lt;b&gt;" in answer.text
    assert await services.users.get(user.id) == user


async def test_a_name_that_a_directory_keeps_is_not_changed_here(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    user = await world.user()
    page = await enter(client, ACCOUNT)
    await of_directory(services, user)

    shown = await client.get(ACCOUNT)
    answer = await send(client, ACCOUNT, "names", token=token_of(page), first_name="Ada")

    assert "corp answers for your account" in shown.text
    assert 'name="first_name"' not in shown.text
    assert answer.status_code == 403
    assert "Your name is kept by the directory that you sign in through." in answer.text
    assert await services.users.get(user.id) == user


async def test_the_letter_that_verifies_is_sent_again(world: World, services: Services) -> None:
    user = await world.user()
    services.outbox.is_configured = True
    async with make_client(services) as client:
        await enter(client, ACCOUNT)

        answer = await send(client, ACCOUNT, "verify")

        assert "A letter with a link is on its way" in await done(client, answer)
        links = select(func.count()).where(mail_links.c.user_id == user.id)
        assert await services.database.read(lambda c: c.execute(links).scalar_one()) == 1


async def test_an_address_that_is_verified_gets_no_letter(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user(email_verified=True)
    page = await enter(client, ACCOUNT)

    answer = await send(client, ACCOUNT, "verify")

    assert "Send the letter again" not in page.text
    assert answer.status_code == 409
    assert "There is no address to verify." in answer.text


async def test_the_account_is_for_own_forms(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    user = await world.user()
    await enter(client, ACCOUNT)

    await require_own_forms(client, ACCOUNT, action="names", first_name="Mallory")

    assert await services.users.get(user.id) == user


# Password

PASSWORD_PAGE = "/account/password"


async def test_a_person_changes_their_password_and_is_signed_out_elsewhere(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    user = await world.user()
    other = (await log_in(client)).json()["access_token"]
    page = await enter(client, PASSWORD_PAGE)

    answer = await send(
        client, PASSWORD_PAGE, "change", current_password=PASSWORD, new_password=NEW
    )

    assert "script-src" not in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "You are signed out everywhere else." in await done(client, answer)
    assert len(await live(services, user)) == 1
    assert (await client.get("/api/v1/user", headers=bearer(other))).status_code == 401
    assert (await log_in(client, password=NEW)).status_code == 200


@pytest.mark.parametrize(
    ("typed", "status", "said"),
    [
        ({"current_password": "wrong one here", "new_password": NEW}, 403,
         "The current password is wrong."),
        ({"current_password": PASSWORD, "new_password": "short"}, 422,
         "A password has at least 8 characters."),
        ({"current_password": PASSWORD, "new_password": "my name is alice"}, 422,
         "A password does not contain the user&#39;s name."),
        ({"current_password": PASSWORD}, 422, "Something is missing, or too long."),
        ({"current_password": PASSWORD, "new_password": "n" * 1025}, 422,
         "Something is missing, or too long."),
    ],
)  # fmt: skip
async def test_a_password_that_can_not_be_changed_is_told_and_not_shown(
    client: httpx.AsyncClient, world: World, typed: dict[str, str], status: int, said: str
) -> None:
    await world.user()
    await enter(client, PASSWORD_PAGE)

    answer = await send(client, PASSWORD_PAGE, "change", **typed)

    assert answer.status_code == status
    assert said in answer.text
    assert not any(value in answer.text for value in typed.values())
    assert (await log_in(client)).status_code == 200


async def test_the_page_is_no_way_around_the_limits_of_wrong_passwords(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()
    await enter(client, PASSWORD_PAGE)

    for _ in range(20):
        answer = await send(
            client, PASSWORD_PAGE, "change", current_password="guess", new_password=NEW
        )

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert 'role="alert"' in answer.text


async def test_a_person_of_a_directory_is_told_where_their_password_is(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    user = await world.user()
    await enter(client, PASSWORD_PAGE)
    await of_directory(services, user)

    page = await client.get(PASSWORD_PAGE)

    assert "you sign in through corp" in page.text
    assert 'type="password"' not in page.text


async def test_the_password_is_for_own_forms(client: httpx.AsyncClient, world: World) -> None:
    await world.user()
    await enter(client, PASSWORD_PAGE)

    await require_own_forms(
        client, PASSWORD_PAGE, action="change", current_password=PASSWORD, new_password=NEW
    )

    assert (await log_in(client)).status_code == 200


# Sessions


async def test_sessions_are_shown_and_the_present_one_is_marked(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()
    await log_in(client, headers={"User-Agent": f"tool/1 {EVIL}"})
    client.headers["User-Agent"] = CHROME

    page = await enter(client, SESSIONS)

    assert "Chrome on Linux" in page.text
    assert page.text.count("this browser") == 1
    assert f"tool/1 {SHOWN}" in page.text
    assert EVIL not in page.text
    assert "127.0.0.1" in page.text


async def test_a_session_is_ended(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    user = await world.user()
    token = (await log_in(client)).json()["access_token"]
    (other,) = await live(services, user)
    await enter(client, SESSIONS)

    answer = await send(client, SESSIONS, "end", session=str(other.id))

    assert "The session has ended." in await done(client, answer)
    assert other.id not in [session.id for session in await live(services, user)]
    assert (await client.get("/api/v1/user", headers=bearer(token))).status_code == 401


async def test_all_others_are_ended(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    user = await world.user()
    await log_in(client)
    await log_in(client)
    await enter(client, SESSIONS)

    answer = await send(client, SESSIONS, "end_others")

    page = await done(client, answer)
    assert "All other sessions have ended." in page
    assert "this browser" in page
    assert len(await live(services, user)) == 1


async def test_many_sessions_come_page_by_page(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.pages.account.sessions.PAGE", 2)
    await world.user()
    for number in range(4):
        await log_in(client, headers={"User-Agent": f"tool-{number}"})

    page = await enter(client, SESSIONS)
    seen, pages = page.text, 1
    while 'rel="next"' in page.text:
        query = page.text.split("/account/sessions?")[1].split('"')[0]
        page = await client.get(f"{SESSIONS}?{query}")
        seen, pages = seen + page.text, pages + 1

    assert pages == 3
    shown = [seen.count(f"<strong>Vestibule · tool-{number}</strong>") for number in range(4)]
    assert shown == [1, 1, 1, 1]
    assert "To the beginning" in page.text


@pytest.mark.parametrize("session", ["of bob", "unknown", "", "no id"])
async def test_sessions_of_others_are_nobodys(
    client: httpx.AsyncClient, world: World, services: Services, session: str
) -> None:
    await world.user()
    bob = await world.user("bob")
    await log_in(client, "bob")
    (his,) = await live(services, bob)
    await log_in(client)
    await enter(client, SESSIONS)

    sent = {"of bob": str(his.id), "unknown": str(uuid4())}.get(session, session)
    answer = await send(client, SESSIONS, "end", session=sent)

    assert answer.status_code == 404
    assert await live(services, bob) == [his]


async def test_sessions_are_for_own_forms(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    user = await world.user()
    await log_in(client)
    await enter(client, SESSIONS)

    await require_own_forms(client, SESSIONS, action="end_others")

    assert len(await live(services, user)) == 2


@pytest.mark.parametrize(
    ("user_agent", "said"),
    [
        (CHROME, "Chrome on Linux"),
        (f"{CHROME} Edg/126.0", "Edge on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
         "Firefox on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1",
         "Safari on iPhone"),
        ("vestibule-cli/1.0 (Linux; x86_64)", "vestibule-cli/1.0"),
        ("", "an unknown program"),
    ],
)  # fmt: skip
def test_programs_are_called_what_people_call_them(user_agent: str, said: str) -> None:
    assert described(user_agent) == said


# API keys


async def make_key(client: httpx.AsyncClient, **wish: str) -> tuple[httpx.Response, str]:
    """The answer to the form, and the secret in it."""
    answer = await send(client, NEW_KEY, "make", **{"name": "backup", **wish})
    assert answer.status_code == 200, answer.text
    return answer, answer.text.split('id="secret">')[1].split("<")[0]


async def test_a_key_is_shown_once_and_works(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    user = await world.user()
    await world.org("acme", user)
    await enter(client, NEW_KEY)

    answer, secret = await make_key(client, org="acme", access="read", lifetime="30")
    page = await client.get(KEYS)

    assert answer.headers["cache-control"] == "no-store"
    assert 'data-copy="secret"' in answer.text
    assert secret not in page.text
    assert "backup" in page.text
    assert "Acme" in page.text
    used = await client.get("/api/v1/user/organizations", headers=bearer(secret))
    assert [org["key"] for org in used.json()] == ["acme"]
    refused = await client.post(
        "/api/v1/user/api-keys", json={"name": "more"}, headers=bearer(secret)
    )
    assert refused.status_code == 403
    (row,) = await trail(services, "api_key_create")
    assert (row.user_id, row.result) == (user.id, Result.SUCCESS)


@pytest.mark.parametrize(("lifetime", "days"), [("30", 30), ("90", 90), ("365", 365), ("never", 0)])
async def test_a_key_ends_when_it_was_wished(
    client: httpx.AsyncClient, world: World, clock: FakeClock, lifetime: str, days: int
) -> None:
    await world.user()
    await enter(client, NEW_KEY)
    _, secret = await make_key(client, lifetime=lifetime, access="write")

    own = (await client.get("/api/v1/user/api-keys", headers=bearer(secret))).json()
    page = await client.get(KEYS)

    (listed,) = own
    assert (listed["expires_at"] is None) is (days == 0)
    assert ("never expires" in page.text) is (days == 0)
    clock.advance(400 * 86400)
    works = await client.get("/api/v1/user", headers=bearer(secret))
    assert (works.status_code == 200) is (days == 0)


@pytest.mark.parametrize(
    ("wish", "status", "said"),
    [
        ({"name": " "}, 422, "A name is 1 to 200 printable characters."),
        ({"org": "globex"}, 404, "Organization not found"),
        ({"access": "all"}, 422, "Something is missing, or too long."),
        ({"lifetime": "1000"}, 422, "Something is missing, or too long."),
    ],
)
async def test_a_key_that_can_not_be_made_is_told(
    client: httpx.AsyncClient, world: World, wish: dict[str, str], status: int, said: str
) -> None:
    await world.user()
    await world.org("globex")
    await enter(client, NEW_KEY)

    answer = await send(client, NEW_KEY, "make", **{"name": "backup", **wish})

    assert answer.status_code == status
    assert said in answer.text
    assert "vst_" not in answer.text
    assert "You have none." in (await client.get(KEYS)).text


async def test_what_was_wished_is_kept_where_it_is_refused(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.org("acme", await world.user())
    await enter(client, NEW_KEY)

    answer = await send(
        client, NEW_KEY, "make", name="x" * 201, org="acme", access="write", lifetime="365"
    )

    assert f'value="{"x" * 201}"' in answer.text
    for chosen in ("acme", "write", "365"):
        assert f'value="{chosen}" selected' in answer.text


async def test_making_a_key_asks_for_a_fresh_sign_in(
    client: httpx.AsyncClient, world: World, clock: FakeClock, services: Services
) -> None:
    await world.user()
    page = await enter(client, NEW_KEY)
    clock.advance(services.settings.administration_lifetime + 1)

    sent = await send(client, NEW_KEY, "make", token=token_of(page), name="late")
    asked = await client.get(NEW_KEY)
    listed = await client.get(KEYS)

    assert sent.status_code == 401
    assert "Sign in to make an API key." in asked.text
    assert "You have none." in listed.text


async def test_a_key_is_revoked(client: httpx.AsyncClient, world: World) -> None:
    await world.user()
    await enter(client, NEW_KEY)
    _, secret = await make_key(client, name=EVIL)
    key_id = (await client.get("/api/v1/user/api-keys", headers=bearer(secret))).json()[0]["id"]
    page = await client.get(KEYS)

    answer = await send(client, KEYS, "revoke", key=key_id)

    assert SHOWN in page.text
    assert EVIL not in page.text
    assert "The key is revoked." in await done(client, answer)
    assert (await client.get("/api/v1/user", headers=bearer(secret))).status_code == 401


@pytest.mark.parametrize("key", ["of bob", "unknown", ""])
async def test_keys_of_others_are_nobodys(
    client: httpx.AsyncClient, world: World, key: str
) -> None:
    await world.user()
    await world.user("bob")
    his = (await log_in(client, "bob")).json()["access_token"]
    made = await client.post("/api/v1/user/api-keys", json={"name": "his"}, headers=bearer(his))
    await enter(client, NEW_KEY)
    await make_key(client)

    sent = {"of bob": made.json()["id"], "unknown": str(uuid4())}.get(key, key)
    answer = await send(client, KEYS, "revoke", key=sent)

    assert answer.status_code == 404
    works = await client.get("/api/v1/user", headers=bearer(made.json()["key"]))
    assert works.status_code == 200


async def test_keys_are_for_own_forms(client: httpx.AsyncClient, world: World) -> None:
    await world.user()
    await enter(client, NEW_KEY)
    _, secret = await make_key(client)
    key_id = (await client.get("/api/v1/user/api-keys", headers=bearer(secret))).json()[0]["id"]

    await require_own_forms(client, KEYS, action="revoke", key=key_id)
    await require_own_forms(client, NEW_KEY, action="make", name="forged")

    assert "forged" not in (await client.get(KEYS)).text
    assert (await client.get("/api/v1/user", headers=bearer(secret))).status_code == 200


# Organizations

ORGANIZATIONS = "/account/organizations"


async def test_organizations_are_shown_with_the_role_and_left(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user()
    await world.org("acme", alice, name=EVIL)
    await world.org("globex", alice, role=Role.OWNER)
    page = await enter(client, ORGANIZATIONS)

    answer = await send(client, ORGANIZATIONS, "leave", org="acme")

    assert SHOWN in page.text
    assert EVIL not in page.text
    assert 'href="/organizations/acme"' in page.text
    assert "owner · joined" in page.text
    assert "You have left the organization." in await done(client, answer)
    left = await services.organizations.memberships_of(alice.id)
    assert [m.organization.key for m in left] == ["globex"]


async def test_the_last_owner_stays(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user()
    await world.org("acme", alice, role=Role.OWNER)
    await enter(client, ORGANIZATIONS)

    answer = await send(client, ORGANIZATIONS, "leave", org="acme")

    assert answer.status_code == 409
    assert "An organization keeps at least one owner." in answer.text
    assert len(await services.organizations.memberships_of(alice.id)) == 1


async def test_a_suspended_organization_is_shown_and_not_linked(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    await world.org("globex", alice)
    await services.organizations.update("acme", is_active=False)

    page = await enter(client, ORGANIZATIONS)
    answer = await send(client, ORGANIZATIONS, "leave", org="acme")

    assert "suspended" in page.text
    assert "/organizations/acme" not in page.text
    assert answer.status_code == 403
    assert "This organization is suspended." in answer.text


@pytest.mark.parametrize("org", ["globex", "unknown", ""])
async def test_organizations_of_others_are_nobodys(
    client: httpx.AsyncClient, world: World, org: str
) -> None:
    await world.org("acme", await world.user())
    await world.org("globex", await world.user("bob"))
    await enter(client, ORGANIZATIONS)

    answer = await send(client, ORGANIZATIONS, "leave", org=org)

    assert answer.status_code == 404
    assert "Organization not found" in answer.text


async def default_of(services: Services, user: User) -> str | None:
    """Key of what somebody enters by default."""
    found = await services.users.get(user.id)
    memberships = await services.organizations.memberships_of(user.id)
    assert found is not None
    keys = {m.organization.id: m.organization.key for m in memberships}
    return keys.get(found.default_org_id) if found.default_org_id else None


async def test_the_organization_to_enter_by_default_is_chosen_and_marked(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    await world.org("globex", alice)
    page = await enter(client, ORGANIZATIONS)

    answer = await send(client, ORGANIZATIONS, "default", org="globex")

    assert "entered by default" not in page.text
    shown = await done(client, answer)
    assert "You enter this organization from now on" in shown
    assert shown.count("entered by default") == 1
    assert shown.index("entered by default") > shown.index("Globex")
    assert await default_of(services, alice) == "globex"
    assert (await log_in(client)).json()["default_org"]["key"] == "globex"


async def test_a_default_is_taken_back(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user()
    acme = await world.org("acme", alice)
    await services.users.update(alice, default_org_id=acme.id)
    await enter(client, ORGANIZATIONS)

    answer = await send(client, ORGANIZATIONS, "ask", org="acme")

    assert "From now on you are asked." in await done(client, answer)
    assert await default_of(services, alice) is None
    (row,) = await trail(services, "org_default")
    assert (row.user_id, row.result) == (alice.id, Result.SUCCESS)


@pytest.mark.parametrize(
    ("org", "status"), [("globex", 404), ("unknown", 404), ("", 404), ("initech", 403)]
)
async def test_only_what_one_can_enter_becomes_the_default(
    client: httpx.AsyncClient, world: World, services: Services, org: str, status: int
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    await world.org("globex", await world.user("bob"))
    await world.org("initech", alice)
    await services.organizations.update("initech", is_active=False)
    await enter(client, ORGANIZATIONS)

    answer = await send(client, ORGANIZATIONS, "default", org=org)

    assert answer.status_code == status
    assert await services.users.get(alice.id) == alice


async def test_organizations_are_for_own_forms(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    await enter(client, ORGANIZATIONS)

    await require_own_forms(client, ORGANIZATIONS, action="leave", org="acme")

    assert len(await services.organizations.memberships_of(alice.id)) == 1


# Programs

PROGRAMS = "/account/programs"


async def test_programs_are_shown_and_shut_out(client: httpx.AsyncClient, world: World) -> None:
    tokens = await let_in(client, world)
    page = await client.get(PROGRAMS)

    answer = await send(client, PROGRAMS, "withdraw", client="portal")

    assert "portal" in page.text
    assert "Change your organizations, members and keys" in page.text
    assert "Acme" in page.text
    shown = await done(client, answer)
    assert "You have let none in." in shown
    gone = await client.get("/api/v1/user", headers=bearer(tokens["access_token"]))
    assert gone.status_code == 401


async def test_programs_that_others_let_in_are_nobodys(
    client: httpx.AsyncClient, world: World
) -> None:
    tokens = await let_in(client, world)
    page = await client.get(PROGRAMS)
    await world.user("bob")
    client.cookies.clear()
    await enter(client, ACCOUNT, "bob")

    shown = await client.get(PROGRAMS)
    stolen = await client.post(
        PROGRAMS,
        data={"action": "withdraw", "form_token": token_of(page), "client": "portal"},
    )

    assert "portal" not in shown.text
    assert stolen.status_code == 403
    works = await client.get("/api/v1/user", headers=bearer(tokens["access_token"]))
    assert works.status_code == 200


async def test_a_program_that_was_not_let_in_is_not_found(
    client: httpx.AsyncClient, world: World
) -> None:
    await let_in(client, world)

    answer = await send(client, PROGRAMS, "withdraw", client="another")

    assert answer.status_code == 404


async def test_programs_are_for_own_forms(client: httpx.AsyncClient, world: World) -> None:
    tokens = await let_in(client, world)

    await require_own_forms(client, PROGRAMS, action="withdraw", client="portal")

    works = await client.get("/api/v1/user", headers=bearer(tokens["access_token"]))
    assert works.status_code == 200


# Activity

ACTIVITY = "/account/activity"
NAMED = re.compile(
    r"""\b(?:attempt|act|_act|_change|_end)\(\s*(?:caller,\s*)?"(\w+)\""""
    r"""|\battempt_of\(\w+(?:\(\w+\))?, "(\w+)\""""
)
"""Where the trail is told what is tried."""
OF_NOBODY = {"device_start", "device_state"}
"""Events that name no person."""


async def test_activity_is_told_in_words_and_to_its_own_person(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()
    await world.user("bob")
    await log_in(client, password="wrong one here")
    await log_in(client, "bob")
    await enter(client, ACCOUNT, "bob")
    await send(client, ACCOUNT, "names", first_name="Bobby")
    client.cookies.clear()

    page = await enter(client, ACTIVITY)

    assert page.text.count("<strong>Signed in</strong>") == 2
    assert page.text.count("failed") == 1
    assert "127.0.0.1" in page.text
    assert "Changed the name" not in page.text


async def test_activity_comes_page_by_page_and_each_row_once(
    client: httpx.AsyncClient,
    world: World,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vestibule.pages.account.activity.PAGE", 2)
    user = await world.user()
    await world.client("odd")
    visit = Visit("192.0.2.7", network_of("192.0.2.7"), "https", "", "1")
    for number in range(3):
        attempt = attempt_of(visit, f"event_{number}")
        attempt.user_id, attempt.client_id = user.id, "odd"
        await services.audit.record(
            services.audit.event(attempt, result=Result.REFUSED, cause="test", status=400)
        )

    first = await enter(client, ACTIVITY)
    query = first.text.split("/account/activity?")[1].split('"')[0]
    second = await client.get(f"{ACTIVITY}?{query}")

    assert [first.text.count(f"event_{n}") for n in range(3)] == [0, 0, 1]
    assert [second.text.count(f"event_{n}") for n in range(3)] == [1, 1, 0]
    assert "192.0.2.7 · odd" in second.text
    assert 'rel="next"' not in second.text
    assert "To the beginning" in second.text


@pytest.mark.parametrize("query", ["before=x", "after=%00", "before=" + "9" * 5000])
@pytest.mark.parametrize("path", [ACTIVITY, SESSIONS])
@pytest.mark.once
async def test_a_mark_that_is_none_is_no_mark(
    client: httpx.AsyncClient, world: World, path: str, query: str
) -> None:
    await world.user()

    page = await enter(client, path)
    answer = await client.get(f"{path}?{query}")

    assert (page.status_code, answer.status_code) == (200, 200)


def test_every_event_of_a_person_has_words() -> None:
    source = Path(vestibule.__file__).parent
    texts = [file.read_text() for file in source.rglob("*.py")]
    named = {name for text in texts for pair in NAMED.findall(text) for name in pair if name}

    assert {"password_change", "login", "user_create", "sessions_end"} <= named
    assert named - OF_NOBODY - WORDS.keys() == set()
    assert {action.value for action in Action} <= WORDS.keys()


@pytest.mark.once
@pytest.mark.parametrize(
    "path", [ACCOUNT, PASSWORD_PAGE, SESSIONS, KEYS, NEW_KEY, ORGANIZATIONS, PROGRAMS, ACTIVITY]
)
async def test_nobody_comes_in_without_signing_in(client: httpx.AsyncClient, path: str) -> None:
    page = await client.get(path)
    sent = await client.post(path, data={"action": "end_others"})

    assert "<h1>Sign in</h1>" in page.text
    assert sent.status_code == 401
