"""The life of a key: made, shown once, used, renewed, ended."""

from __future__ import annotations

import httpx
import pytest
from structlog.testing import capture_logs

from tests.apikeys.people import KEYS, bearer, create, signed_in
from tests.world import FakeClock, World
from vestibule.apikeys.format import parse
from vestibule.audit.models import Result
from vestibule.users.models import User
from vestibule.wiring import Services

USER = "/api/v1/user"
ID = "/01a20fdd-bb32-7483-b114-bdbc59e951f3"


@pytest.fixture
async def alice(world: World) -> User:
    return await world.user("alice")


@pytest.fixture
async def headers(client: httpx.AsyncClient, world: World, alice: User) -> dict[str, str]:
    return await signed_in(client, world, "alice")


async def trail(services: Services, event: str) -> list[tuple[Result, str, int]]:
    await services.audit.flush()
    rows = await services.audit.latest(limit=1000)
    return [(row.result, row.cause, row.status) for row in rows if row.event == event]


# Making one


async def test_a_new_key_is_answered_once_with_its_record(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await client.post(KEYS, json={"name": " build "}, headers=headers)

    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    made = response.json()
    parsed = parse(made["key"])
    assert parsed is not None
    assert str(parsed[0]) == made["id"]
    assert made == {
        "id": made["id"],
        "name": "build",
        "prefix": made["key"][:26],
        "hint": made["key"][-4:],
        "org_id": None,
        "workspace_id": None,
        "allowed_scopes": None,
        "allow_self_revoke": False,
        "created_at": "2027-01-15T08:00:00Z",
        "expires_at": None,
        "last_used_at": None,
        "key": made["key"],
    }


async def test_a_key_is_never_shown_again(
    client: httpx.AsyncClient, headers: dict[str, str], services: Services
) -> None:
    with capture_logs() as lines:
        made = await create(client, headers)
        rotated = await client.post(f"{KEYS}/{made['id']}/rotate", headers=headers)
        shown = [
            (await client.get(KEYS, headers=headers)).text,
            (await client.get(f"{KEYS}/{made['id']}", headers=headers)).text,
            (await client.get(USER, headers=bearer(made["key"]))).text,
            (await client.get(USER, headers=bearer(rotated.json()["key"]))).text,
        ]
        await services.audit.flush()
        shown += [repr(row) for row in await services.audit.latest(limit=1000)]
        shown += [repr(key) for key in await services.database.read(_rows)]
    shown += [repr(line) for line in lines]

    assert len(lines) > 4
    for key in (made["key"], rotated.json()["key"]):
        assert not [text for text in shown if key[27:] in text]


def _rows(connection: object) -> list[object]:
    from sqlalchemy import Connection, select

    from vestibule.apikeys.models import api_keys

    assert isinstance(connection, Connection)
    return list(connection.execute(select(api_keys)).all())


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a", "allowed_scopes": []}, "allowed_scopes"),
        ({"name": "a", "allowed_scopes": "api:read"}, "allowed_scopes"),
        ({"name": "a", "workspace_id": "lab"}, "workspace_id"),
        ({"name": "a", "expires_in": 0}, "expires_in"),
        ({"name": "a", "expires_in": 10**10}, "expires_in"),
        ({"name": "a", "expires_in": 60, "expires_at": "2028-01-01T00:00:00Z"}, "expires_in"),
        ({"name": "a", "expires_at": "2027-01-15T08:00:00Z"}, "expires_at"),
        ({"name": "a", "expires_at": "2028-01-01T00:00:00"}, "expires_at"),
        ({"name": "a", "expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),
        ({"name": "a", "expires_at": "0001-01-01T00:00:00+12:00"}, "expires_at"),
        ({"name": "a", "scopes": ["api:read"]}, "scopes"),
    ],
)
async def test_422_names_the_field_that_does_not_fit(
    client: httpx.AsyncClient, headers: dict[str, str], wish: dict[str, object], field: str
) -> None:
    response = await client.post(KEYS, json=wish, headers=headers)

    assert response.status_code == 422
    assert response.json()["type"] == "validation_error"
    assert response.json()["errors"][0]["loc"][:2] == ["body", field]


@pytest.mark.parametrize(
    ("path", "allowed"), [("", "GET, POST"), ("/self", "DELETE"), (ID, "DELETE, GET")]
)
async def test_405_names_every_method_of_the_path(
    client: httpx.AsyncClient, path: str, allowed: str
) -> None:
    response = await client.put(KEYS + path)

    assert response.status_code == 405
    assert response.headers["allow"] == allowed


async def test_404_for_what_has_not_the_form_of_an_id(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await client.delete(f"{KEYS}/x", headers=headers)

    assert response.status_code == 404
    assert response.json()["type"] == "not_found_error"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ""), ("GET", ""), ("GET", ID), ("POST", f"{ID}/rotate"), ("DELETE", ID),
        ("DELETE", "/self"),
    ],
)  # fmt: skip
async def test_401_for_a_stranger_whatever_they_send(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    response = await client.request(method, KEYS + path, json={"nonsense": 1})

    assert response.status_code == 401
    assert response.json()["type"] == "authentication_error"
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_the_hundredth_key_is_the_last_until_one_ends(
    client: httpx.AsyncClient, headers: dict[str, str], clock: FakeClock, services: Services
) -> None:
    for number in range(99):
        await create(client, headers, f"key {number}")
    await create(client, headers, "the short one", expires_in=60)

    refused = await client.post(KEYS, json={"name": "one more"}, headers=headers)
    clock.advance(60)
    await create(client, headers, "one more")

    assert refused.status_code == 403
    assert refused.json()["detail"] == "There are 100 API keys already: revoke one first"
    assert len((await client.get(KEYS, headers=headers)).json()) == 101
    made = [(Result.SUCCESS, "done", 201)]
    assert await trail(services, "api_key_create") == (
        made * 100 + [(Result.FAILURE, "too_many_keys", 403)] + made
    )


# Using it


@pytest.mark.parametrize("name", ["X-API-Key", "x-api-key", "Authorization"])
async def test_a_key_is_taken_in_both_headers(
    client: httpx.AsyncClient, headers: dict[str, str], name: str
) -> None:
    made = await create(client, headers)
    value = f"Bearer {made['key']}" if name == "Authorization" else made["key"]

    response = await client.get(USER, headers={name: value})

    assert response.status_code == 200
    assert response.json()["username"] == "alice"


async def test_a_key_ends_when_it_was_said_to(
    client: httpx.AsyncClient, headers: dict[str, str], clock: FakeClock
) -> None:
    soon = await create(client, headers, expires_in=60)
    same = await create(client, headers, expires_at="2027-01-15T10:01:00+02:00")

    clock.advance(59)
    before = [await client.get(USER, headers=bearer(key["key"])) for key in (soon, same)]
    clock.advance(1)
    after = [await client.get(USER, headers=bearer(key["key"])) for key in (soon, same)]

    assert soon["expires_at"] == same["expires_at"] == "2027-01-15T08:01:00Z"
    assert [response.status_code for response in before] == [200, 200]
    assert [response.status_code for response in after] == [401, 401]


async def test_a_disabled_persons_keys_open_nothing(
    client: httpx.AsyncClient, headers: dict[str, str], services: Services, alice: User
) -> None:
    made = await create(client, headers)

    await services.users.update(alice, is_active=False)
    response = await client.get(USER, headers=bearer(made["key"]))

    assert response.status_code == 401


async def test_no_two_reasons_to_refuse_a_key_are_told_apart(
    client: httpx.AsyncClient, headers: dict[str, str], clock: FakeClock
) -> None:
    wrong = await create(client, headers)
    await client.post(f"{KEYS}/{wrong['id']}/rotate", headers=headers)
    revoked = await create(client, headers)
    await client.delete(f"{KEYS}/{revoked['id']}", headers=headers)
    expired = await create(client, headers, expires_in=1)
    clock.advance(1)
    typo = wrong["key"][:-1] + ("a" if wrong["key"][-1] != "a" else "b")

    answers = [
        await client.get(USER, headers={"X-API-Key": key})
        for key in (wrong["key"], revoked["key"], expired["key"], typo)
    ]

    assert {response.status_code for response in answers} == {401}
    assert len({response.content for response in answers}) == 1
    assert len({response.headers["www-authenticate"] for response in answers}) == 1


# Seeing it


async def test_the_list_has_ones_own_keys_that_are_not_revoked(
    client: httpx.AsyncClient, headers: dict[str, str], world: World
) -> None:
    await world.user("bob")
    bobs = await create(client, await signed_in(client, world, "bob"), "bob's")
    kept, ended = await create(client, headers, "kept"), await create(client, headers, "ended")
    await client.delete(f"{KEYS}/{ended['id']}", headers=headers)

    listed = (await client.get(KEYS, headers=headers)).json()

    del kept["key"]
    assert listed == [kept]
    for method, path in (("GET", ""), ("POST", "/rotate"), ("DELETE", "")):
        for key in (bobs, ended):
            response = await client.request(method, f"{KEYS}/{key['id']}{path}", headers=headers)
            assert response.status_code == 404
            assert response.json()["detail"] == "API key not found"
    assert (await client.get(USER, headers=bearer(bobs["key"]))).status_code == 200


async def test_a_key_says_when_it_was_last_used(
    client: httpx.AsyncClient, headers: dict[str, str], clock: FakeClock
) -> None:
    made = await create(client, headers)

    clock.advance(5)
    await client.get(USER, headers=bearer(made["key"]))
    clock.advance(5)
    shown = (await client.get(f"{KEYS}/{made['id']}", headers=headers)).json()

    assert shown["last_used_at"] == "2027-01-15T08:00:05Z"


# Renewing and ending it


async def test_a_rotated_key_keeps_its_record_and_the_former_ends_at_once(
    client: httpx.AsyncClient, headers: dict[str, str], services: Services
) -> None:
    made = await create(client, headers, allowed_scopes=["api:read", "profile"])

    response = await client.post(f"{KEYS}/{made['id']}/rotate", headers=headers)

    rotated = response.json()
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert rotated["key"] != made["key"]
    changed = {"key": rotated["key"], "hint": rotated["key"][-4:]}
    assert rotated == made | changed
    assert (await client.get(USER, headers=bearer(made["key"]))).status_code == 401
    assert (await client.get(USER, headers=bearer(rotated["key"]))).status_code == 200
    assert await trail(services, "api_key_rotate") == [(Result.SUCCESS, "done", 200)]


async def test_an_expired_key_is_not_renewed(
    client: httpx.AsyncClient, headers: dict[str, str], clock: FakeClock
) -> None:
    made = await create(client, headers, expires_in=1)
    clock.advance(1)

    response = await client.post(f"{KEYS}/{made['id']}/rotate", headers=headers)

    assert response.status_code == 403
    assert response.json()["detail"] == "This API key has expired: make a new one"


async def test_a_revoked_key_opens_nothing_from_then_on(
    client: httpx.AsyncClient, headers: dict[str, str], services: Services
) -> None:
    made = await create(client, headers)

    first = await client.delete(f"{KEYS}/{made['id']}", headers=headers)
    second = await client.delete(f"{KEYS}/{made['id']}", headers=headers)

    assert (first.status_code, first.content) == (204, b"")
    assert second.status_code == 404
    assert (await client.get(USER, headers=bearer(made["key"]))).status_code == 401
    assert await trail(services, "api_key_revoke") == [
        (Result.SUCCESS, "done", 204),
        (Result.FAILURE, "key_unknown", 404),
    ]


async def test_a_key_revokes_itself_where_it_was_allowed_to(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    # Not even a scope is needed for it.
    made = await create(client, headers, allow_self_revoke=True, allowed_scopes=["profile"])

    response = await client.delete(f"{KEYS}/self", headers=bearer(made["key"]))

    assert response.status_code == 204
    assert (await client.get(USER, headers=bearer(made["key"]))).status_code == 401


@pytest.mark.parametrize("by_id", [False, True])
async def test_a_key_does_not_revoke_itself_where_it_was_not(
    client: httpx.AsyncClient, headers: dict[str, str], services: Services, by_id: bool
) -> None:
    made = await create(client, headers)
    path = made["id"] if by_id else "self"

    response = await client.delete(f"{KEYS}/{path}", headers=bearer(made["key"]))

    assert response.status_code == 403
    assert response.json()["type"] == "forbidden_error"
    assert response.json()["detail"] == "This API key may not revoke itself"
    assert (await client.get(USER, headers=bearer(made["key"]))).status_code == 200
    assert await trail(services, "api_key_revoke") == [(Result.FAILURE, "self_revoke", 403)]


async def test_an_access_token_has_no_key_to_revoke(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await client.delete(f"{KEYS}/self", headers=headers)

    assert response.status_code == 403
    assert response.json()["detail"] == "Only an API key can revoke itself"
