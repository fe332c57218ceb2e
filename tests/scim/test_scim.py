"""Provisioning: the examples of RFC 7643 and RFC 7644, and what becomes of accounts."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from tests.orgs.people import bearer, roles, signed_in, trail
from tests.scim.conftest import BASE, GROUP, USER, Provider
from tests.world import FakeClock, World, log_in
from vestibule.orgs.models import Role
from vestibule.wiring import Services

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
FULL = {
    "schemas": [USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
    "externalId": "701984",
    "userName": "bjensen@example.com",
    "name": {
        "formatted": "Ms. Barbara J Jensen, III", "familyName": "Jensen", "givenName": "Barbara",
        "middleName": "Jane",
    },
    "displayName": "Babs Jensen",
    "emails": [
        {"value": "bjensen@example.com", "type": "work", "primary": True},
        {"value": "babs@jensen.org", "type": "home"},
    ],
    "phoneNumbers": [{"value": "555-555-5555", "type": "work"}],
    "title": "Tour Guide",
    "active": True,
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
        "employeeNumber": "701984", "department": "Tour Operations",
    },
}  # fmt: skip
"""A user as in RFC 7643 §8.3, shortened."""


async def account(services: Services, user_id: str) -> Any:
    return await services.users.get(UUID(user_id))


# Tokens


async def test_a_token_is_told_once_and_opens_its_organization_alone(
    client: httpx.AsyncClient, provider: Provider, admin: dict[str, str], world: World
) -> None:
    listed = await client.get("/api/v1/org/acme/scim/tokens", headers=admin)
    stranger = await signed_in(client, world, "stranger")
    other = await client.post(
        "/api/v1/org/globex/scim/tokens", json={"name": "x"}, headers=stranger
    )
    theirs = Provider(client, other.json()["token"])
    user = await provider.user()

    assert provider.token not in listed.text
    assert (await provider.ask("GET", f"/Users/{user['id']}")).status_code == 200
    assert (await theirs.ask("GET", f"/Users/{user['id']}")).status_code == 404
    assert (await theirs.ask("GET", "/Users")).json()["totalResults"] == 0
    assert (await client.get("/api/v1/user", headers=bearer(provider.token))).status_code == 401


@pytest.mark.parametrize("end", ["revoked", "expired", "made up", "none", "access token"])
async def test_what_is_no_good_token_opens_nothing(
    client: httpx.AsyncClient, admin: dict[str, str], clock: FakeClock, end: str
) -> None:
    body = {"name": "x", "expires_at": "2027-01-15T09:00:00Z"}
    made = await client.post("/api/v1/org/acme/scim/tokens", json=body, headers=admin)
    token = made.json()["token"]
    match end:
        case "revoked":
            path = f"/api/v1/org/acme/scim/tokens/{made.json()['id']}"
            assert (await client.delete(path, headers=admin)).status_code == 204
            assert (await client.delete(path, headers=admin)).status_code == 404
        case "expired":
            clock.advance(3600)
        case "made up":
            token = token[:-1] + ("A" if token[-1] != "A" else "B")
        case "none":
            token = ""
        case "access token":
            token = admin["Authorization"].removeprefix("Bearer ")

    response = await Provider(client, token).ask("GET", "/Users")

    assert response.status_code == 401
    assert response.headers["content-type"] == "application/scim+json"
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json()["schemas"] == [ERROR]
    assert response.json()["status"] == "401"
    assert response.json()["type"] == "authentication_error"


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_a_token_that_has_ended_is_shown_for_a_month_and_then_forgotten(
    client: httpx.AsyncClient,
    provider: Provider,
    admin: dict[str, str],
    world: World,
    services: Services,
    clock: FakeClock,
    end: str,
) -> None:
    path = "/api/v1/org/acme/scim/tokens"
    body = {"name": "former"} | ({"expires_at": "2027-01-15T08:00:01Z"} if end == "expired" else {})
    made = await client.post(path, json=body, headers=admin)
    if end == "revoked":
        await client.delete(f"{path}/{made.json()['id']}", headers=admin)

    async def shown() -> list[str]:
        await services.housekeeping.round()
        headers = await signed_in(client, world, "admin")
        return [token["name"] for token in (await client.get(path, headers=headers)).json()]

    clock.advance(30 * 86400)
    kept = await shown()
    clock.advance(2)
    left = await shown()

    assert kept == ["directory", "former"]
    assert left == ["directory"]
    assert (await provider.ask("GET", "/Users")).status_code == 200


async def test_members_make_no_tokens_and_a_suspended_organization_lets_nobody_in(
    client: httpx.AsyncClient, provider: Provider, world: World, services: Services
) -> None:
    member = await signed_in(client, world, "member")
    made = await client.post("/api/v1/org/acme/scim/tokens", json={"name": "x"}, headers=member)
    await services.organizations.update("acme", is_active=False)

    assert made.status_code == 403
    assert (await provider.ask("GET", "/Users")).status_code == 403


# Users


async def test_a_user_is_made_with_account_and_membership(
    provider: Provider, services: Services
) -> None:
    made = await provider.ask("POST", "/Users", FULL)

    body = made.json()
    assert made.status_code == 201
    assert made.headers["location"] == body["meta"]["location"]
    assert made.headers["etag"] == body["meta"]["version"] == 'W/"1"'
    assert body["meta"]["resourceType"] == "User"
    extension = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    for name in ("externalId", "userName", "name", "emails", "title", "active", extension):
        assert body[name] == FULL[name], name
    user = await account(services, body["id"])
    assert (user.username, user.email_address) == ("bjensen@example.com", "bjensen@example.com")
    assert (user.first_name, user.last_name, user.password_hash) == ("Barbara", "Jensen", None)
    assert not user.email_verified
    assert (await roles(services))["bjensen@example.com"] == "member"
    assert (await trail(services, "scim_user_create"))[0].result == "success"


async def test_a_password_is_neither_taken_nor_told(
    client: httpx.AsyncClient, provider: Provider
) -> None:
    made = await provider.user("bjensen", password="t1meMa$heen-and-more")

    assert "password" not in made
    assert (await log_in(client, "bjensen", "t1meMa$heen-and-more")).status_code == 401


async def test_two_at_once_make_one(provider: Provider) -> None:
    both = await asyncio.gather(
        *(provider.ask("POST", "/Users", {**FULL, "externalId": str(n)}) for n in range(2))
    )

    assert sorted(answer.status_code for answer in both) == [201, 409]
    (refused,) = [answer for answer in both if answer.status_code == 409]
    assert refused.json()["scimType"] == "uniqueness"


@pytest.mark.parametrize(
    "body",
    [
        {"userName": "stranger"},
        {"userName": "STRANGER"},
        {"userName": "new", "emails": [{"value": "stranger@example.org"}]},
    ],
)
async def test_nobody_elses_account_is_taken_over(
    provider: Provider, services: Services, body: dict[str, Any]
) -> None:
    response = await provider.ask("POST", "/Users", {"schemas": [USER], **body})

    assert (response.status_code, response.json()["scimType"]) == (409, "uniqueness")
    assert set(await roles(services)) == {"owner", "admin", "member"}


async def test_a_member_who_is_there_already_is_known_and_stays_as_they_are(
    provider: Provider, services: Services
) -> None:
    made = await provider.user("admin", name={"givenName": "Mallory"}, active=True)
    await provider.patch(
        f"/Users/{made['id']}",
        {"op": "replace", "path": "emails", "value": [{"value": "m@evil.example"}]},
    )

    user = await account(services, made["id"])
    assert (user.username, user.email_address) == ("admin", "admin@example.org")
    assert user.first_name == ""
    assert (await roles(services))["admin"] == "admin"


@pytest.mark.parametrize(
    "change",
    [
        {"op": "replace", "path": "active", "value": False},
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "replace", "value": {"active": False}},
    ],
)
async def test_a_deactivated_user_is_out_at_once_and_comes_back(
    client: httpx.AsyncClient, provider: Provider, services: Services, change: dict[str, Any]
) -> None:
    made = await provider.user("bob")
    user = await account(services, made["id"])
    await services.users.set_password(user, SecretStr("correct horse battery staple"))
    signed = (await log_in(client, "bob", "correct horse battery staple")).json()

    out = await provider.patch(f"/Users/{made['id']}", change)
    refused = await log_in(client, "bob", "correct horse battery staple")
    ended = await client.get("/api/v1/user", headers=bearer(signed["access_token"]))
    back = await provider.patch(
        f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": True}
    )

    assert (out.status_code, out.json()["active"]) == (200, False)
    assert (refused.status_code, ended.status_code) == (403, 401)
    assert back.json()["meta"]["version"] == 'W/"3"'
    assert (await log_in(client, "bob", "correct horse battery staple")).status_code == 200
    assert (await roles(services))["bob"] == "member"


async def test_whom_others_know_loses_the_membership_alone(
    provider: Provider, services: Services
) -> None:
    made = await provider.user("bob")
    await services.organizations.add_member(
        key="globex", user_id=UUID(made["id"]), role=Role.MEMBER
    )

    removed = await provider.ask("DELETE", f"/Users/{made['id']}")
    gone = await provider.ask("GET", f"/Users/{made['id']}")

    assert (removed.status_code, gone.status_code) == (204, 404)
    assert (await account(services, made["id"])).is_active
    assert "bob" not in await roles(services, "acme")
    assert "bob" in await roles(services, "globex")


async def test_the_profile_of_whom_others_know_is_no_longer_the_providers(
    provider: Provider, services: Services
) -> None:
    made = await provider.user("bob", emails=[{"value": "bob@example.org"}])
    path = f"/Users/{made['id']}"
    change = {"op": "replace", "path": 'emails[value eq "bob@example.org"].value'}
    await provider.patch(path, {**change, "value": "robert@example.org"})
    before = (await account(services, made["id"])).email_address
    await services.organizations.add_member(
        key="globex", user_id=UUID(made["id"]), role=Role.MEMBER
    )
    await provider.patch(
        path, {"op": "replace", "path": "emails", "value": [{"value": "evil@example.org"}]}
    )

    assert before == "robert@example.org"
    assert (await account(services, made["id"])).email_address == "robert@example.org"


async def test_an_address_that_was_proved_is_not_given_away(
    provider: Provider, services: Services
) -> None:
    made = await provider.user("bob", emails=[{"value": "bob@example.org"}])
    await services.users.update(await account(services, made["id"]), email_verified=True)

    await provider.patch(
        f"/Users/{made['id']}",
        {"op": "replace", "path": "emails", "value": [{"value": "evil@example.org"}]},
    )

    assert (await account(services, made["id"])).email_address == "bob@example.org"


async def test_the_last_owner_is_not_put_out(provider: Provider, services: Services) -> None:
    made = await provider.user("owner")

    response = await provider.ask("DELETE", f"/Users/{made['id']}")

    assert response.status_code == 409
    assert (await roles(services))["owner"] == "owner"
    assert (await provider.ask("GET", f"/Users/{made['id']}")).status_code == 200


async def test_a_replaced_user_loses_what_was_not_sent(provider: Provider) -> None:
    made = (await provider.ask("POST", "/Users", FULL)).json()
    body = {"schemas": [USER], "userName": "bjensen@example.com", "title": "Guide"}

    replaced = await provider.ask("PUT", f"/Users/{made['id']}", body)

    assert replaced.status_code == 200
    assert replaced.json()["title"] == "Guide"
    assert "phoneNumbers" not in replaced.json()
    assert replaced.json()["id"] == made["id"]
    assert replaced.json()["meta"]["created"] == made["meta"]["created"]


# PATCH


@pytest.mark.parametrize(
    ("operation", "path", "value"),
    [
        ({"op": "add", "path": "nickName", "value": "Babs"}, "nickName", "Babs"),
        ({"op": "add", "value": {"nickName": "Babs"}}, "nickName", "Babs"),
        ({"op": "remove", "path": "title"}, "title", None),
        (
            {"op": "replace", "path": 'emails[type eq "work"].value', "value": "n@example.com"},
            "emails",
            [
                {"value": "n@example.com", "type": "work", "primary": True},
                {"value": "babs@jensen.org", "type": "home"},
            ],
        ),
        (
            {"op": "remove", "path": 'emails[type eq "home"]'},
            "emails",
            [{"value": "bjensen@example.com", "type": "work", "primary": True}],
        ),
        (
            {"op": "replace", "path": "NAME.GivenName", "value": "Eve"},
            "name",
            {
                "formatted": "Ms. Barbara J Jensen, III", "familyName": "Jensen",
                "givenName": "Eve", "middleName": "Jane",
            },
        ),
    ],
)  # fmt: skip
async def test_parts_are_changed(
    provider: Provider, operation: dict[str, Any], path: str, value: object
) -> None:
    made = (await provider.ask("POST", "/Users", FULL)).json()

    patched = await provider.patch(f"/Users/{made['id']}", operation)
    read = await provider.ask("GET", f"/Users/{made['id']}")

    assert patched.status_code == 200, patched.text
    assert patched.json() == read.json()
    assert read.json().get(path) == value


async def test_a_patch_that_makes_no_sense_changes_nothing(
    provider: Provider, subtests: pytest.Subtests
) -> None:
    made = await provider.user("bob")
    path, sound = f"/Users/{made['id']}", {"op": "add", "path": "title", "value": "x"}

    for operation, kind in (
        ({"op": "replace", "path": "userName"}, "invalidValue"),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "replace", "path": "emails[", "value": "x"}, "invalidPath"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "fly", "path": "title", "value": "x"}, None),
    ):
        with subtests.test(f"{operation}"):
            response = await provider.patch(path, sound, operation)

            assert response.status_code == 400
            if kind is not None:
                assert response.json()["scimType"] == kind
            assert (await provider.ask("GET", path)).json() == made


# Lists and filters


async def test_filters_find_whom_they_mean(provider: Provider, subtests: pytest.Subtests) -> None:
    await provider.ask("POST", "/Users", FULL)
    await provider.user("bob")

    for wanted, names in (
        ('userName eq "BJENSEN@example.com"', ["bjensen@example.com"]),
        ('externalId eq "701984"', ["bjensen@example.com"]),
        ('userName sw "bj"', ["bjensen@example.com"]),
        ('emails[type eq "work" and value co "@example.com"]', ["bjensen@example.com"]),
        ('emails.value ew ".org"', ["bjensen@example.com"]),
        ("title pr", ["bjensen@example.com"]),
        ("not (title pr)", ["bob"]),
        ('title eq "Tour Guide" or userName eq "bob"', ["bjensen@example.com", "bob"]),
        ("active eq false", []),
        ('meta.lastModified ge "2027-01-15T08:00:00Z"', ["bjensen@example.com", "bob"]),
        ('userName eq "%"', []),
        ('userName co "_"', []),
        ('id eq "nobody"', []),
    ):
        query = httpx.QueryParams({"filter": wanted})
        body = {"schemas": [SEARCH], "filter": wanted}
        with subtests.test(wanted):
            by_get = await provider.ask("GET", f"/Users?{query}")
            by_post = await provider.ask("POST", "/Users/.search", body)

            assert by_get.status_code == 200, by_get.text
            found = [user["userName"] for user in by_get.json().get("Resources", [])]
            assert sorted(found) == names
            assert by_get.json()["totalResults"] == len(names)
            assert by_get.json() == by_post.json()


async def test_a_filter_that_is_none_is_refused(
    provider: Provider, subtests: pytest.Subtests
) -> None:
    for wanted in (
        "userName", "userName eq", "nothing eq 1", "(" * 4000,
        "not(" * 100 + "title pr" + ")" * 100, 'userName eq "' + "x" * 5000 + '"', "\x00",
    ):  # fmt: skip
        with subtests.test(f"{wanted[:20]!r}"):
            response = await provider.ask("GET", f"/Users?{httpx.QueryParams({'filter': wanted})}")

            assert (response.status_code, response.json()["scimType"]) == (400, "invalidFilter")


async def test_pages_hold_everybody_once(provider: Provider) -> None:
    names = {f"user{number}" for number in range(12)}
    for name in sorted(names):
        await provider.user(name)
    found: list[str] = []
    start = 1
    while True:
        page = (await provider.ask("GET", f"/Users?startIndex={start}&count=5")).json()
        resources = page.get("Resources", [])
        assert (page["totalResults"], page["itemsPerPage"]) == (12, len(resources))
        if not resources:
            break
        found += [user["userName"] for user in resources]
        start += len(resources)

    assert sorted(found) == sorted(names)
    assert (await provider.ask("GET", "/Users?count=0")).json()["totalResults"] == 12


async def test_only_the_attributes_asked_for_come(provider: Provider) -> None:
    made = (await provider.ask("POST", "/Users", FULL)).json()

    some = (await provider.ask("GET", f"/Users/{made['id']}?attributes=userName")).json()
    less = (await provider.ask("GET", f"/Users/{made['id']}?excludedAttributes=emails")).json()

    assert set(some) == {"schemas", "id", "userName"}
    assert set(made) - set(less) == {"emails"}


# Validators


async def test_versions_keep_two_from_writing_over_each_other(provider: Provider) -> None:
    made = await provider.user("bob")
    path, change = f"/Users/{made['id']}", {"op": "add", "path": "title", "value": "x"}

    first = await provider.patch(path, change, **{"If-Match": 'W/"1"'})
    second = await provider.patch(path, change, **{"If-Match": 'W/"1"'})
    deleted = await provider.ask("DELETE", path, **{"If-Match": 'W/"1"'})
    same = await provider.ask("GET", path, **{"If-None-Match": first.headers["etag"]})

    assert (first.status_code, first.headers["etag"]) == (200, 'W/"2"')
    assert (second.status_code, deleted.status_code) == (412, 412)
    assert (same.status_code, same.content) == (304, b"")


# Groups


async def test_a_group_gives_what_the_organization_says(
    client: httpx.AsyncClient, provider: Provider, admin: dict[str, str], services: Services
) -> None:
    bob, eve = await provider.user("bob"), await provider.user("eve")
    group = await provider.group("Admins", bob["id"])
    mapping = f"/api/v1/org/acme/scim/groups/{group['id']}"
    before = (await roles(services))["bob"]

    mapped = await client.put(mapping, json={"role": "admin"}, headers=admin)
    given = (await roles(services))["bob"]
    changed = await provider.patch(
        f"/Groups/{group['id']}",
        {"op": "add", "path": "members", "value": [{"value": eve["id"]}]},
        {"op": "remove", "path": f'members[value eq "{bob["id"]}"]'},
    )
    after = await roles(services)
    removed = await provider.ask("DELETE", f"/Groups/{group['id']}")
    last = await roles(services)

    assert (mapped.status_code, mapped.json()["role"]) == (200, "admin")
    assert (before, given) == ("member", "admin")
    assert [member["value"] for member in changed.json()["members"]] == [eve["id"]]
    assert (after["bob"], after["eve"]) == ("member", "admin")
    assert removed.status_code == 204
    assert last["eve"] == "member"


async def test_a_group_makes_nobody_an_owner_and_changes_nobody_who_was_there(
    client: httpx.AsyncClient, provider: Provider, admin: dict[str, str], services: Services
) -> None:
    owner = await provider.user("owner")
    group = await provider.group("Everybody", owner["id"])
    mapping = f"/api/v1/org/acme/scim/groups/{group['id']}"

    refused = await client.put(mapping, json={"role": "owner"}, headers=admin)
    await client.put(mapping, json={"role": "member"}, headers=admin)

    assert refused.status_code == 422
    assert (await roles(services))["owner"] == "owner"


async def test_users_tell_their_groups_and_groups_their_members(provider: Provider) -> None:
    bob = await provider.user("bob")
    group = await provider.group("Staff", bob["id"])

    user = (await provider.ask("GET", f"/Users/{bob['id']}")).json()
    member = bob["id"]
    query = httpx.QueryParams({"filter": f'members.value eq "{member}"'})
    found = await provider.ask("GET", f"/Groups?{query}")
    again = await provider.ask("POST", "/Groups", {"schemas": [GROUP], "displayName": "Staff"})
    unknown = await provider.ask(
        "POST",
        "/Groups",
        {"schemas": [GROUP], "displayName": "X", "members": [{"value": group["id"]}]},
    )

    assert [g["display"] for g in user["groups"]] == ["Staff"]
    assert [g["id"] for g in found.json()["Resources"]] == [group["id"]]
    assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")
    assert (unknown.status_code, unknown.json()["scimType"]) == (400, "invalidValue")


# What the service says of itself, and what it refuses


async def test_the_service_describes_itself(
    client: httpx.AsyncClient, provider: Provider, subtests: pytest.Subtests
) -> None:
    for path in ("ServiceProviderConfig", "ResourceTypes", "Schemas"):
        with subtests.test(path):
            response = await provider.ask("GET", f"/{path}")

            assert response.status_code == 200
            for item in response.json().get("Resources", []):
                one = await provider.ask("GET", f"/{path}/{item['id']}")
                assert one.json() == item
            assert (await client.get(f"{BASE}/{path}")).status_code == 401


async def test_what_can_not_be_read_is_a_clear_error(
    client: httpx.AsyncClient, provider: Provider, subtests: pytest.Subtests
) -> None:
    for content, media_type in (
        (b"{", "application/scim+json"),
        (b"[]", "application/scim+json"),
        (b'{"userName": "a", "userName": "b"}', "application/scim+json"),
        (b"[" * 5000, "application/json"),
        (b'{"userName": "a"}', "text/plain"),
        (b'{"schemas": [], "userName": 7}', "application/json"),
        (b'{"userName": "a\\u0000b"}', "application/json"),
        (b'{"userName": "bob", "emails": [{"value": "no address"}]}', "application/json"),
        (b'{"displayName": "nameless"}', "application/json"),
        (b'{"userName": "bob", "externalId": "%s"}' % (b"x" * 300), "application/json"),
        (b'{"userName": "bob", "externalId": "a\\u0000b"}', "application/json"),
        (b'{"userName": "%s"}' % (b"x" * 400), "application/json"),
        (b'{"userName": "\\ud800"}', "application/json"),
    ):
        headers = {"Authorization": f"Bearer {provider.token}", "Content-Type": media_type}
        with subtests.test(f"{content[:60]!r} {media_type}"):
            response = await client.post(f"{BASE}/Users", content=content, headers=headers)

            assert response.status_code == 400, response.text
            assert response.json()["schemas"] == [ERROR]
            assert (response.json()["status"], response.json()["code"]) == ("400", 400)


async def test_odd_values_in_filters_find_nobody(
    provider: Provider, subtests: pytest.Subtests
) -> None:
    await provider.user("bob", title="a\x00b", displayName="\x00")
    names = ("userName", "externalId", "displayName", "id")
    values = ("a\\u0000b", "\\ud800", "x" * 2000)

    for name, value, kind in product(names, values, ("Users", "Groups")):
        query = httpx.QueryParams({"filter": f'{name} eq "{value}"'})
        with subtests.test(f"{kind} {name} {value[:12]}"):
            response = await provider.ask("GET", f"/{kind}?{query}")

            assert response.status_code in (200, 400), response.text
            assert response.json().get("totalResults", 0) == 0
