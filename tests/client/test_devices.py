"""The device login: what is shown, how often is asked, and how it ends (RFC 8628)."""

from __future__ import annotations

import httpx
import pytest

from tests.client.fake import (
    AsyncTime,
    FakeService,
    Time,
    envelope,
    make_async_client,
    make_client,
)
from vestibule.client import AccessForbidden, DeviceCode, ExpiredToken, MemoryStore

TOKEN = "/api/v1/auth/device/token"


def pending() -> httpx.Response:
    return envelope(400, "authorization_pending_error")


def device_code() -> httpx.Response:
    return httpx.Response(
        200,
        json={
            "device_code": "device-secret", "user_code": "BCDF-GHJK",
            "verification_url": "https://sign-in.example.org/login/device",
            "expires_in": 60, "interval": 5,
        },
    )  # fmt: skip


def test_the_code_is_shown_and_its_secret_is_not(service: FakeService, time: Time) -> None:
    shown: list[DeviceCode] = []

    session = make_client(service, time, client_id="tv").device_login(shown.append, org="acme")

    assert shown[0].user_code == "BCDF-GHJK"
    assert shown[0].verification_uri.endswith("/login/device")
    assert shown[0].verification_uri_complete.endswith("?code=BCDF-GHJK")
    assert "device-secret" not in repr(shown)
    assert service.body(0) == {"client_id": "tv", "scope": "org:acme"}
    assert service.body(1) == {"client_id": "tv", "device_code": "device-secret"}
    assert session.access_token() == "access-1"
    assert time.slept == [5]


def test_each_slow_down_adds_five_seconds_for_good(service: FakeService, time: Time) -> None:
    slow = envelope(400, "slow_down_error")
    service.next += [device_code(), pending(), slow, pending()]

    make_client(service, time).device_login(lambda code: None)

    assert time.slept == [5, 5, 10, 10]


def test_a_failing_connection_is_asked_over_less_and_less_often(
    service: FakeService, time: Time
) -> None:
    broken = httpx.ConnectError("refused")
    limited = envelope(429, "rate_limit_error", Retry_After="7")
    service.next += [device_code(), broken, broken, limited]

    session = make_client(service, time).device_login(lambda code: None)

    assert time.slept == [5, 10, 20, 7]
    assert session.access_token() == "access-1"


def test_a_no_ends_it(service: FakeService, time: Time) -> None:
    service.next += [device_code(), pending(), envelope(403, "forbidden_error")]

    with pytest.raises(AccessForbidden):
        make_client(service, time).device_login(lambda code: None)

    assert service.seen[TOKEN] == 2


@pytest.mark.parametrize("told", [True, False])
def test_a_code_that_nobody_approves_expires(service: FakeService, time: Time, told: bool) -> None:
    service.next += [device_code()]
    service.next += [envelope(400, "expired_token_error")] if told else [pending()] * 20

    with pytest.raises(ExpiredToken):
        make_client(service, time).device_login(lambda code: None)

    assert sum(time.slept) < 60


async def test_tasks_sign_in_by_device_too(service: FakeService, async_time: AsyncTime) -> None:
    shown: list[str] = []

    async def show(code: DeviceCode) -> None:
        shown.append(code.user_code)

    store = MemoryStore()
    client = make_async_client(service, async_time, store=store)
    service.next += [device_code(), pending()]
    session = await client.device_login(show)
    found = await (await client.session()).user()

    assert shown == ["BCDF-GHJK"]
    assert async_time.slept == [5, 5]
    assert found == {"username": "alice"}
    assert await session.organizations()
    await session.switch_org("other")
    assert session.org == "other"
    await session.logout()
    assert store.load("default") is None
