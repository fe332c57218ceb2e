"""Asking the issuer whether a token still stands (RFC 7662)."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import SecretStr

from tests.verify.issuer import API_KEY, AUDIENCE, ISSUER, Issuer
from tests.world import FakeClock
from vestibule.verify import (
    ExpiredToken,
    IntrospectionOptions,
    IntrospectionUnavailable,
    InvalidToken,
    Verifier,
)

INTROSPECT = "introspect"
SECRET = "a secret: with %, + and ü"


@pytest.fixture
def asking(issuer: Issuer) -> Verifier:
    return issuer.verifier(introspection=_options())


def _options(**changes: Any) -> IntrospectionOptions:
    values: dict[str, Any] = {"client_id": "api", "client_secret": SecretStr(SECRET)}
    return IntrospectionOptions(**(values | changes))


def _active(issuer: Issuer, token: str, **more: Any) -> str:
    issuer.active[token] = {"active": True, **more}
    return token


def test_the_issuer_is_asked_as_the_standard_says(issuer: Issuer, asking: Verifier) -> None:
    token = _active(issuer, issuer.token())

    assert asking.verify(token).subject == "alice"

    assert issuer.forms == [{"token": [token]}]
    expected = base64.b64encode(b"api:a+secret%3A+with+%25%2C+%2B+and+%C3%BC").decode()
    assert issuer.authorization == [f"Basic {expected}"]


def test_a_revoked_token_is_out_within_the_time_set(
    issuer: Issuer, asking: Verifier, clock: FakeClock
) -> None:
    token = _active(issuer, issuer.token())
    asking.verify(token)
    del issuer.active[token]

    clock.advance(29.9)
    assert asking.verify(token)
    assert issuer.count(INTROSPECT) == 1
    clock.advance(0.1)

    for _ in range(5):
        with pytest.raises(InvalidToken):
            asking.verify(token)
    assert issuer.count(INTROSPECT) == 2


def test_the_issuer_is_asked_about_each_token_at_most_once_in_that_time(
    issuer: Issuer, asking: Verifier, clock: FakeClock
) -> None:
    tokens = [_active(issuer, issuer.token(jti=str(n))) for n in range(3)]

    for _ in range(90):
        for token in tokens:
            asking.verify(token)
        clock.advance(1)

    assert issuer.count(INTROSPECT) == 3 * 3


def test_with_no_time_the_issuer_is_asked_each_time(issuer: Issuer) -> None:
    verifier = issuer.verifier(introspection=_options(max_age=0))
    token = _active(issuer, issuer.token())
    verifier.verify(token)
    del issuer.active[token]

    with pytest.raises(InvalidToken):
        verifier.verify(token)


def test_a_forged_token_is_not_asked_about(issuer: Issuer, asking: Verifier) -> None:
    token = _active(issuer, issuer.token(aud="https://other.example"))

    with pytest.raises(InvalidToken):
        asking.verify(token)

    assert issuer.count(INTROSPECT) == 0


@pytest.mark.parametrize("max_age", [-1, 61, float("nan")])
def test_no_revocation_may_take_longer_than_a_minute(max_age: float) -> None:
    with pytest.raises(ValueError):
        _options(max_age=max_age)


async def test_without_an_answer_nobody_is_let_in(
    issuer: Issuer, asking: Verifier, clock: FakeClock
) -> None:
    token = _active(issuer, issuer.token())
    asking.verify(token)
    issuer.broken = True
    clock.advance(30)

    with pytest.raises(IntrospectionUnavailable):
        asking.verify(token)
    with pytest.raises(IntrospectionUnavailable):
        await asking.averify(token)
    issuer.broken = False
    clock.advance(1)

    assert asking.verify(token)


@pytest.mark.parametrize("answer", [{}, {"active": "true"}, {"active": 1}, {"active": None}])
def test_an_answer_that_does_not_say_active_is_none(
    issuer: Issuer, asking: Verifier, answer: dict[str, Any]
) -> None:
    token = issuer.token()
    issuer.active[token] = answer

    with pytest.raises(IntrospectionUnavailable):
        asking.verify(token)


def test_an_issuer_that_is_away_is_not_asked_by_everybody(
    issuer: Issuer, asking: Verifier, clock: FakeClock
) -> None:
    tokens = [_active(issuer, issuer.token(jti=str(number))) for number in range(20)]
    asking.verify(tokens[0])
    issuer.broken = True
    before = len(issuer.asked)

    for token in tokens[1:]:
        with pytest.raises(IntrospectionUnavailable):
            asking.verify(token)

    assert len(issuer.asked) - before == 1


async def test_tokens_may_be_let_in_unasked_where_that_was_chosen(
    issuer: Issuer, clock: FakeClock
) -> None:
    verifier = issuer.verifier(introspection=_options(accept_unasked=True))
    revoked, other = issuer.token(jti="revoked"), issuer.token(jti="other")
    with pytest.raises(InvalidToken):
        verifier.verify(revoked)
    issuer.broken = True
    clock.advance(1)

    assert verifier.verify(other)
    assert await verifier.averify(other)
    with pytest.raises(InvalidToken):
        verifier.verify(revoked)
    with pytest.raises(IntrospectionUnavailable):
        verifier.verify(API_KEY)
    issuer.broken = False
    clock.advance(1)

    with pytest.raises(InvalidToken):
        verifier.verify(other)


# API keys


def test_an_api_key_is_what_the_issuer_says(
    issuer: Issuer, asking: Verifier, clock: FakeClock
) -> None:
    _active(
        issuer, API_KEY, sub="alice", client_id="vestibule", scope="api:read", org_id="0190",
        iss=ISSUER, aud=AUDIENCE, exp=int(clock.now) + 20,
    )  # fmt: skip

    found = asking.verify(API_KEY)

    assert (found.subject, found.org_id) == ("alice", "0190")
    assert found.scopes == {"api:read"}
    assert asking.verify(API_KEY) is found
    assert issuer.asked[-1] == "/oauth2/introspect"
    assert issuer.count(INTROSPECT) == 1
    clock.advance(30)
    with pytest.raises(ExpiredToken):
        asking.verify(API_KEY)


def test_an_api_key_that_was_revoked_is_out_within_the_time_set(
    issuer: Issuer, asking: Verifier, clock: FakeClock
) -> None:
    _active(issuer, API_KEY, sub="alice")
    assert asking.verify(API_KEY).expires_at is None
    del issuer.active[API_KEY]

    clock.advance(30)

    with pytest.raises(InvalidToken):
        asking.verify(API_KEY)


@pytest.mark.parametrize(
    "answer",
    [
        {"iss": "https://evil.example"},
        {"aud": "https://other.example"},
        {"aud": []},
        {"sub": ""},
        {"sub": None},
        {"exp": 1_700_000_000},
        {"scope": 7},
    ],
    ids=str,
)
def test_an_answer_about_an_api_key_is_read_as_strictly_as_a_token(
    issuer: Issuer, asking: Verifier, answer: dict[str, Any]
) -> None:
    issuer.active[API_KEY] = {"active": True, "sub": "alice", **answer}

    with pytest.raises(InvalidToken):
        asking.verify(API_KEY)


async def test_an_api_key_is_worth_nothing_where_nobody_can_be_asked(
    issuer: Issuer, verifier: Verifier
) -> None:
    with pytest.raises(InvalidToken):
        verifier.verify(API_KEY)
    with pytest.raises(InvalidToken):
        await verifier.averify(API_KEY)
    assert issuer.asked == []


def test_what_only_begins_like_an_api_key_is_not_asked_about(
    issuer: Issuer, asking: Verifier
) -> None:
    for text in ("vst_", "vst_x", API_KEY + "x", API_KEY[:-1] + "&", API_KEY + "\n"):
        with pytest.raises(InvalidToken):
            asking.verify(text)

    assert issuer.asked == []


# One question for all who wait


async def test_many_tasks_with_one_token_ask_once(issuer: Issuer, asking: Verifier) -> None:
    token = _active(issuer, issuer.token())
    issuer.gate.clear()
    waiting = [asyncio.create_task(asking.averify(token)) for _ in range(50)]
    for _ in range(20):
        await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    issuer.gate.set()

    found = await asyncio.gather(*waiting[1:])

    assert {one.subject for one in found} == {"alice"}
    assert issuer.count(INTROSPECT) == 1


def test_many_threads_with_one_token_ask_once(issuer: Issuer, asking: Verifier) -> None:
    warm = _active(issuer, issuer.token(jti="warm"))
    asking.verify(warm)
    token = _active(issuer, issuer.token())
    issuer.gate.clear()
    with ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(asking.verify, token) for _ in range(16)]
        _until_they_wait(asking, 15)
        issuer.gate.set()

        assert {done.result().subject for done in waiting} == {"alice"}

    assert issuer.count(INTROSPECT) == 2


def _until_they_wait(verifier: Verifier, count: int) -> None:
    """Until so many threads wait for the one that asks, at most ten seconds."""
    assert verifier._introspector is not None
    flights = verifier._introspector._flights._flights
    deadline = time.monotonic() + 10
    waiting: Any = {}
    while sum(len(flight._result._condition._waiters) for flight in waiting.values()) < count:
        assert time.monotonic() < deadline
        threading.Event().wait(0.001)
        waiting = dict(flights)


def test_the_secret_can_not_be_seen() -> None:
    assert "plain" not in repr(_options(client_secret="plain"))
