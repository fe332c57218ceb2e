"""Sign-in, refresh by itself, one refresh for many, and what happens when something fails."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.client.fake import (
    PASSWORD,
    AsyncTime,
    FakeService,
    Time,
    envelope,
    make_async_client,
    make_client,
    sent,
)
from vestibule.client import (
    AuthenticationFailed,
    DatabaseUnavailable,
    FileStore,
    InsecureAddress,
    InternalError,
    InvalidGrant,
    MemoryStore,
    RateLimited,
    Secret,
    ServiceUnavailable,
    SignInNeeded,
)

REFRESH = "/api/v1/auth/refresh"
LOGIN = "/api/v1/auth/login"


def test_a_login_sends_the_form_of_the_contract(service: FakeService, time: Time) -> None:
    client = make_client(service, time, client_id="portal", client_secret="s3cret")

    session = client.login("alice", PASSWORD, org="acme", scope="openid profile")

    assert service.requests[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert service.body(0) == {
        "username": "alice", "password": PASSWORD, "grant_type": "password",
        "scope": "openid profile org:acme", "client_id": "portal", "client_secret": "s3cret",
    }  # fmt: skip
    assert [org.key for org in session.orgs] == ["acme", "other"]
    assert session.default_org is not None
    assert session.default_org.name == "Acme"
    assert session.org == "acme"
    assert session.expires_at == time.now + 900
    assert session.access_token() == "access-1"


def test_a_token_is_refreshed_thirty_seconds_before_its_end(
    service: FakeService, time: Time
) -> None:
    session = make_client(service, time).login("alice", PASSWORD)

    time.now += 869
    before = session.access_token()
    time.now += 1
    after = session.access_token()

    assert (before, after) == ("access-1", "access-2")
    assert service.spent == ["refresh-1"]


def test_a_token_of_thirty_seconds_is_used_before_it_is_refreshed(
    service: FakeService, time: Time
) -> None:
    service.lifetime = 30
    session = make_client(service, time).login("alice", PASSWORD)

    time.now += 14
    first = session.access_token()
    time.now += 1
    second = session.access_token()

    assert (first, second) == ("access-1", "access-2")


def test_a_token_that_ends_at_once_makes_no_endless_loop(service: FakeService, time: Time) -> None:
    service.lifetime = -1
    session = make_client(service, time).login("alice", PASSWORD)

    session.access_token()

    assert service.seen[REFRESH] <= 2


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_fifty_threads_that_need_a_token_make_one_refresh(
    service: FakeService, time: Time, tmp_path: Path, kind: str
) -> None:
    store = MemoryStore() if kind == "memory" else FileStore(tmp_path)
    session = make_client(service, time, store=store).login("alice", PASSWORD)
    time.now += 900
    together = threading.Barrier(50)

    def ask(_: int) -> str:
        together.wait()
        return session.access_token()

    with ThreadPoolExecutor(50) as pool:
        tokens = list(pool.map(ask, range(50)))

    assert set(tokens) == {"access-2"}
    assert service.seen[REFRESH] == 1


async def test_two_hundred_tasks_that_need_a_token_make_one_refresh(
    service: FakeService, async_time: AsyncTime, tmp_path: Path
) -> None:
    client = make_async_client(service, async_time, store=FileStore(tmp_path))
    session = await client.login("alice", PASSWORD)
    async_time.now += 900

    tokens = await asyncio.gather(*(session.access_token() for _ in range(200)))

    assert set(tokens) == {"access-2"}
    assert service.seen[REFRESH] == 1


def test_threads_that_wait_for_a_refresh_that_fails_are_told_of_it_once(
    service: FakeService, time: Time
) -> None:
    session = make_client(service, time).login("alice", PASSWORD)
    time.now += 900
    begun, go_on = threading.Event(), threading.Event()

    asked_of: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked_of.append(request.url.path)
        begun.set()
        go_on.wait(10)
        return envelope(400, "invalid_grant_error")

    session._driver._http = httpx.Client(transport=httpx.MockTransport(answer))

    def ask() -> type[Exception] | None:
        try:
            session.access_token()
        except (InvalidGrant, SignInNeeded) as error:
            return type(error)
        return None

    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(ask) for _ in range(10)]
        begun.wait(10)
        go_on.set()
        found = {future.result() for future in asked}

    # Who comes after it has landed finds the session ended, without asking the service.
    assert found <= {InvalidGrant, SignInNeeded}
    assert asked_of == [REFRESH]


@pytest.mark.parametrize("impatient", [0, 1])
async def test_a_waiter_that_gives_up_does_not_stop_the_refresh_of_the_others(
    service: FakeService, async_time: AsyncTime, impatient: int
) -> None:
    session = await make_async_client(service, async_time).login("alice", PASSWORD)
    async_time.now += 900

    waiting = [asyncio.create_task(session.access_token()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting.pop(impatient).cancel()

    assert await asyncio.gather(*waiting) == ["access-2", "access-2"]
    assert service.seen[REFRESH] == 1


async def test_a_service_that_is_gone_is_not_asked_once_for_each_that_waits(
    service: FakeService, async_time: AsyncTime
) -> None:
    session = await make_async_client(service, async_time).login("alice", PASSWORD)
    async_time.now += 900
    service.next += [httpx.ConnectError("refused")] * 3

    told = await asyncio.gather(
        *(session.access_token() for _ in range(20)), return_exceptions=True
    )

    assert {type(error) for error in told} == {ServiceUnavailable}
    assert service.seen[REFRESH] == 3


def test_the_new_refresh_token_is_kept_before_anybody_gets_the_access_token(
    service: FakeService, time: Time
) -> None:
    class FullDisk(MemoryStore):
        full = False

        def save(self, name: str, record: Secret) -> None:
            if self.full:
                raise OSError("No space left on device")
            super().save(name, record)

    store = FullDisk()
    session = make_client(service, time, store=store).login("alice", PASSWORD)
    time.now += 900
    store.full = True

    with pytest.raises(OSError, match="No space"):
        session.access_token()
    store.full = False
    healed = session.access_token()

    assert service.spent == ["refresh-1", "refresh-1"]  # the service's grace answers the second
    assert healed == "access-3"


def test_two_clients_on_one_store_refresh_once(
    service: FakeService, time: Time, tmp_path: Path
) -> None:
    one = make_client(service, time, store=FileStore(tmp_path)).login("alice", PASSWORD)
    other = make_client(service, time, store=FileStore(tmp_path)).session()
    time.now += 900

    tokens = [one.access_token(), other.access_token()]

    assert tokens == ["access-2", "access-2"]
    assert service.seen[REFRESH] == 1


def test_sessions_without_a_store_stay_apart(service: FakeService, time: Time) -> None:
    client = make_client(service, time)
    alice, bob = client.login("alice", PASSWORD), client.login("bob", PASSWORD)
    time.now += 900

    alice.access_token()
    bob.access_token()

    assert service.spent == ["refresh-1", "refresh-2"]


def test_a_session_never_becomes_somebody_else(service: FakeService, time: Time) -> None:
    client = make_client(service, time, store=MemoryStore())
    alice = client.login("alice", PASSWORD)
    client.login("bob", PASSWORD)
    time.now += 900

    with pytest.raises(SignInNeeded):
        alice.access_token()

    assert service.spent == []


def test_profiles_are_apart(service: FakeService, time: Time, tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    work = make_client(service, time, store=store, profile="work").login("alice", PASSWORD)
    home = make_client(service, time, store=store, profile="../home").login("bob", PASSWORD)

    work.logout()

    assert home.access_token() == "access-2"
    assert make_client(service, time, store=store, profile="../home").session()
    with pytest.raises(SignInNeeded):
        make_client(service, time, store=store, profile="work").session()
    assert all(path.parent == tmp_path for path in tmp_path.rglob("*"))


def test_stored_tokens_are_never_sent_to_another_service(service: FakeService, time: Time) -> None:
    store = MemoryStore()
    make_client(service, time, store=store).login("alice", PASSWORD)

    with pytest.raises(SignInNeeded):
        make_client(service, time, store=store, url="https://elsewhere.example").session()


def test_switching_asks_for_the_organization_and_keeps_it(service: FakeService, time: Time) -> None:
    store = MemoryStore()
    session = make_client(service, time, store=store).login("alice", PASSWORD)

    session.switch_org("other")
    time.now += 900
    session.access_token()

    switched, refreshed = (sent(r) for r in service.requests if r.url.path == REFRESH)
    assert switched == {"refresh_token": "refresh-1", "scope": "org:other"}
    assert refreshed == {"refresh_token": "refresh-2"}
    assert session.org == "other"
    assert make_client(service, time, store=store).session().org == "other"


def test_a_logout_ends_the_session_here_and_there(service: FakeService, time: Time) -> None:
    store = MemoryStore()
    session = make_client(service, time, store=store).login("alice", PASSWORD)

    session.logout()

    assert service.body() == {"refresh_token": "refresh-1"}
    assert store.load("default") is None
    with pytest.raises(SignInNeeded):
        session.access_token()


def test_a_logout_that_the_service_is_not_told_of_stays_to_be_told(
    service: FakeService, time: Time
) -> None:
    store = MemoryStore()
    session = make_client(service, time, store=store).login("alice", PASSWORD)
    service.next += [httpx.ConnectError("refused")] * 3

    with pytest.raises(ServiceUnavailable):
        session.logout()
    session.logout()

    assert service.body() == {"refresh_token": "refresh-1"}


def test_an_ended_family_is_forgotten(service: FakeService, time: Time) -> None:
    store = MemoryStore()
    session = make_client(service, time, store=store).login("alice", PASSWORD)
    time.now += 900
    service.next.append(envelope(400, "invalid_grant_error"))

    with pytest.raises(InvalidGrant):
        session.access_token()
    with pytest.raises(SignInNeeded):
        session.access_token()

    assert store.load("default") is None


# Requests


def test_a_rejected_token_is_replaced_once(service: FakeService, time: Time) -> None:
    session = make_client(service, time).login("alice", PASSWORD)
    service.number = 7  # a restart with other keys: `access-1` is worth nothing

    user = session.user()

    assert user == {"username": "alice"}
    assert service.seen == {LOGIN: 1, REFRESH: 1, "/api/v1/user": 2}


def test_what_stays_rejected_is_told(service: FakeService, time: Time) -> None:
    session = make_client(service, time).login("alice", PASSWORD)
    service.next += [envelope(401, "authentication_error"), service.tokens()]
    service.next += [envelope(401, "authentication_error")]

    with pytest.raises(AuthenticationFailed):
        session.request("POST", "/api/v1/things", json={})

    assert service.seen["/api/v1/things"] == 2


def test_a_token_goes_to_the_service_alone(service: FakeService, time: Time) -> None:
    session = make_client(service, time).login("alice", PASSWORD)
    service.next.append(httpx.Response(307, headers={"Location": "https://evil.example/"}))

    with pytest.raises(Exception, match="307"):
        session.request("GET", "//evil.example/api")
    session.request("GET", "https://evil.example/api")

    assert {request.url.host for request in service.requests} == {"sign-in.example.org"}


def test_reading_is_tried_again_as_the_service_asks(service: FakeService, time: Time) -> None:
    session = make_client(service, time).login("alice", PASSWORD)
    service.next += [
        envelope(429, "rate_limit_error", Retry_After="3"),
        envelope(500, "database_error", Retry_After="5"),
    ]

    organizations = session.organizations()

    assert [org["key"] for org in organizations] == ["acme", "other"]
    assert time.slept == [3, 5]


def test_reading_is_tried_three_times_where_nobody_answers(
    service: FakeService, time: Time
) -> None:
    session = make_client(service, time).login("alice", PASSWORD)
    service.next += [httpx.ReadTimeout("late")] * 3

    with pytest.raises(ServiceUnavailable, match="in time"):
        session.user()

    assert service.seen["/api/v1/user"] == 3


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (envelope(429, "rate_limit_error", Retry_After="3600"), RateLimited),
        (envelope(500, "internal_error", Retry_After="1"), InternalError),
        (envelope(429, "rate_limit_error"), RateLimited),
    ],
)
def test_reading_is_not_tried_again_for_longer_or_for_defects(
    service: FakeService, time: Time, answer: httpx.Response, expected: type[Exception]
) -> None:
    session = make_client(service, time).login("alice", PASSWORD)
    service.next.append(answer)

    with pytest.raises(expected):
        session.user()

    assert service.seen["/api/v1/user"] == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (envelope(429, "rate_limit_error", Retry_After="1"), RateLimited),
        (envelope(500, "database_error", Retry_After="1"), DatabaseUnavailable),
        (httpx.ConnectError("refused"), ServiceUnavailable),
        (httpx.ReadTimeout("late"), ServiceUnavailable),
    ],
)
def test_a_login_and_a_change_are_never_repeated(
    service: FakeService, time: Time, answer: httpx.Response | Exception, expected: type[Exception]
) -> None:
    client = make_client(service, time)
    session = client.login("alice", PASSWORD)

    service.next.append(answer)
    with pytest.raises(expected):
        client.login("alice", PASSWORD)
    service.next.append(answer)
    with pytest.raises(expected):
        session.request("POST", "/api/v1/things", json={})

    assert (service.seen[LOGIN], service.seen["/api/v1/things"]) == (2, 1)
    assert time.slept == []


def test_a_refresh_whose_answer_was_lost_is_asked_for_again(
    service: FakeService, time: Time
) -> None:
    session = make_client(service, time).login("alice", PASSWORD)
    time.now += 900
    service.next.append(httpx.ReadError("reset"))

    token = session.access_token()

    assert token == "access-2"
    assert service.seen[REFRESH] == 2
    # Its time limit is well within the grace of ten seconds that the service has for this.
    assert service.requests[-1].extensions["timeout"]["read"] < 5


# Addresses


@pytest.mark.parametrize(
    "url",
    [
        "http://sign-in.example.org", "http://10.0.0.1:8000", "ftp://localhost", "localhost:8000",
        "https://", "https://alice:secret@example.org", "http://localhost.example.org", "",
        "https://example.org/?x=1", "http://[::2]",
    ],
)  # fmt: skip
def test_an_address_that_would_show_secrets_is_refused(
    service: FakeService, time: Time, url: str
) -> None:
    with pytest.raises(InsecureAddress) as caught:
        make_client(service, time, url=url)

    assert "secret@" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/", "http://[::1]:1", "http://localhost", "http://a.localhost"]
)
def test_plain_http_is_for_this_machine(service: FakeService, time: Time, url: str) -> None:
    make_client(service, time, url=url).login("alice", PASSWORD)

    assert str(service.requests[0].url).startswith(url.rstrip("/") + "/api/v1/")


def test_plain_http_to_others_must_be_asked_for_by_name(service: FakeService, time: Time) -> None:
    client = make_client(service, time, url="http://10.0.0.1", allow_insecure_http=True)

    assert client.login("alice", PASSWORD).access_token() == "access-1"


def test_what_is_no_vestibule_is_said_to_be_none(service: FakeService, time: Time) -> None:
    service.next.append(httpx.Response(200, html="<h1>Welcome to the hotel</h1>"))

    with pytest.raises(ServiceUnavailable, match="no Vestibule"):
        make_client(service, time).login("alice", PASSWORD)
