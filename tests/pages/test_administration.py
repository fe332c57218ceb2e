"""What administrators of the service see and do, and nobody else."""

from __future__ import annotations

import asyncio
import csv
import gzip
import html
import io
import json
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection
from structlog.testing import capture_logs

from tests.conftest import make_client
from tests.oauth.flows import hidden
from tests.orgs.people import trail
from tests.pages.rooms import done, enter, require_own_forms, send, token_of
from tests.world import PASSWORD, FakeClock, World, log_in
from vestibule.access.caller import Caller
from vestibule.audit.models import AuditEvent, Result
from vestibule.audit.service import Attempt
from vestibule.clients.models import Grant
from vestibule.clock import utc
from vestibule.errors import AuthenticationFailed, DatabaseUnavailable
from vestibule.ids import new_id
from vestibule.orgs.models import Role
from vestibule.users import import_jobs
from vestibule.users.administration import UserAdministration
from vestibule.users.import_jobs import ImportJob
from vestibule.users.models import User
from vestibule.wiring import Services

USERS, AUDIT, KEYS = "/admin/users", "/admin/audit", "/admin/keys"
CLIENTS, DIRECTORIES, ORGS = "/admin/clients", "/admin/directories", "/admin/organizations"
IMPORT = "/admin/users/import"
PAGES = (
    "/admin", USERS, f"{USERS}/new", IMPORT, ORGS, CLIENTS, f"{CLIENTS}/new", DIRECTORIES,
    f"{DIRECTORIES}/new", KEYS, AUDIT, f"{AUDIT}/export",
)  # fmt: skip
EVIL = "<script>alert(1)</script>\"'"
SHOWN = "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;"
NOBODY = UUID(int=7)
NEW = "a password that is new and long"


@pytest.fixture
async def root(world: World, client: httpx.AsyncClient) -> User:
    """An administrator, who has signed in."""
    user = await world.user("root", is_admin=True)
    await enter(client, "/admin", "root")
    return user


async def events(services: Services, name: str) -> list[tuple[str, str | None]]:
    """(result, target) of the events of this name, oldest first."""
    await services.audit.flush()
    found = await services.audit.latest(limit=1000)
    return [(event.result.value, event.target) for event in found if event.event == name]


async def user_of(services: Services, name: str) -> User:
    found = await services.users.find(name)
    assert found is not None
    return found


# Who may


@pytest.mark.once
@pytest.mark.parametrize("url", PAGES)
async def test_nobody_else_sees_any_of_it(
    client: httpx.AsyncClient, world: World, url: str
) -> None:
    await world.user("alice")
    asked = await client.get(url)
    assert 'type="password"' in asked.text
    assert "room" not in asked.text

    page = await enter(client, url)
    posted = await client.post(url, data={"action": "create", "form_token": "x"})

    assert page.status_code == 403
    assert "administrators of the service" in page.text
    assert posted.status_code == 403


@pytest.mark.once
@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("url", PAGES[:-1])
async def test_a_sign_in_from_long_ago_is_asked_for_again(
    client: httpx.AsyncClient, clock: FakeClock, services: Services, url: str
) -> None:
    assert 'class="room"' in (await client.get(url)).text
    clock.advance(services.settings.administration_lifetime + 1)

    page = await client.get(url)

    assert 'type="password"' in page.text
    assert 'class="room"' not in page.text


async def test_who_is_no_administrator_any_more_is_out_at_once(
    client: httpx.AsyncClient, root: User, services: Services
) -> None:
    await services.users.update(root, is_admin=False)

    assert (await client.get(USERS)).status_code == 403


@pytest.mark.once
@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    "url", [USERS + "/new", ORGS, KEYS, CLIENTS + "/new", DIRECTORIES + "/new"]
)
async def test_forms_of_others_do_nothing(client: httpx.AsyncClient, url: str) -> None:
    await require_own_forms(client, url, action="create")


# Users


