"""Bodies, headers and paths that nobody sends in good faith."""

from __future__ import annotations

import json
from itertools import product
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.attacks import forge
from tests.attacks.watch import Watch
from tests.oauth.flows import basic
from tests.orgs.people import bearer, people, signed_in
from tests.world import LOGIN, PASSWORD, FakeClock, World, log_in
from vestibule import openapi
from vestibule.app import create_app
from vestibule.clients.models import ClientKind
from vestibule.settings import Settings

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
KEYS = "/api/v1/user/api-keys"
POISON = {
    "NUL": "a\x00b", "surrogate": "\ud800", "line": "a\r\nX-Evil: 1", "bidi": "a\u202eb",
    "zero width": "a\u200bb", "long": "x" * 5000, "escape": "\x1b[31m", "unassigned": "\U000e0fff",
}  # fmt: skip


@pytest.fixture(scope="session")
def json_bodies(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, properties) of every operation that takes JSON."""
    document = openapi.document(create_app(Settings(data_dir=tmp_path_factory.mktemp("data"))))
    schemas = document["components"]["schemas"]
    found = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content:
                schema = content["schema"]
                if "$ref" in schema:
                    schema = schemas[schema["$ref"].rpartition("/")[2]]
                found.append((method.upper(), path, schema.get("properties", {})))
    return found


def filled(path: str) -> str:
    for name in ("user_id", "invitation_id", "key_id", "session_id"):
        path = path.replace(f"{{{name}}}", "00000000-0000-0000-0000-000000000000")
    return path.replace("{org}", "acme").replace("{workspace}", "default")


@pytest.mark.parametrize("poison", POISON)
async def test_no_field_of_any_body_breaks_what_reads_it(
    client: httpx.AsyncClient,
    world: World,
    json_bodies: list[tuple[str, str, dict[str, Any]]],
    watch: Watch,
    poison: str,
) -> None:
    await people(world)
    value = POISON[poison]
    watch.keep(value if len(value) > 4 else "")
    assert len(json_bodies) >= 12

    for method, path, properties in json_bodies:
        owner = await signed_in(client, world, "owner")
        valid = {"username": "owner", "password": PASSWORD, "name": "N", "key": "k"}
        for name in properties:
            body = {k: v for k, v in valid.items() if k in properties} | {name: value}
            answer = await client.request(
                method, filled(path), content=json.dumps(body), headers={**owner, **JSON}
            )
            assert answer.status_code < 500, (method, path, name, answer.text)
            assert "x-evil" not in answer.headers


async def test_no_field_of_the_login_breaks_it(
    client: httpx.AsyncClient,
    world: World,
    clock: FakeClock,
    watch: Watch,
    subtests: pytest.Subtests,
) -> None:
    await world.user()
    fields = ("username", "password", "client_id", "client_secret", "scope")

    for name, (poison, text) in product(fields, POISON.items()):
        value = quote(text.encode("utf-8", "surrogatepass"))
        content = {
            "username": f"username={value}&password=wrong",
            "password": f"password={value}&username=alice",
        }.get(name, f"username=alice&password=wrong-password&{name}={value}")
        for path in (LOGIN, "/oauth2/token"):
            with subtests.test(f"{name} {poison} {path}"):
                answer = await client.post(
                    path, content=content + "&grant_type=password", headers=FORM
                )

                assert answer.status_code in (400, 401, 422), answer.text
                assert answer.json()["code"] == answer.status_code
        clock.advance(3601)  # no failure is remembered for longer


async def test_no_member_of_a_body_comes_twice(
    client: httpx.AsyncClient, world: World, subtests: pytest.Subtests
) -> None:
    await world.user()
    own = bearer((await log_in(client)).json()["access_token"])

    for content in (
        b'{"name": "a", "name": "b"}',
        b'{"name": "a", "allowed_scopes": ["api:read"], "allowed_scopes": ["api:write"]}',
        b'{"na\\u006de": "a", "name": "b"}',
    ):
        with subtests.test(f"{content!r}"):
            answer = await client.post(KEYS, content=content, headers={**own, **JSON})

            assert answer.status_code == 400, answer.text
            assert answer.json()["type"] == "invalid_error"
            assert (await client.get(KEYS, headers=own)).json() == []


async def test_what_is_no_such_object_is_refused(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    paths = ("auth/refresh", "auth/device/token", "auth/device/code", "auth/logout")
    contents = (
        b'{"client_id": "a", "client_id": "b"}', forge.deep(8000), b'{"a":' * 3000, b"\xff\xfe",
        b"NaN", b"[]", b"null", b'"x"', b"1e999", b"", b"{", b"\x00",
    )  # fmt: skip

    for path, content in product(paths, contents):
        with subtests.test(f"{path} {content[:12]!r}"):
            answer = await client.post(f"/api/v1/{path}", content=content, headers=JSON)

            if not content:
                assert answer.status_code < 500
            else:
                assert answer.status_code == 400, answer.text
                assert answer.json()["type"] == "invalid_error"


async def test_what_is_no_json_is_refused_elsewhere_too(
    client: httpx.AsyncClient, world: World, subtests: pytest.Subtests
) -> None:
    await world.user()
    own = bearer((await log_in(client)).json()["access_token"])

    for content in (forge.deep(8000), b'{"a":' * 3000, b"\xff\xfe", b"\x00"):
        with subtests.test(f"{content[:12]!r}"):
            answer = await client.post(KEYS, content=content, headers={**own, **JSON})

            assert answer.status_code in (400, 422), answer.text


async def test_the_name_of_an_unknown_field_is_not_repeated(
    client: httpx.AsyncClient, world: World, watch: Watch, subtests: pytest.Subtests
) -> None:
    await world.user()
    own = bearer((await log_in(client)).json()["access_token"])
    names = ("\ud800", "<script>", "x" * 5000, "vst_" + "A" * 60, "a\r\nb", "pass word")
    watch.keep(*names)

    for name, path in product(names, (KEYS, "/api/v1/org", "/api/v1/user/password")):
        with subtests.test(f"{path} {name[:12]!a}"):
            answer = await client.post(path, content=json.dumps({name: 1}), headers={**own, **JSON})

            assert answer.status_code == 422, answer.text


async def test_no_parameter_of_a_form_comes_twice(
    client: httpx.AsyncClient, watch: Watch, subtests: pytest.Subtests
) -> None:
    paths = (LOGIN, "/oauth2/token", "/oauth2/introspect", "/oauth2/revoke")

    for path, name in product(paths, ("client_id", "scope", "token", "grant_type", "password")):
        with subtests.test(f"{path} {name}"):
            content = f"{name}=a&{name}=b&username=x"

            answer = await client.post(path, content=content, headers=FORM)

            event = {LOGIN: "login"}.get(path, path.rpartition("/")[2])
            await watch.refused(answer, 400, event, "repeated_parameter")


async def test_parameters_in_the_query_count_for_nothing(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()
    query = f"?grant_type=password&client_id=vestibule&username=alice&password={quote(PASSWORD)}"

    answer = await client.post("/oauth2/token" + query, content=b"", headers=FORM)
    token = (await log_in(client)).json()["access_token"]
    read = await client.get(f"/api/v1/user?access_token={token}")

    assert answer.status_code in (400, 401)
    assert read.status_code == 401


async def test_credentials_are_sent_once(
    client: httpx.AsyncClient, world: World, watch: Watch, subtests: pytest.Subtests
) -> None:
    await world.user()
    token = (await log_in(client)).json()["access_token"]
    watch.keep(token)

    for fields in (
        [("Authorization", "Bearer x"), ("Authorization", f"Bearer {token}")],
        [("Authorization", f"Bearer {token}"), ("Authorization", "Basic eDp5")],
        [("Authorization", f"Bearer {token}"), ("X-API-Key", "vst_x")],
        [("X-API-Key", "vst_x"), ("X-API-Key", "vst_y")],
    ):
        with subtests.test(" and ".join(f"{name} {value[:8]}" for name, value in fields)):
            answer = await client.get("/api/v1/user", headers=fields)

            await watch.refused(answer, 400, "access", "credentials_twice")


async def test_no_header_or_path_writes_the_log(
    client: httpx.AsyncClient, watch: Watch, subtests: pytest.Subtests
) -> None:
    user = "/api/v1/user"

    for path, headers in (
        (user, {"X-Request-ID": "evil\nlevel=error"}),
        (user, {"X-Request-ID": "x" * 65}),
        ("/api/v1/%0a%7B%22level%22:%22error%22%7D", {}),
        (user, {"User-Agent": "x\u001b[31m"}),
        (user, {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6;proto=https"}),
        (user, {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}),
        (user, {"X-HTTP-Method-Override": "DELETE", "X-Original-URL": "/admin"}),
    ):
        with subtests.test(f"{path} {headers}"):
            request_id = headers.get("X-Request-ID")
            watch.lines.clear()

            answer = await client.get(path, headers=headers)

            assert answer.status_code in (401, 404)
            assert request_id is None or answer.headers["x-request-id"] != request_id
            for line in watch.lines:
                assert line.get("address", "127.0.0.1") == "127.0.0.1"
                assert "evil" not in str(line)
                assert "31m" not in str(line)


async def test_the_host_of_a_request_names_nothing(client: httpx.AsyncClient) -> None:
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "ftp"}

    found = [
        (await client.get("/.well-known/openid-configuration", headers=evil)).text,
        (await client.post("/api/v1/auth/device/code", headers=evil)).text,
        str((await client.get("/login/device", headers=evil)).headers),
    ]

    assert "evil" not in "".join(found)


async def test_no_path_breaks_what_reads_it(
    client: httpx.AsyncClient, world: World, subtests: pytest.Subtests
) -> None:
    await people(world)
    member = await signed_in(client, world, "member")

    for path in (
        "/api/v1/org/acme%00", "/api/v1/org/%ff", "/api/v1/org/" + "a" * 5000,
        "/api/v1/org/acme/ws/%00", "/api/v1/org/acme/ws/default/projects/%ed%a0%80",
        "/api/v1/org/acme/ws?after=%00", "/api/v1/org/acme/ws?after=%ff&limit=1",
        "/api/v1/org/acme/members?after=x", "/api/v1/org/acme/members?limit=-1",
        "/api/v1/org/acme/members?limit=99999999999999999999",
        "/api/v1/user/api-keys/%00", "/api/v1/auth/device/code/%00", "/api/v1/auth/device/code/%ff",
        "/login/device?code=%ff%00", "/login/device?code=" + "B" * 5000,
    ):  # fmt: skip
        with subtests.test(path[:60]):
            answer = await client.get(path, headers=member)

            assert answer.status_code in (200, 400, 404, 422), answer.text


async def test_what_a_stranger_asks_about_is_answered_like_what_is_not(
    client: httpx.AsyncClient, world: World
) -> None:
    """Revocation, introspection and device states tell nothing of what one does not hold."""
    _, secret = await world.client("service", kind=ClientKind.CONFIDENTIAL)
    own = basic("service", secret)
    made_up = ["x", "vsr_" + "A" * 86, "vst_" + "A" * 72, "a.b.c", "\x00"]

    told = [
        (await client.post("/oauth2/introspect", data={"token": t}, headers=own)).content
        for t in made_up
    ]
    ended = [
        await client.post("/oauth2/revoke", data={"token": t}, headers=own)
        for t in made_up
        if not t.startswith("vst_")  # a kind that is not revoked here at all
    ]
    states = [await client.get(f"/api/v1/auth/device/code/{code}") for code in ("x", "A" * 43)]
    out = [await client.post("/api/v1/auth/logout", json={"refresh_token": t}) for t in made_up]

    assert set(told) == {b'{"active":false}'}
    assert {(e.status_code, e.content) for e in ended} == {(200, b"{}")}
    assert {(s.status_code, s.content) for s in states} == {(404, states[0].content)}
    assert {(o.status_code, o.content) for o in out} == {(204, b"")}
