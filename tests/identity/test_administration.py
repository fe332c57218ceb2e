"""The routes of directories and links, the settings, and synchronization."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from tests.identity.conftest import Configure
from tests.identity.fakes import PASSWORD, Fakes, broken, directory, ldap
from tests.orgs.people import bearer, signed_in, trail
from tests.world import PASSWORD as LOCAL, FakeClock, World, log_in
from vestibule.identity import repository
from vestibule.identity.connector import Profile
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

PATH = "/api/v1/directories"
SECRET = "what the directory knows us by"
BOUND = ldap(bind_dn="cn=us", bind_password=SECRET)


async def test_a_directory_is_made_read_changed_and_removed(
    client: httpx.AsyncClient, root: dict[str, str], fakes: Fakes, services: Services
) -> None:
    made = await client.post(
        PATH, json=directory(domains=["Corp.Example"], connection=BOUND), headers=root
    )
    again = await client.post(PATH, json=directory(), headers=root)
    read = await client.get(f"{PATH}/corp", headers=root)
    sent = {**made.json()["configuration"], "name": "Another"}
    changed = await client.put(f"{PATH}/corp", json=sent, headers=root)
    listed = await client.get(PATH, headers=root)
    removed = await client.delete(f"{PATH}/corp", headers=root)
    gone = await client.get(f"{PATH}/corp", headers=root)

    assert made.status_code == 201
    assert made.json() == read.json()
    assert made.json()["configuration"]["domains"] == ["corp.example"]
    assert made.json()["secrets"] == ["bind_password"]
    assert (made.json()["source"], made.json()["breaker"]) == ("routes", "closed")
    assert again.status_code == 409
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["secrets"]) == ("Another", ["bind_password"])
    assert listed.json() == [changed.json()]
    assert (removed.status_code, gone.status_code) == (204, 404)
    everything = made.text + changed.text + listed.text
    assert SECRET not in everything
    for event in ("directory_create", "directory_update", "directory_delete"):
        assert "success" in {row.result for row in await trail(services, event)}


async def test_secrets_are_encrypted_in_the_database(
    client: httpx.AsyncClient, root: dict[str, str], services: Services
) -> None:
    await client.post(PATH, json=directory(connection=BOUND), headers=root)

    (row,) = await services.database.read(repository.all_directories)

    assert row.sealed is not None
    assert SECRET.encode() not in row.sealed
    assert SECRET not in json.dumps(row.configuration)


async def test_a_directory_whose_library_is_not_installed_is_refused_and_harms_nobody(
    client: httpx.AsyncClient,
    root: dict[str, str],
    services: Services,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await world.user("alice")
    kept = await client.post(PATH, json=directory(domains=["corp.example"]), headers=root)
    monkeypatch.setitem(sys.modules, "vestibule.identity.ldap.connector", None)

    refused = await client.post(PATH, json=directory("other"), headers=root)
    await services.registry.reload()
    listed = await client.get(PATH, headers=root)

    assert kept.status_code == 201
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["loc"][-1] == "connection.kind"
    # What another instance wrote, which can speak to it: it goes on answering for its people.
    assert [item["configuration"]["key"] for item in listed.json()] == ["corp"]
    assert (await log_in(client, "ann@corp.example", PASSWORD)).status_code == 502
    assert (await log_in(client, "alice", LOCAL)).status_code == 200


async def test_a_secret_does_not_follow_to_another_server(
    client: httpx.AsyncClient, root: dict[str, str], services: Services
) -> None:
    made = await client.post(PATH, json=directory(connection=BOUND), headers=root)
    stolen = made.json()["configuration"]
    stolen["connection"] = {**stolen["connection"], "urls": ["ldaps://thief.example"]}

    response = await client.put(f"{PATH}/corp", json=stolen, headers=root)

    assert response.status_code == 422
    assert SECRET not in response.text


@pytest.mark.parametrize(
    "change",
    [
        {"key": "local"},
        {"key": "No Key"},
        {"domains": ["not a domain"]},
        {"domains": ["a.example"], "suffixes": ["@a.example"]},
        {"unknown": 1},
        {"connection": {"kind": "other"}},
        {"connection": ldap(urls=["http://x"])},
        {"connection": ldap(preset={})},
        {"connection": ldap(preset="unknown")},
        {"connection": ldap(urls=["ldap://x"], start_tls=False)},
        {"connection": ldap(bind_dn="cn=us")},
        {"connection": ldap(bind_dn="cn=us", bind_password="")},
        {"connection": ldap(user_filter="(uid=somebody)")},
        {"connection": ldap(user_filter="(uid={username}")},
        {"connection": {"kind": "oidc", "issuer": "http://x.example", "client_id": "us"}},
        {"connection": {"kind": "oidc", "issuer": "https://x.example?a", "client_id": "us"}},
        {
            "connection": {
                "kind": "oidc", "issuer": "https://x.example", "client_id": "us",
                "subject_claim": "email",
            }
        },
        {"groups": [{"group": "a", "organization": "b", "role": "king"}]},
        {"organizations": [{"organization": "a\x00b"}]},
        {"cache_seconds": -1},
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused(
    client: httpx.AsyncClient, root: dict[str, str], change: dict[str, Any]
) -> None:
    response = await client.post(PATH, json={**directory(), **change}, headers=root)

    assert response.status_code == 422
    assert response.json()["type"] == "validation_error"


@pytest.mark.parametrize(
    "fields",
    [{"domains": ["a.example", "b.example"]}, {"suffixes": ["@a"]}, {"is_default": True}],
)
async def test_two_directories_are_never_for_the_same(
    client: httpx.AsyncClient, root: dict[str, str], configure: Configure, fields: dict[str, Any]
) -> None:
    await configure("one", **fields)

    response = await client.post(PATH, json=directory("two", **fields), headers=root)

    assert response.status_code == 409


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", ""),
        ("GET", "/corp"),
        ("PUT", "/corp"),
        ("DELETE", "/corp"),
        ("POST", "/corp/check"),
        ("POST", "/corp/sync"),
        ("PUT", "/corp/organizations/acme"),
        ("DELETE", "/corp/organizations/acme"),
        ("POST", "/corp/identities"),
        ("DELETE", "/corp/identities/00000000-0000-0000-0000-000000000000"),
    ],
)
async def test_only_administrators_of_the_service_get_near(
    client: httpx.AsyncClient, world: World, configure: Configure, method: str, path: str
) -> None:
    await configure()
    await world.user("alice")
    alice = await signed_in(client, world, "alice")
    body: dict[str, Any] | None = {
        "": directory("other"),
        "/corp": directory(),
        "/corp/sync": {},
        "/corp/identities": {
            "user_id": "00000000-0000-0000-0000-000000000000", "subject": "x",
        },
    }.get(path) if method in ("POST", "PUT") else None  # fmt: skip

    response = await client.request(method, PATH + path, json=body, headers=alice)

    assert response.status_code == 403
    assert (await client.request(method, PATH + path, json=body)).status_code == 401


async def test_a_directory_can_be_tried(
    client: httpx.AsyncClient, root: dict[str, str], configure: Configure
) -> None:
    corp = await configure()
    good = await client.post(f"{PATH}/corp/check", headers=root)
    corp.failing = broken()
    bad = await client.post(f"{PATH}/corp/check", headers=root)

    assert (good.status_code, list(good.json())) == (200, ["milliseconds"])
    assert (bad.status_code, bad.json()["type"]) == (502, "bad_gateway_error")


async def test_other_instances_learn_of_a_change_within_seconds(
    settings: Settings,
    clock: FakeClock,
    client: httpx.AsyncClient,
    root: dict[str, str],
    configure: Configure,
    fakes: Fakes,
) -> None:
    other = wire(settings, clock=clock)
    assert (await other.registry.current()).by_key == {}
    await configure()
    await configure("more")

    clock.advance(5)
    await other.registry.current()
    assert other.registry._reading is not None
    await other.registry._reading
    upstreams = (await other.registry.current()).by_key
    await other.close()

    assert set(upstreams) == {"corp", "more"}
    assert fakes["corp"].closed


async def test_what_a_newer_release_says_of_a_directory_besides_is_passed_over(
    services: Services, configure: Configure
) -> None:
    await configure(domains=["corp.example"])
    (row,) = await services.database.read(repository.all_directories)
    newer = {**row.configuration, "colour": "red", "organizations": [{"organization": "a", "x": 1}]}
    newer["connection"] = {**newer["connection"], "speed": 1}
    await services.database.write(
        lambda c: repository.replace_directory(c, replace(row, configuration=newer))
    )

    upstream = await services.registry.get("corp")

    assert upstream.configuration.domains == {"corp.example"}
    assert [item.organization for item in upstream.configuration.organizations] == ["a"]


async def test_settings_name_directories_that_routes_do_not_change(
    settings: Settings, clock: FakeClock, fakes: Fakes
) -> None:
    from tests.conftest import make_client

    text = json.dumps([directory(connection=BOUND, is_default=True)])
    services = wire(settings.model_copy(update={"directories": SecretStr(text)}), clock=clock)
    await services.keys.ensure()
    world = World(services)
    fakes["corp"].add("ann")
    async with make_client(services) as client:
        await world.user("root", is_admin=True)
        root = await signed_in(client, world, "root")

        signed = await log_in(client, "ann", PASSWORD)
        read = await client.get(f"{PATH}/corp", headers=root)
        change = await client.put(f"{PATH}/corp", json=directory(), headers=root)
        removal = await client.delete(f"{PATH}/corp", headers=root)
        twice = await client.post(PATH, json=directory(), headers=root)
    await services.close()

    assert signed.status_code == 200
    assert read.json()["source"] == "settings"
    assert SECRET not in read.text
    assert (change.status_code, removal.status_code, twice.status_code) == (409, 409, 409)


async def test_settings_that_make_no_sense_do_not_show_what_they_hold(
    settings: Settings, clock: FakeClock
) -> None:
    text = json.dumps([directory(connection=ldap(bind_password=SECRET))])

    with pytest.raises(ValidationError) as caught:
        wire(settings.model_copy(update={"directories": SecretStr(text)}), clock=clock)

    assert SECRET not in str(caught.value)


# Links


async def test_a_person_links_their_account_deliberately(
    client: httpx.AsyncClient, configure: Configure, world: World, services: Services
) -> None:
    corp = await configure(suffixes=["#corp"])
    corp.add("ann")
    await world.user("ann")
    ann = await signed_in(client, world, "ann")
    link = {"directory": "corp", "username": "ann", "password": PASSWORD}

    conflict = await log_in(client, "ann#corp", PASSWORD)
    wrong = await client.post(
        "/api/v1/user/identities", json={**link, "password": "wrong"}, headers=ann
    )
    linked = await client.post("/api/v1/user/identities", json=link, headers=ann)
    listed = await client.get("/api/v1/user/identities", headers=ann)
    through = await log_in(client, "ann#corp", PASSWORD)
    local = await log_in(client, "ann", LOCAL)

    assert (conflict.status_code, wrong.status_code, linked.status_code) == (409, 403, 204)
    assert [(row["directory"], row["subject"]) for row in listed.json()] == [("corp", "id of ann")]
    assert through.status_code == 200
    assert local.status_code == 401
    assert (await services.users.named("ann")).password_hash is None


async def test_nobody_links_a_person_who_is_linked_already(
    client: httpx.AsyncClient, configure: Configure, world: World
) -> None:
    corp = await configure(suffixes=["#corp"])
    corp.add("bob")
    assert (await log_in(client, "bob#corp", PASSWORD)).status_code == 200
    await world.user("ann")
    ann = await signed_in(client, world, "ann")

    response = await client.post(
        "/api/v1/user/identities",
        json={"directory": "corp", "username": "bob", "password": PASSWORD},
        headers=ann,
    )

    assert response.status_code == 409
    assert (await log_in(client, "ann", LOCAL)).status_code == 200


async def test_guesses_by_linking_are_counted(
    client: httpx.AsyncClient, configure: Configure, world: World
) -> None:
    corp = await configure(suffixes=["#corp"])
    await world.user("ann")
    ann = await signed_in(client, world, "ann")
    link = {"directory": "corp", "username": "boss", "password": "wrong"}

    statuses = [
        (await client.post("/api/v1/user/identities", json=link, headers=ann)).status_code
        for _ in range(8)
    ]

    assert 429 in statuses
    assert len(corp.asked) < 8


async def test_an_administrator_links_and_unlinks(
    client: httpx.AsyncClient,
    configure: Configure,
    world: World,
    services: Services,
    root: dict[str, str],
) -> None:
    await world.org("acme")
    corp = await configure(suffixes=["#corp"], organizations=[{"organization": "acme"}])
    corp.add("ann")
    user = await world.user("ann")
    link = {"user_id": str(user.id), "subject": "id of ann"}

    linked = await client.post(f"{PATH}/corp/identities", json=link, headers=root)
    twice = await client.post(f"{PATH}/corp/identities", json=link, headers=root)
    nobody = await client.post(
        f"{PATH}/corp/identities",
        json={"user_id": "00000000-0000-0000-0000-000000000000", "subject": "x"},
        headers=root,
    )
    signed = await log_in(client, "ann#corp", PASSWORD)
    token = signed.json()["access_token"]
    unlinked = await client.delete(f"{PATH}/corp/identities/{user.id}", headers=root)
    again = await client.delete(f"{PATH}/corp/identities/{user.id}", headers=root)
    ended = await client.get("/api/v1/user", headers=bearer(token))

    assert (linked.status_code, twice.status_code, nobody.status_code) == (204, 409, 404)
    assert signed.status_code == 200
    assert (unlinked.status_code, again.status_code) == (204, 404)
    assert ended.status_code == 401
    assert await services.organizations.memberships_of(user.id) == []


# Synchronization


async def test_whoever_is_gone_is_disabled_by_the_schedule(
    client: httpx.AsyncClient, configure: Configure, services: Services, clock: FakeClock
) -> None:
    corp = await configure(is_default=True, sync_seconds=3600)
    corp.add("ann")
    corp.add("bob", first_name="Bob")
    token = (await log_in(client, "ann", PASSWORD)).json()["access_token"]
    await log_in(client, "bob", PASSWORD)
    del corp.people["ann"]
    corp.change("bob", first_name="Robert")

    clock.advance(3599)
    assert await services.synchronization.run_due() == 0
    clock.advance(2)
    assert await services.synchronization.run_due() == 1
    assert await services.synchronization.run_due() == 0

    assert not (await services.users.named("ann")).is_active
    assert (await services.users.named("bob")).first_name == "Robert"
    assert (await client.get("/api/v1/user", headers=bearer(token))).status_code == 401


async def test_whoever_is_unlinked_before_they_are_found_to_be_gone_keeps_the_account(
    client: httpx.AsyncClient,
    configure: Configure,
    services: Services,
    root: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    corp = await configure(is_default=True)
    corp.add("ann")
    await log_in(client, "ann", PASSWORD)
    user = await services.users.named("ann")

    async def nobody_any_more(_subjects: object) -> dict[str, Profile]:
        await client.delete(f"{PATH}/corp/identities/{user.id}", headers=root)
        return {}

    monkeypatch.setattr(corp, "look_up", nobody_any_more)
    response = await client.post(f"{PATH}/corp/sync", json={}, headers=root)

    assert (response.json()["gone"], response.json()["disabled"]) == (1, 0)
    assert (await services.users.named("ann")).is_active


async def test_whoever_is_linked_anew_before_is_not_disabled_for_another(
    client: httpx.AsyncClient,
    configure: Configure,
    services: Services,
    world: World,
    root: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    corp = await configure(is_default=True)
    corp.add("ann")
    await log_in(client, "ann", PASSWORD)
    former, other = await services.users.named("ann"), await world.user("other")

    async def nobody_any_more(_subjects: object) -> dict[str, Profile]:
        link = {"user_id": str(other.id), "subject": "id of ann"}
        await client.delete(f"{PATH}/corp/identities/{former.id}", headers=root)
        await client.post(f"{PATH}/corp/identities", json=link, headers=root)
        return {}

    monkeypatch.setattr(corp, "look_up", nobody_any_more)
    response = await client.post(f"{PATH}/corp/sync", json={}, headers=root)

    assert response.json()["disabled"] == 0
    for name in ("ann", "other"):
        assert (await services.users.named(name)).is_active


async def test_a_directory_that_has_lost_very_many_is_not_believed_unless_forced(
    client: httpx.AsyncClient, configure: Configure, services: Services, root: dict[str, str]
) -> None:
    corp = await configure(is_default=True)
    for number in range(20):
        corp.add(f"person{number}")
        await log_in(client, f"person{number}", PASSWORD)
    for number in range(11):
        del corp.people[f"person{number}"]

    believed = await client.post(f"{PATH}/corp/sync", json={}, headers=root)
    forced = await client.post(f"{PATH}/corp/sync", json={"force": True}, headers=root)

    assert believed.json() == {
        "asked": 20, "refreshed": 9, "gone": 11, "disabled": 0, "stopped": "too_many_gone",
    }  # fmt: skip
    assert forced.json()["disabled"] == 11


async def test_a_directory_that_fails_disables_nobody(
    client: httpx.AsyncClient, configure: Configure, services: Services, root: dict[str, str]
) -> None:
    corp = await configure(is_default=True)
    corp.add("ann")
    await log_in(client, "ann", PASSWORD)
    corp.failing = broken()

    response = await client.post(f"{PATH}/corp/sync", json={}, headers=root)

    assert response.json()["stopped"] == "directory_unreachable"
    assert (await services.users.named("ann")).is_active


async def test_a_directory_that_looks_nobody_up_is_not_synchronized(
    client: httpx.AsyncClient, configure: Configure, root: dict[str, str]
) -> None:
    corp = await configure()
    corp.can_look_up = False

    assert (await client.post(f"{PATH}/corp/sync", json={}, headers=root)).status_code == 409