@pytest.mark.usefixtures("root")
async def test_people_are_found_by_how_a_name_or_an_address_begins(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user("anna", email_address="z@example.org")
    await world.user("bert", email_address="anton@example.org")
    await world.user("dora", first_name=EVIL)

    found = (await client.get(f"{USERS}?search=AN")).text
    everybody = (await client.get(USERS)).text
    nobody = (await client.get(f"{USERS}?search=%25")).text

    assert [name in found for name in ("anna", "bert", "dora")] == [True, True, False]
    assert found.index(">anna<") < found.index(">bert<")
    assert SHOWN in everybody
    assert EVIL not in everybody
    assert "Nobody is named so." in nobody


@pytest.mark.usefixtures("root")
async def test_pages_of_people_lose_and_repeat_nobody(
    client: httpx.AsyncClient, services: Services, world: World
) -> None:
    names = [f"u{number:03}" for number in range(70)]
    for number, name in enumerate(names):
        # Half of them are found by their names, half by their addresses.
        user = {"username": name, "email_address": f"m-{name}@example.org"}
        if number % 2:
            user = {"username": f"x{name}", "email_address": f"{name}@example.org"}
        await services.users.create(**user)  # type: ignore[arg-type]
    url: str | None = f"{USERS}?search=u"
    seen: list[str] = []

    while url:
        page = (await client.get(url)).text
        seen += [
            line.split(">")[2].split("<")[0]
            for line in page.splitlines()
            if '<th scope="row"' in line
        ]
        following = [line for line in page.splitlines() if 'rel="next"' in line]
        url = html.unescape(following[0].split('href="')[1].split('"')[0]) if following else None

    assert sorted(name.removeprefix("x") for name in seen) == names


async def test_an_account_is_made_and_can_sign_in(
    client: httpx.AsyncClient, root: User, services: Services
) -> None:
    answer = await send(
        client, f"{USERS}/new", "create", username="Carol", email_address="carol@example.org",
        first_name="Carol", last_name="Danvers", password=NEW,
    )  # fmt: skip

    page = await client.get(answer.headers["location"])
    carol = await user_of(services, "carol")
    assert "carol@example.org" in page.text
    assert carol.full_name == "Carol Danvers"
    async with make_client(services) as other:
        assert (await log_in(other, "carol", NEW)).status_code == 200
    (made,) = await events(services, "user_create")
    assert made == ("success", str(carol.id))


@pytest.mark.usefixtures("root")
async def test_an_account_that_can_not_be_is_refused_with_the_reason(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user("alice")
    url = f"{USERS}/new"

    taken = await send(client, url, "create", username="alice", first_name=EVIL)
    weak = await send(client, url, "create", username="carol", password="short")

    assert (taken.status_code, weak.status_code) == (409, 422)
    assert "This username or e-mail address is taken." in taken.text
    assert SHOWN in taken.text  # what was typed is still there
    assert "short" not in weak.text.replace("shorter", "").replace("too short", "")


async def test_an_account_is_disabled_and_enabled(
    client: httpx.AsyncClient, root: User, services: Services, world: World
) -> None:
    alice = await world.user("alice")
    url = f"{USERS}/{alice.id}"
    async with make_client(services) as other:
        await enter(other, "/account")

        assert "Done." in await done(client, await send(client, url, "disable"))
        assert (await log_in(other)).status_code == 403
        assert 'type="password"' in (await other.get("/account")).text
        await done(client, await send(client, url, "enable"))
        assert (await log_in(other)).status_code == 200
        assert 'type="password"' in (await other.get("/account")).text
    assert await events(services, "user_disable") == [("success", str(alice.id))]
    assert await events(services, "user_enable") == [("success", str(alice.id))]


@pytest.mark.once
async def test_nobody_shuts_themselves_out(
    client: httpx.AsyncClient, root: User, services: Services
) -> None:
    url = f"{USERS}/{root.id}"

    answers = [await send(client, url, action) for action in ("disable", "unmake_admin")]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert all("your own account" in html.unescape(answer.text) for answer in answers)
    same = await services.users.get(root.id)
    assert same is not None
    assert (same.is_active, same.is_admin) == (True, True)


@pytest.mark.usefixtures("root")
async def test_administrators_are_made_and_unmade(
    client: httpx.AsyncClient, services: Services, world: World
) -> None:
    alice = await world.user("alice")
    url = f"{USERS}/{alice.id}"

    await done(client, await send(client, url, "make_admin"))
    assert (await user_of(services, "alice")).is_admin
    await done(client, await send(client, url, "unmake_admin"))

    assert not (await user_of(services, "alice")).is_admin


@pytest.mark.usefixtures("root")
async def test_a_password_is_set_and_ends_all_sessions(
    client: httpx.AsyncClient, services: Services, world: World
) -> None:
    alice = await world.user("alice")
    url = f"{USERS}/{alice.id}"
    async with make_client(services) as other:
        await enter(other, "/account")

        weak = await send(client, url, "password", password="password")
        await done(client, await send(client, url, "password", password=NEW))

        assert weak.status_code == 422
        assert (await log_in(other)).status_code == 401
        assert (await log_in(other, password=NEW)).status_code == 200
        assert 'type="password"' in (await other.get("/account")).text


@pytest.mark.usefixtures("root")
async def test_the_rest_of_what_is_done_to_an_account(
    client: httpx.AsyncClient, services: Services, world: World
) -> None:
    alice = await world.user("alice")
    await world.org("acme", alice, role=Role.OWNER)
    url = f"{USERS}/{alice.id}"
    async with make_client(services) as other:
        await enter(other, "/account")
    (session,) = await services.sessions.live_of(alice.id)

    await done(client, await send(client, url, "rename", first_name="Ada", last_name="L."))
    await done(client, await send(client, url, "vouch"))
    page = (await client.get(url)).text
    await done(client, await send(client, url, "end_session", session_id=str(session.id)))

    changed = await user_of(services, "alice")
    assert (changed.full_name, changed.email_verified) == ("Ada L.", True)
    assert "Acme" in page
    assert str(session.id) in page
    assert await services.sessions.live_of(alice.id) == []
    assert await events(services, "admin_session_end") == [("success", str(alice.id))]
    unknown = await send(client, url, "end_session", session_id=str(NOBODY))
    assert unknown.status_code == 404


@pytest.mark.once
@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("path", [f"{USERS}/{NOBODY}", f"{USERS}/nobody", f"{IMPORT}/{NOBODY}",
                                  f"{CLIENTS}/none", f"{DIRECTORIES}/none"])  # fmt: skip
async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


@pytest.mark.usefixtures("root")
async def test_a_link_is_mailed_where_mail_reaches_people(services: Services, world: World) -> None:
    alice = await world.user("alice")
    await world.user("nowhere", email_address=None)
    services.outbox.is_configured = True
    async with make_client(services) as client:
        await enter(client, "/admin", "root")

        await done(client, await send(client, f"{USERS}/{alice.id}", "mail_reset"))
        made = await send(
            client, f"{USERS}/new", "create", username="carol", email_address="c@example.org"
        )
        nowhere = (await user_of(services, "nowhere")).id
        refused = await send(client, f"{USERS}/{nowhere}", "mail_reset")

    carol = await user_of(services, "carol")
    assert made.status_code == 303
    assert refused.status_code == 409
    assert await events(services, "password_reset_send") == [
        ("success", str(alice.id)), ("success", str(carol.id)), ("refused", str(nowhere)),
    ]  # fmt: skip


@pytest.mark.once
@pytest.mark.usefixtures("root")
async def test_no_link_is_promised_where_mail_reaches_nobody(
    client: httpx.AsyncClient, world: World
) -> None:
    alice = await world.user("alice")
    url = f"{USERS}/{alice.id}"

    page = await client.get(url)
    sent = await send(client, url, "mail_reset")

    assert "Mail a link" not in page.text
    assert "this service sends no mail" in (await client.get(f"{USERS}/new")).text
    assert sent.status_code == 409


async def test_of_two_who_take_it_from_each_other_one_stays(
    services: Services, world: World
) -> None:
    ann, bob = await world.user("ann", is_admin=True), await world.user("bob", is_admin=True)
    people = UserAdministration(users=services.users, audit=services.audit)

    def caller(user: User) -> Caller:
        return Caller(
            user_id=user.id, username=user.username, email_address=None, email_verified=False,
            is_admin=True, client_id="vestibule", scopes=frozenset(),
        )  # fmt: skip

    answers = await asyncio.gather(
        people.set_admin(caller(ann), bob.id, is_admin=False),
        people.set_admin(caller(bob), ann.id, is_admin=False),
        return_exceptions=True,
    )

    left = [user for user in (await services.users.search())[0] if user.is_admin]
    assert len(left) == 1
    assert sorted(type(answer).__name__ for answer in answers) == ["AccessForbidden", "NoneType"]


@pytest.mark.once
@pytest.mark.usefixtures("root")
async def test_what_was_not_done_is_not_said_to_be(
    client: httpx.AsyncClient, services: Services, world: World, clock: FakeClock
) -> None:
    alice = await world.user("alice")
    url = f"{USERS}/{alice.id}?done=enable"
    token = token_of(await client.get(url))
    clock.advance(services.settings.administration_lifetime + 1)

    late = await client.post(url, data={"action": "disable", "form_token": token})
    form = {"action": "sign_in", "username": "root", "password": PASSWORD}
    back = await client.post(url, data={**form, "form_token": hidden(late.text, "form_token")})
    page = await client.get(back.headers["location"])

    assert late.status_code == 401
    assert "Done." not in page.text
    assert (await user_of(services, "alice")).is_active


# Organizations


async def test_organizations_are_made_suspended_and_resumed(
    client: httpx.AsyncClient, root: User, services: Services
) -> None:
    await done(client, await send(client, ORGS, "create", key="acme", name=EVIL))
    made = await services.organizations.get("acme")
    taken = await send(client, ORGS, "create", key="acme")
    no_key = await send(client, ORGS, "create", key="No Key!")
    page = (await client.get(f"{ORGS}?search=ac")).text
    await done(client, await send(client, ORGS, "suspend", key="acme"))

    assert made.name == EVIL
    assert SHOWN in page
    assert EVIL not in page
    assert (taken.status_code, no_key.status_code) == (409, 422)
    assert not (await services.organizations.get("acme")).is_active
    await done(client, await send(client, ORGS, "resume", key="acme"))
    assert (await services.organizations.get("acme")).is_active
    assert "None." in (await client.get(f"{ORGS}?search=zz")).text


# Clients


def client_form(**changes: str) -> dict[str, str]:
    return {
        "name": EVIL,
        "scopes": "openid\nprofile",
        "redirect_uris": "https://app.example.org/callback",
        f"grant:{Grant.AUTHORIZATION_CODE.value}": "on",
        **changes,
    }


@pytest.mark.usefixtures("root")
async def test_a_client_is_switched_off_and_on(
    client: httpx.AsyncClient, services: Services, world: World
) -> None:
    await world.client("portal")
    url = f"{CLIENTS}/portal"

    off = await done(client, await send(client, url, "disable"))
    found = await services.clients.find("portal")
    listed = (await client.get(CLIENTS)).text
    on = await done(client, await send(client, url, "enable"))

    assert "The client is switched off." in off
    assert found is None
    assert "switched off" in listed
    assert "The client is switched on." in on
    assert await services.clients.find("portal") is not None
    for event in ("client_disable", "client_enable"):
        (row,) = await trail(services, event)
        assert (row.target, row.result) == ("portal", Result.SUCCESS)


@pytest.mark.usefixtures("root")
async def test_a_client_is_registered_and_its_secret_shown_once(
    client: httpx.AsyncClient, services: Services
) -> None:
    made = await send(
        client, f"{CLIENTS}/new", "create", client_id="portal", kind="confidential", **client_form()
    )

    secret = made.text.split('id="secret">')[1].split("<")[0]
    registered = await services.clients.authenticate(
        client_id="portal", client_secret=SecretStr(secret)
    )
    assert registered.grants == {Grant.AUTHORIZATION_CODE}
    assert registered.scopes == {"openid", "profile"}
    assert registered.redirect_uris == {"https://app.example.org/callback"}
    assert SHOWN in made.text
    assert EVIL not in made.text
    again = (await client.get(f"{CLIENTS}/portal")).text
    assert secret not in again
    assert secret not in (await client.get(CLIENTS)).text
    assert await events(services, "client_create") == [("success", "portal")]


@pytest.mark.usefixtures("root")
async def test_what_a_client_may_is_changed(client: httpx.AsyncClient, services: Services) -> None:
    await send(client, f"{CLIENTS}/new", "create", client_id="portal", **client_form())
    url = f"{CLIENTS}/portal"
    form = client_form(name="Portal", scopes="openid", organizations="acme", first_party="true")

    bad = await send(client, url, "save", **client_form(redirect_uris="javascript:alert(1)"))
    none = await send(client, url, "save", **client_form(redirect_uris="https://[::1/callback"))
    await done(client, await send(client, url, "save", **form))

    assert (bad.status_code, none.status_code) == (422, 422)
    assert "absolute https URL" in bad.text
    changed = await services.clients.get("portal")
    assert changed.name == "Portal"
    assert changed.scopes == {"openid"}
    assert changed.organizations == frozenset({"acme"})
    assert changed.first_party


@pytest.mark.usefixtures("root")
async def test_of_two_who_change_a_client_the_second_looks_again(
    client: httpx.AsyncClient, services: Services, clock: FakeClock
) -> None:
    await send(client, f"{CLIENTS}/new", "create", client_id="portal", **client_form())
    url = f"{CLIENTS}/portal"
    seen = hidden((await client.get(url)).text, "seen")
    clock.advance(1)
    await done(client, await send(client, url, "save", **client_form(scopes="openid"), seen=seen))

    second = await send(client, url, "save", **client_form(name="  "), seen=seen)

    assert second.status_code == 409
    assert (await services.clients.get("portal")).scopes == {"openid"}
    third = await send(client, url, "save", **client_form(name="  "))
    assert third.status_code == 303
    assert (await services.clients.get("portal")).name == "portal"


@pytest.mark.usefixtures("root")
async def test_a_new_secret_ends_the_former(client: httpx.AsyncClient, services: Services) -> None:
    made = await send(client, f"{CLIENTS}/new", "create", client_id="portal", **client_form())
    former = made.text.split('id="secret">')[1].split("<")[0]

    rotated = await send(client, f"{CLIENTS}/portal", "rotate_secret")

    secret = rotated.text.split('id="secret">')[1].split("<")[0]
    assert secret != former
    await services.clients.authenticate(client_id="portal", client_secret=SecretStr(secret))
    with pytest.raises(AuthenticationFailed):
        await services.clients.authenticate(client_id="portal", client_secret=SecretStr(former))


@pytest.mark.once
@pytest.mark.usefixtures("root")
async def test_the_forms_behind_a_new_secret_can_be_sent(
    client: httpx.AsyncClient, services: Services
) -> None:
    made = await send(client, f"{CLIENTS}/new", "create", client_id="portal", **client_form())

    saved = await client.post(
        f"{CLIENTS}/portal",
        data={"action": "save", "form_token": token_of(made), **client_form(name="Renamed")},
    )

    assert saved.status_code == 303
    assert (await services.clients.get("portal")).name == "Renamed"


# Directories


def directory(**changes: Any) -> str:
    connection = {
        "kind": "ldap", "urls": ["ldaps://127.0.0.1:1"], "bind_dn": "cn=reader,dc=example,dc=org",
        "user_base": "ou=people,dc=example,dc=org", "timeout": 1,
    }  # fmt: skip
    return json.dumps(
        {"key": "corp", "name": EVIL, "domains": ["corp.example"], "connection": connection}
        | changes
    )


@pytest.mark.usefixtures("root")
async def test_a_directory_is_added_changed_tried_and_removed(
    client: httpx.AsyncClient, services: Services, world: World
) -> None:
    await world.org("acme")
    secret = "the password of the reader"
    url = f"{DIRECTORIES}/corp"

    added = await send(
        client, f"{DIRECTORIES}/new", "create", configuration=directory(), secret=secret
    )
    page = await client.get(added.headers["location"])
    checked = await send(client, url, "check")
    await done(client, await send(client, url, "demand", org="acme"))
    demanded = (await services.organizations.get("acme")).directory
    kept = await send(client, url, "remove")
    await done(client, await send(client, url, "release", org="acme"))
    await done(
        client,
        await send(
            client, url, "save", configuration=directory(name="Corp", domains=["c.example"])
        ),
    )

    assert SHOWN in page.text
    assert EVIL not in page.text
    assert secret not in page.text
    assert checked.status_code == 502
    assert demanded == "corp"
    assert kept.status_code == 409
    changed = await services.registry.get("corp")
    assert changed.configuration.domains == {"c.example"}
    assert changed.configuration.secrets() == {"bind_password": secret}  # it stayed
    gone = await client.get((await send(client, url, "remove")).headers["location"])
    assert "Done." in gone.text
    assert (await client.get(url)).status_code == 404
    assert await events(services, "directory_create") == [("success", "corp")]


@pytest.mark.once
@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("configuration", "reason"),
    [
        ("{", "This is no JSON"),
        ("[]", "This is no JSON object"),
        ('{"key": "a", "key": "b"}', "This is no JSON"),
        (directory(key="local"), "the name of our own directory"),
        (directory(connection={"kind": "none"}), "connection"),
    ],
)
async def test_a_configuration_that_is_none_is_refused_with_the_reason(
    client: httpx.AsyncClient, configuration: str, reason: str
) -> None:
    answer = await send(
        client, f"{DIRECTORIES}/new", "create", configuration=configuration, secret="hush hush"
    )

    assert answer.status_code == 422
    assert reason in html.unescape(answer.text)
    assert (
        html.escape(configuration).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
        in answer.text
    )
    assert "hush hush" not in answer.text


# Signing keys


@pytest.mark.usefixtures("root")
async def test_keys_are_rotated_and_revoked(client: httpx.AsyncClient, services: Services) -> None:
    (first,) = await services.keys.list()

    await done(client, await send(client, KEYS, "rotate"))
    unsure = await send(client, KEYS, "revoke", kid=first.kid, typed="wrong")
    there = [key.kid for key in await services.keys.list()]
    await done(client, await send(client, KEYS, "revoke", kid=first.kid, typed=first.kid[:8]))

    assert unsure.status_code == 422
    assert first.kid in there
    assert len(there) == 2
    assert first.kid not in [key.kid for key in await services.keys.list()]
    assert await events(services, "key_rotate") == [("success", there[-1])]
    assert await events(services, "key_revoke") == [("success", first.kid)]
    unknown = await send(client, KEYS, "revoke", kid="k" * 43, typed="k" * 8)
    assert unknown.status_code == 404


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("action", ["rotate", "revoke"])
async def test_no_key_is_changed_that_the_trail_does_not_tell_of(
    client: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    (first,) = await services.keys.list()
    add = services.audit.add

    def broken(connection: Connection, event: AuditEvent) -> None:
        if event.event.startswith("key_") and event.result is Result.SUCCESS:
            raise DatabaseUnavailable
        add(connection, event)

    token = token_of(await client.get(KEYS))
    monkeypatch.setattr(services.audit, "add", broken)
    refused = await send(client, KEYS, action, token=token, kid=first.kid, typed=first.kid[:8])

    assert refused.status_code == 500
    assert await services.keys.list() == [first]


# The trail


async def test_the_trail_is_looked_through_by_filters(
    client: httpx.AsyncClient, root: User, services: Services, world: World
) -> None:
    alice = await world.user("alice")
    async with make_client(services, address="127.0.0.7") as other:
        await log_in(other, password="wrong")
        await log_in(other)
    await services.audit.flush()

    def rows(page: httpx.Response) -> int:
        return page.text.count("<td><time")

    by_user = await client.get(f"{AUDIT}?user=alice")
    failures = await client.get(f"{AUDIT}?user={alice.id}&result=failure")
    there = await client.get(f"{AUDIT}?address=127.0.0.7")
    yesterday = await client.get(f"{AUDIT}?until=2001-01-01")
    nobody = await client.get(f"{AUDIT}?user=nobody")
    no_day = await client.get(f"{AUDIT}?since=tomorrow")

    assert [rows(page) for page in (by_user, failures, there, yesterday)] == [2, 1, 2, 0]
    assert (nobody.status_code, no_day.status_code) == (422, 422)
    assert "There is no user of this name." in nobody.text
    assert f'<a href="{USERS}/{root.id}">root</a>' in (await client.get(AUDIT)).text


@pytest.mark.usefixtures("root")
async def test_the_trail_is_taken_out_whole(
    client: httpx.AsyncClient, services: Services, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.access.trail.AT_ONCE", 3)
    for number in range(8):
        await world.client(f"c{number}")
        await log_in(client, "nobody", client_id=f"c{number}", headers={"User-Agent": "x"})
    for text in ("=cmd()", "+1", "-1", "@a", "\tb"):
        attempt = Attempt("probe", "127.0.0.1", "127.0.0.1", "", target=text)
        await services.audit.record(
            services.audit.event(attempt, result=Result.SUCCESS, cause="done", status=200)
        )
    await services.audit.flush()
    told = await services.audit.latest(limit=1000)

    answer = await client.get(f"{AUDIT}/export?format=jsonl")
    table = await client.get(f"{AUDIT}/export?event=login")
    cells = await client.get(f"{AUDIT}/export?event=probe")

    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [UUID(line["id"]) for line in lines][1:] == [event.id for event in reversed(told)]
    assert lines[0]["event"] == "audit_export"
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.jsonl"'
    assert table.text.splitlines()[0].startswith("id,occurred_at,event")
    assert all(",login," in line for line in table.text.splitlines()[1:])
    rows = list(csv.DictReader(io.StringIO(cells.text)))
    assert [row["target"] for row in rows] == ["'\tb", "'@a", "'-1", "'+1", "'=cmd()"]


# Import


async def upload(
    client: httpx.AsyncClient, name: str, content: bytes, *, token: str = ""
) -> httpx.Response:
    token = token or token_of(await client.get(IMPORT))
    return await client.post(
        IMPORT, data={"form_token": token}, files={"file": (name, content, "text/csv")}
    )


async def ended(services: Services) -> None:
    assert services.imports._running is not None
    await services.imports._running


async def test_users_are_imported_from_a_file(
    client: httpx.AsyncClient, root: User, services: Services, world: World
) -> None:
    await world.org("acme")
    lines = [
        "username,email_address,password,organizations",
        "dora,dora@example.org,,acme:owner",
        f"emil,,{NEW},",
        "no name!,,,",
    ]

    answer = await upload(client, "people.csv.gz", gzip.compress("\n".join(lines).encode()))
    await ended(services)
    page = await client.get(answer.headers["location"])

    assert answer.status_code == 303
    assert "Line 4" in page.text
    assert "100 %" in page.text
    assert "no name!" not in page.text
    (membership,) = await services.organizations.memberships_of(
        (await user_of(services, "dora")).id
    )
    assert membership.role is Role.OWNER
    async with make_client(services) as other:
        assert (await log_in(other, "emil", NEW)).status_code == 200
    assert "people.csv.gz" in (await client.get(IMPORT)).text
    (begun,) = await events(services, "users_import")
    assert str(begun[1]) in answer.headers["location"]
    again = await upload(client, "people.csv", "\n".join(lines[:3]).encode())
    await ended(services)
    assert "There already</dt><dd>2<" in (await client.get(again.headers["location"])).text


@pytest.mark.once
@pytest.mark.usefixtures("root")
async def test_lines_that_say_nothing_or_nonsense_stop_nobody(
    client: httpx.AsyncClient, services: Services
) -> None:
    nonsense = {f"field{number}": "" for number in range(3000)}
    lines = [
        b"\n" * 100_000,
        b'{"username": "dora", "\\ud800": 1}',
        json.dumps({"username": "emil", "is_active": "maybe", **nonsense}).encode(),
        b'{"username": "fred"}',
    ]

    answer = await upload(client, "people.jsonl.gz", gzip.compress(b"\n".join(lines)))
    await ended(services)
    page = await client.get(answer.headers["location"])

    assert "Done." in page.text
    assert await services.users.find("fred") is not None
    assert page.text.count("a field that is not known") == 2
    assert len(page.text) < 10_000


@pytest.mark.once
@pytest.mark.usefixtures("root")
async def test_what_is_packed_too_tightly_is_refused(
    client: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.users.imports.MOST", 1_000_000)

    answer = await upload(client, "people.csv.gz", gzip.compress(b"username\n" + b"a" * 2_000_000))
    await ended(services)

    assert "too large" in (await client.get(answer.headers["location"])).text


@pytest.mark.usefixtures("root")
async def test_of_two_imports_at_once_one_is_begun(
    client: httpx.AsyncClient, services: Services
) -> None:
    token = token_of(await client.get(IMPORT))

    answers = await asyncio.gather(
        *(upload(client, "people.csv", b"username\nq\n", token=token) for _ in range(2))
    )
    await ended(services)

    assert sorted(answer.status_code for answer in answers) in ([303, 303], [303, 409])
    begun = await services.database.read(lambda c: import_jobs.latest(c, limit=10))
    assert all(job.ended_at is not None for job in begun)


@pytest.mark.once
@pytest.mark.usefixtures("root")
async def test_files_that_are_none_are_refused_with_the_reason(
    client: httpx.AsyncClient, services: Services
) -> None:
    no_format = await upload(client, "people.pdf", b"%PDF")
    no_file = await upload(client, "", b"")
    no_header = await upload(client, "people.csv", b"a,b\n1,2\n")
    await ended(services)
    told = await client.get(no_header.headers["location"])
    damaged = await upload(client, "people.csv.gz", b"not packed at all")
    await ended(services)

    assert (no_format.status_code, no_file.status_code) == (422, 422)
    assert "The first line must name the columns" in told.text
    assert "damaged" in (await client.get(damaged.headers["location"])).text


@pytest.mark.once
@pytest.mark.usefixtures("root")
async def test_a_file_that_is_too_large_is_not_read_to_its_end(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.pages.administration.uploads.MAX_FILE", 10_000)

    answer = await upload(client, "people.csv", b"username\n" + b"a" * 200_000)

    assert answer.status_code == 400
    assert "larger than" in answer.text


@pytest.mark.once
@pytest.mark.usefixtures("root")
async def test_a_file_that_there_is_no_room_for_is_refused_with_the_reason(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    with capture_logs() as lines:
        answer = await upload(client, "people.csv", b"username\n" + b"a" * 2_000_000)

    assert answer.status_code == 409
    assert "no room for this file" in answer.text
    assert [line["error"] for line in lines if line["event"] == "file not kept"] == [
        "No such file or directory"
    ]


@pytest.mark.usefixtures("root")
async def test_a_file_of_others_is_not_imported(
    client: httpx.AsyncClient, services: Services, world: World
) -> None:
    content = b"username\nmallory\n"
    other_page = token_of(await client.get("/account"))

    forged = await upload(client, "people.csv", content, token=other_page)
    async with make_client(services) as stranger:
        sent = await stranger.post(IMPORT, files={"file": ("people.csv", content, "text/csv")})
        await world.user("alice")
        await enter(stranger, "/account")
        by_alice = await stranger.post(IMPORT, files={"file": ("people.csv", content, "text/csv")})

    assert (forged.status_code, sent.status_code, by_alice.status_code) == (403, 303, 403)
    assert services.imports._running is None
    assert await services.users.find("mallory") is None


@pytest.mark.once
@pytest.mark.usefixtures("root")
async def test_a_form_without_files_is_bounded_as_anywhere(client: httpx.AsyncClient) -> None:
    answer = await client.post(IMPORT, data={"form_token": "x", "padding": "a" * 100_000})

    assert answer.status_code == 400


@pytest.mark.usefixtures("root")
async def test_an_import_that_is_stopped_says_so_and_can_be_sent_again(
    client: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    content = b"username\ndora\n"
    monkeypatch.setattr(services.imports._importer, "run", endless)
    answer = await upload(client, "people.csv", content)
    second = await upload(client, "people.csv", content)

    await services.imports.close()
    monkeypatch.undo()
    page = await client.get(answer.headers["location"])
    again = await upload(client, "people.csv", content)
    await ended(services)

    assert second.status_code == 409
    assert "broken off" in page.text
    assert "Done." in (await client.get(again.headers["location"])).text
    assert await services.users.find("dora") is not None


async def test_an_import_whose_instance_is_gone_is_told_so(
    client: httpx.AsyncClient, root: User, services: Services, clock: FakeClock
) -> None:
    now = utc(clock)
    job = ImportJob(new_id(), "people.csv", 100, root.id, now, now, None, 50, 3, 0, 0, [], None)
    await services.database.write(lambda c: import_jobs.add(c, job))

    before = (await client.get(f"{IMPORT}/{job.id}")).text
    clock.advance(61)
    after = (await client.get(f"{IMPORT}/{job.id}")).text

    assert "50 %" in before
    assert "hx-get" in before  # and is asked again
    assert "broken off" not in before
    assert "broken off" in after
    assert 'hx-get="/admin/users/import' not in after


# At a glance


@pytest.mark.once
@pytest.mark.usefixtures("root")
async def test_the_overview_shows_how_logins_end(
    client: httpx.AsyncClient, world: World, clock: FakeClock, services: Services
) -> None:
    await world.user("alice")
    await log_in(client)
    await log_in(client, password=PASSWORD + "!")
    clock.advance(60)

    page = (await client.get("/admin")).text

    assert "let in: 2" in page  # and root
    assert "told no: 1" in page
    assert page.count('class="success"/>') == 1
    assert page.count('class="failure"/>') == 1
    assert page.count('class="depth"/>') >= 1
    clock.advance(services.settings.administration_lifetime)
    await enter(client, "/admin", "root")
    assert "told no: 0" in (await client.get("/admin")).text


@pytest.mark.once
@pytest.mark.usefixtures("root")
async def test_the_overview_shows_which_directory_fails(
    client: httpx.AsyncClient, services: Services
) -> None:
    await send(client, f"{DIRECTORIES}/new", "create", configuration=directory(), secret="x")
    before = (await client.get("/admin")).text
    answer = await log_in(client, "ann@corp.example")
    after = (await client.get("/admin")).text

    assert answer.status_code == 502
    assert SHOWN in before
    assert before.count('class="failed"/>') == 0
    assert after.count('class="failed"/>') == 1
    assert "1 failure in a row" in after
