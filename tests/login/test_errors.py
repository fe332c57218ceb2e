"""Each row of the contract's error table: status, the whole body, the headers, and silence
about the password in the answer, the log and the trail."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from tests.conftest import make_client
from tests.world import LOGIN, PASSWORD, FakeClock, World, log_in
from vestibule.audit.models import AuditEvent
from vestibule.clients.models import ClientKind
from vestibule.errors import AlreadyExists, ApiError, BadGateway, GatewayTimeout
from vestibule.identity.local import LocalDirectory
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CHALLENGE = 'Bearer realm="vestibule"'
WRONG = "wrong-password-that-must-not-leak"


@contextmanager
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


async def trail(services: Services) -> list[AuditEvent]:
    await services.audit.flush()
    return await services.audit.latest(limit=100)


def assert_envelope(
    response: httpx.Response, *, code: int, detail: str, kind: str, **more: Any
) -> None:
    assert response.status_code == code
    assert response.json() == {"code": code, "detail": detail, "type": kind, **more}
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-request-id"]


# 400


@pytest.mark.parametrize(
    ("content", "media_type", "detail"),
    [
        (
            b'{"username": "alice", "password": "x"}',
            "application/json",
            "The request body must be application/x-www-form-urlencoded",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\nalice\r\n--x--',
            "multipart/form-data; boundary=x",
            "The request body must be application/x-www-form-urlencoded",
        ),
        (
            b"username=alice&password=x",
            "",
            "The request body must be application/x-www-form-urlencoded",
        ),
        (
            b"username=alice&password=\xff\xfe",
            FORM["Content-Type"],
            "The request body can't be read as a form",
        ),
        (
            b"username=alice&password=%ff%fe",
            FORM["Content-Type"],
            "The request body can't be read as a form",
        ),
        (
            b"username=alice&username=bob&password=x",
            FORM["Content-Type"],
            "A parameter was sent more than once",
        ),
        (
            b"username=alice&password=x&password=",
            FORM["Content-Type"],
            "A parameter was sent more than once",
        ),
        (
            b"&".join(b"f%d=1" % i for i in range(1500)),
            FORM["Content-Type"],
            "The request body can't be read as a form",
        ),
        (
            b"username=alice&password=" + b"x" * 20_000,
            FORM["Content-Type"],
            "The request body is larger than 16384 bytes",
        ),
    ],
    ids=[
        "JSON", "multipart", "no media type", "invalid UTF-8", "invalid escaped UTF-8",
        "repeated", "repeated empty", "many fields", "too large",
    ],
)  # fmt: skip
async def test_400_for_what_is_no_such_form(
    client: httpx.AsyncClient, content: bytes, media_type: str, detail: str
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}

    response = await client.post(LOGIN, content=content, headers=headers)

    assert_envelope(response, code=400, detail=detail, kind="invalid_error")


async def test_400_for_a_body_of_unsaid_length_that_is_too_large(
    client: httpx.AsyncClient,
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"a" * 4096

    response = await client.post(LOGIN, content=endless(), headers=FORM)

    assert_envelope(
        response,
        code=400,
        detail="The request body is larger than 16384 bytes",
        kind="invalid_error",
    )
    assert response.headers["connection"] == "close"


async def test_400_for_a_scope_that_the_client_may_not_ask_for(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user("alice")

    response = await log_in(client, "alice", scope="openid admin")

    assert_envelope(
        response, code=400, detail="This client may not ask for this scope", kind="invalid_error"
    )


async def test_400_for_two_organizations(client: httpx.AsyncClient, world: World) -> None:
    response = await log_in(client, "alice", scope="org:a org:b")

    assert_envelope(
        response, code=400, detail="Only one organization can be asked for", kind="invalid_error"
    )


async def test_400_for_two_ways_of_client_authentication(client: httpx.AsyncClient) -> None:
    basic = base64.b64encode(b"backend:secret").decode()

    response = await log_in(
        client,
        "alice",
        client_id="backend",
        client_secret="secret",
        headers={"Authorization": f"Basic {basic}"},
    )

    assert_envelope(
        response, code=400, detail="Client credentials were sent in two ways", kind="invalid_error"
    )


# 401


async def test_401_for_a_wrong_password(client: httpx.AsyncClient, world: World) -> None:
    await world.user("alice")

    response = await log_in(client, "alice", WRONG)

    assert_envelope(response, code=401, detail="Authentication failed", kind="authentication_error")
    assert response.headers["www-authenticate"] == CHALLENGE


async def test_401_is_the_same_for_everything_that_a_stranger_could_try(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user("alice")
    await world.user("disabled", is_active=False)
    await world.user("passwordless", password=None)
    await world.client("backend", kind=ClientKind.CONFIDENTIAL)
    tries: list[dict[str, str]] = [
        {"username": "alice", "password": WRONG},
        {"username": "nobody", "password": WRONG},
        {"username": "nobody\x00", "password": WRONG},
        {"username": "disabled", "password": WRONG},
        {"username": "passwordless", "password": WRONG},
        {"username": "alice", "password": WRONG + "\x00"},
        {"username": "alice", "password": PASSWORD, "client_id": "unknown"},
        {"username": "alice", "password": PASSWORD, "client_id": "backend"},
        {
            "username": "alice",
            "password": PASSWORD,
            "client_id": "backend",
            "client_secret": "wrong",
        },
    ]

    answers = [await client.post(LOGIN, data=form) for form in tries]

    for response in answers:
        response.headers.pop("x-request-id")
    assert {response.status_code for response in answers} == {401}
    assert len({response.content for response in answers}) == 1
    assert len({tuple(sorted(response.headers.items())) for response in answers}) == 1


# 403: told to the right password only


@pytest.mark.parametrize("password", [PASSWORD, WRONG])
async def test_403_for_a_disabled_account(
    client: httpx.AsyncClient, world: World, password: str
) -> None:
    await world.user("alice", is_active=False)

    response = await log_in(client, "alice", password)

    if password == PASSWORD:
        assert_envelope(
            response, code=403, detail="This account is disabled", kind="forbidden_error"
        )
    else:
        assert response.status_code == 401


async def test_403_for_an_unverified_address_where_that_is_demanded(
    settings: Settings, clock: FakeClock
) -> None:
    async with _other(settings, clock, require_verified_email=True) as (client, world):
        await world.user("alice")
        await world.user("verified", email_verified=True)

        response = await log_in(client, "alice")
        other = await log_in(client, "verified")

    assert_envelope(
        response,
        code=403,
        detail="The e-mail address of this account is not verified",
        kind="forbidden_error",
    )
    assert other.status_code == 200


@pytest.mark.parametrize("password", [PASSWORD, WRONG])
async def test_403_for_a_client_without_the_grant(
    client: httpx.AsyncClient, world: World, password: str
) -> None:
    await world.user("alice")
    await world.client("portal", grants=["refresh_token"])

    response = await log_in(client, "alice", password, client_id="portal")

    if password == PASSWORD:
        assert_envelope(
            response, code=403, detail="This client may not use this grant", kind="forbidden_error"
        )
    else:
        assert response.status_code == 401


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"is_active": False}, "This organization is suspended"),
        ({"password_sign_in": False}, "This organization demands another way to sign in"),
    ],
)
async def test_403_for_an_organization_that_can_not_be_entered_so(
    client: httpx.AsyncClient,
    world: World,
    services: Services,
    change: dict[str, bool],
    detail: str,
) -> None:
    alice = await world.user("alice")
    await world.org("acme", alice)
    await services.organizations.update("acme", **change)

    response = await log_in(client, "alice", scope="org:acme")

    assert_envelope(response, code=403, detail=detail, kind="forbidden_error")


async def test_403_for_an_organization_that_the_client_may_not_enter(
    client: httpx.AsyncClient, world: World
) -> None:
    alice = await world.user("alice")
    await world.org("acme", alice)
    await world.client("portal", organizations=["beta"])

    response = await log_in(client, "alice", client_id="portal", scope="org:acme")

    assert_envelope(
        response,
        code=403,
        detail="This client may not enter this organization",
        kind="forbidden_error",
    )


# 404


async def test_404_is_the_same_for_no_organization_and_for_no_membership(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.user("alice")
    await world.org("acme")
    await world.org("gone")
    await services.organizations.update("gone", is_active=False)

    answers = [
        await log_in(client, "alice", scope=f"org:{key}") for key in ("acme", "gone", "none", "")
    ]

    for response in answers:
        assert_envelope(response, code=404, detail="Organization not found", kind="not_found_error")


# 422


@pytest.mark.parametrize(
    ("form", "loc", "kind", "message"),
    [
        ({"username": "alice"}, "password", "missing", "Field required"),
        ({"password": WRONG}, "username", "missing", "Field required"),
        ({"username": "", "password": WRONG}, "username", "missing", "Field required"),
        (
            {"username": "a" * 321, "password": WRONG},
            "username",
            "string_too_long",
            "String should have at most 320 characters",
        ),
        (
            {"username": "alice", "password": WRONG * 40},
            "password",
            "string_too_long",
            "Value should have at most 1024 items after validation, not more",
        ),
        (
            {"username": "alice", "password": WRONG, "grant_type": "client_credentials"},
            "grant_type",
            "string_pattern_mismatch",
            "String should match pattern '^password$'",
        ),
        (
            {"username": "alice", "password": WRONG, "grant_type": "password\n"},
            "grant_type",
            "string_pattern_mismatch",
            "String should match pattern '^password$'",
        ),
    ],
)
async def test_422_names_each_field_and_echoes_nothing(
    client: httpx.AsyncClient, form: dict[str, str], loc: str, kind: str, message: str
) -> None:
    response = await client.post(LOGIN, data=form)

    errors = response.json()["errors"]
    assert_envelope(
        response, code=422, detail="Validation error", kind="validation_error", errors=errors
    )
    assert [set(item) for item in errors] == [{"loc", "msg", "type"}]
    assert errors[0]["loc"] == ["body", loc]
    assert errors[0]["type"].endswith(kind.removeprefix("string_"))
    assert WRONG not in response.text


# 426


async def test_426_for_credentials_in_the_clear_from_another_machine(
    services: Services, world: World
) -> None:
    await world.user("alice")

    async with make_client(services, address="192.0.2.7") as remote:
        response = await log_in(remote, "alice")

    assert_envelope(
        response,
        code=426,
        detail="Send credentials over TLS only",
        kind="upgrade_required_error",
    )
    assert response.headers["upgrade"] == "TLS/1.2, HTTP/1.1"
    assert response.headers["connection"] == "upgrade"


async def test_426_ends_where_a_trusted_proxy_says_https(
    settings: Settings, clock: FakeClock
) -> None:
    changes = {"trusted_proxies": "10.0.0.0/8", "require_tls": "always"}
    async with _other(settings, clock, address="10.0.0.1", **changes) as (client, world):
        await world.user("alice")

        plain = await log_in(client, "alice", headers={"X-Forwarded-Proto": "http"})
        secure = await log_in(
            client,
            "alice",
            headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"},
        )
        events = await trail(world.services)

    assert (plain.status_code, secure.status_code) == (426, 200)
    assert [event.address for event in events] == ["10.0.0.1", "192.0.2.7"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Client-Version": "2.1"}, 200),
        ({"X-Client-Version": "2.0.9"}, 426),
        ({"User-Agent": "portal/2.2 (linux)"}, 200),
        ({"User-Agent": "portal/1.9"}, 426),
        ({"User-Agent": "curl"}, 426),
    ],
)
async def test_426_for_a_client_that_is_too_old(
    client: httpx.AsyncClient, world: World, headers: dict[str, str], status: int
) -> None:
    await world.user("alice")
    await world.client("portal", minimum_version="2.1")

    response = await log_in(client, "alice", client_id="portal", headers=headers)

    assert response.status_code == status
    if status == 426:
        assert_envelope(
            response,
            code=426,
            detail="Update this client to version 2.1 or later",
            kind="upgrade_required_error",
        )
        assert response.headers["upgrade"] == "portal/2.1"


# 429


async def test_429_for_too_many_tries_at_one_account(
    client: httpx.AsyncClient, world: World, clock: FakeClock
) -> None:
    await world.user("alice")
    for _ in range(5):
        assert (await log_in(client, "alice", WRONG)).status_code == 401

    response = await log_in(client, "alice")
    clock.advance(1)
    later = await log_in(client, "alice")

    assert_envelope(
        response,
        code=429,
        detail="Too many attempts, try again later",
        kind="rate_limit_error",
    )
    assert response.headers["retry-after"] == "1"
    assert response.headers["ratelimit"] == '"failures";r=0;t=1'
    assert response.headers["ratelimit-policy"] == '"failures";q=5;w=3600'
    assert later.status_code == 200


@pytest.mark.parametrize(
    ("option", "policy"),
    [("limit_address", "address"), ("limit_account", "account"), ("limit_client", "client")],
)
async def test_429_for_each_limit(
    settings: Settings, clock: FakeClock, option: str, policy: str
) -> None:
    async with _other(settings, clock, **{option: "2/minute"}) as (client, world):
        await world.user("alice")
        first = [await log_in(client, "alice") for _ in range(2)]

        response = await log_in(client, "alice")
        clock.advance(60)
        later = await log_in(client, "alice")

    assert [answer.status_code for answer in first] == [200, 200]
    if policy == "account":
        # The network is known by now and has a count of its own: one more set of tries.
        assert response.status_code == 200
        return
    assert response.status_code == 429
    assert response.headers["retry-after"] == "60"
    assert response.headers["ratelimit"] == f'"{policy}";r=0;t=60'
    assert response.headers["ratelimit-policy"] == f'"{policy}";q=2;w=60'
    assert later.status_code == 200


async def test_429_at_once_when_the_hashing_queue_is_full(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.user("alice")
    gate = threading.Event()
    held = [services.passwords.reserve() for _ in range(services.settings.hash_threads)]
    running = [asyncio.ensure_future(reservation.run(gate.wait)) for reservation in held]
    held += [services.passwords.reserve() for _ in range(services.pool.capacity - len(held))]

    response = await log_in(client, "alice")
    gate.set()
    await asyncio.gather(*running)
    for reservation in held:
        reservation.release()

    assert response.status_code == 429
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["ratelimit"].startswith('"hashing";r=0;t=')
    assert (await log_in(client, "alice")).status_code == 200


# 500


async def test_500_for_a_defect_says_nothing_of_the_inside(
    client: httpx.AsyncClient, services: Services, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.user("alice")

    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the inside of things")

    monkeypatch.setattr(type(services.organizations), "memberships_of", broken)
    with logged() as lines:
        response = await log_in(client, "alice", headers={"X-Request-ID": "tie-me-to-the-log"})

    assert_envelope(response, code=500, detail="Internal server error", kind="internal_error")
    assert response.headers["x-request-id"] == "tie-me-to-the-log"
    defects = [line for line in lines if line["event"] == "defect"]
    assert [line["request_id"] for line in defects] == ["tie-me-to-the-log"]
    assert isinstance(defects[0]["exc_info"], ZeroDivisionError)


@asynccontextmanager
async def held(settings: Settings) -> AsyncIterator[None]:
    """Somebody holds the database, and nobody gets at it."""
    url = settings.sqlalchemy_url
    if url.startswith("sqlite"):
        holder = sqlite3.connect(settings.data_dir / "vestibule.db", isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        yield
        holder.execute("ROLLBACK")
        holder.close()
        return
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        await connection.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        yield
    await connection.close()


async def test_500_with_retry_after_while_the_database_is_out_of_reach(
    settings: Settings, clock: FakeClock
) -> None:
    async with _other(settings, clock) as (_, world):
        await world.user("alice")
    async with _other(settings, clock, database_timeout=2) as (client, _), held(settings):
        with logged() as lines:
            response = await log_in(client, "alice")
    async with _other(settings, clock) as (client, _):
        later = await log_in(client, "alice")

    assert_envelope(response, code=500, detail="Internal server error", kind="database_error")
    assert response.headers["retry-after"] == "5"
    assert "database unavailable" in repr(lines)
    assert PASSWORD not in repr(lines)
    assert later.status_code == 200


# 409, 502, 504: what a directory can answer


@pytest.mark.parametrize(
    ("error", "code", "detail", "kind"),
    [
        (AlreadyExists(), 409, "Already exists", "already_exists_error"),
        (BadGateway(), 502, "Bad gateway", "bad_gateway_error"),
        (GatewayTimeout(), 504, "Gateway timeout", "gateway_timeout_error"),
    ],
)
async def test_what_a_directory_answers_reaches_the_client(
    client: httpx.AsyncClient,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    error: ApiError,
    code: int,
    detail: str,
    kind: str,
) -> None:
    async def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(LocalDirectory, "verify", failing)
    with logged() as lines:
        answers = [await log_in(client, "nobody", WRONG) for _ in range(20)]
        events = await trail(services)

    for response in answers:
        assert_envelope(response, code=code, detail=detail, kind=kind)
    # The password was never checked: nobody is delayed for it.
    assert {event.status for event in events} == {code}
    assert WRONG not in repr(lines) + repr(events)


# What is never told


async def test_neither_answer_nor_log_nor_trail_holds_a_secret(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.user("alice")
    await world.user("gone", is_active=False)
    _, secret = await world.client("backend", kind=ClientKind.CONFIDENTIAL)
    forms: list[dict[str, str]] = [
        {"username": "alice", "password": PASSWORD},
        {"username": "alice", "password": WRONG},
        {"username": WRONG, "password": PASSWORD},
        {"username": "nobody", "password": WRONG},
        {"username": "gone", "password": PASSWORD},
        {"username": "alice", "password": PASSWORD, "scope": "org:none"},
        {"username": "alice", "password": PASSWORD, "scope": WRONG},
        {"username": "alice", "password": PASSWORD, "grant_type": WRONG},
        {"username": "alice", "password": WRONG * 40},
        {
            "username": "alice",
            "password": PASSWORD,
            "client_id": "backend",
            "client_secret": secret,
        },
        {
            "username": "alice",
            "password": PASSWORD,
            "client_id": "backend",
            "client_secret": WRONG,
        },
    ]

    with logged() as lines:
        answers = [await client.post(LOGIN, data=form) for form in forms]
        events = await trail(services)

    told = "".join(response.text + str(response.headers) for response in answers)
    kept = repr(lines) + repr(events)
    for unsaid in (PASSWORD, WRONG, secret):
        assert unsaid not in told
        assert unsaid not in kept
    assert len(events) == len(forms)


async def test_each_login_leaves_a_row_and_a_line(
    client: httpx.AsyncClient, world: World, services: Services, clock: FakeClock
) -> None:
    alice = await world.user("alice")
    acme = await world.org("acme", alice)
    await world.client("portal")

    with logged() as lines:
        await log_in(client, "alice", client_id="portal", headers={"X-Request-ID": "first"})
        await log_in(client, "alice", WRONG, headers={"X-Request-ID": "second"})
        await log_in(client, "nobody", headers={"X-Request-ID": "third"})
        await log_in(client, "alice", scope="nonsense", headers={"X-Request-ID": "fourth"})
        events = await trail(services)

    told = [
        (e.request_id, e.result, e.cause, e.status, e.user_id, e.client_id, e.org_id)
        for e in events
    ]
    assert told == [
        ("first", "success", "signed_in", 200, alice.id, "portal", acme.id),
        ("second", "failure", "password", 401, alice.id, "vestibule", None),
        ("third", "failure", "user_unknown", 401, None, "vestibule", None),
        ("fourth", "refused", "scope", 400, None, "vestibule", None),
    ]
    assert {event.address for event in events} == {"127.0.0.1"}
    assert {event.occurred_at.timestamp() for event in events} == {clock.now}
    assert events[2].identifier_digest
    logins = [line for line in lines if line["event"] == "login"]
    assert [line["request_id"] for line in logins] == ["first", "second", "third", "fourth"]
    assert [line["result"] for line in logins] == ["success", "failure", "failure", "refused"]


async def test_no_wrong_password_is_answered_before_the_floor(
    settings: Settings, clock: FakeClock
) -> None:
    async with _other(settings, clock, failure_floor=0.5) as (client, world):
        await world.user("alice")

        await log_in(client, "alice")
        assert clock.slept == []
        await log_in(client, "alice", WRONG)
        await log_in(client, "nobody", WRONG)

    assert clock.slept == [0.5, 0.5]


class _other:
    """A client and a world on services of changed settings."""

    def __init__(
        self, settings: Settings, clock: FakeClock, *, address: str = "127.0.0.1", **changes: Any
    ) -> None:
        values = settings.model_dump() | changes
        values["secret_key"] = SecretStr("a secret key for tests, 32 characters or more")
        self._settings = Settings(**values)
        self._clock = clock
        self._address = address

    async def __aenter__(self) -> tuple[httpx.AsyncClient, World]:
        self._services = wire(self._settings, clock=self._clock)
        await self._services.keys.ensure()
        self._client = make_client(self._services, address=self._address)
        return self._client, World(self._services)

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        await self._services.close()
