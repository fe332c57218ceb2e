"""The issuer's keys: fetched once for all, renewed, rotated, and kept through an outage."""

from __future__ import annotations

import asyncio
import gzip
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey

from tests.verify.issuer import ISSUER, Issuer, b64, public, signed
from tests.waiting import wait_until
from tests.world import FakeClock
from vestibule.verify import InvalidToken, KeysUnavailable, Verifier

JWKS = "jwks"


async def _settled() -> None:
    """Let the tasks that are under way end."""
    for _ in range(50):
        await asyncio.sleep(0)


def _add_key(issuer: Issuer, kid: str) -> None:
    issuer.keys[kid] = ECKey.generate_key("P-256")


def test_keys_are_found_by_metadata_and_fetched_once(issuer: Issuer, verifier: Verifier) -> None:
    for number in range(20):
        verifier.verify(issuer.token(jti=str(number)))

    assert issuer.asked == ["/.well-known/oauth-authorization-server", "/.well-known/jwks.json"]


def test_metadata_of_an_issuer_with_a_path_stand_before_the_path(issuer: Issuer) -> None:
    verifier = issuer.verifier(issuer=f"{ISSUER}/one")

    with pytest.raises(KeysUnavailable):
        verifier.verify(issuer.token())

    assert issuer.asked == ["/.well-known/oauth-authorization-server/one"]


def test_given_keys_need_no_metadata(issuer: Issuer) -> None:
    verifier = issuer.verifier(jwks_uri=f"{ISSUER}/.well-known/jwks.json")

    verifier.verify(issuer.token())

    assert issuer.asked == ["/.well-known/jwks.json"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": ISSUER + "/"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": 7},
        {"jwks_uri": "http://auth.example.org/.well-known/jwks.json"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://[/"},
    ],
    ids=str,
)
async def test_metadata_that_can_not_be_believed_give_no_keys(
    clock: FakeClock, metadata: dict[str, object]
) -> None:
    issuer = Issuer(clock, metadata=metadata)

    with pytest.raises(KeysUnavailable):
        issuer.verifier().verify(issuer.token())
    with pytest.raises(KeysUnavailable):
        await issuer.verifier().averify(issuer.token())


# Rotation


def test_a_rotated_key_is_fetched_when_it_is_first_seen(issuer: Issuer, verifier: Verifier) -> None:
    verifier.verify(issuer.token())
    _add_key(issuer, "second")

    found = verifier.verify(issuer.token(kid="second"))

    assert found.subject == "alice"
    assert issuer.count(JWKS) == 2
    assert verifier.verify(issuer.token(kid="first"))


async def test_a_flood_of_made_up_names_is_no_flood_of_requests(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    verifier.verify(issuer.token())
    key = issuer.keys["first"]

    for second in range(10):
        for number in range(50):
            kid = f"made-up-{second}-{number}"
            forged = signed({"alg": "ES256", "typ": "at+jwt", "kid": kid}, issuer.claims(), key)
            with pytest.raises(InvalidToken):
                verifier.verify(forged)
            with pytest.raises(InvalidToken):
                await verifier.averify(forged)
        clock.advance(1)

    # At 0 and 5 seconds.
    assert issuer.count(JWKS) == 1 + 2
    _add_key(issuer, "second")
    assert verifier.verify(issuer.token(kid="second"))


def test_a_key_that_left_verifies_nothing_also_what_it_has_verified(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    _add_key(issuer, "second")
    tokens = {kid: issuer.token(kid=kid) for kid in issuer.keys}
    for token in tokens.values():
        verifier.verify(token)

    del issuer.keys["first"]
    clock.advance(301)

    for _ in range(2):
        with pytest.raises(InvalidToken):
            verifier.verify(tokens["first"])
    assert verifier.verify(tokens["second"])


def test_what_a_key_has_verified_is_still_known_when_it_is_renewed(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    token = issuer.token()
    found = verifier.verify(token)

    clock.advance(301)
    verifier.verify(issuer.token(jti="another"))

    assert issuer.count(JWKS) == 2
    assert verifier.verify(token) is found


def test_a_key_that_was_replaced_under_its_name_verifies_nothing_more(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    token = issuer.token()
    verifier.verify(token)

    _add_key(issuer, "first")
    clock.advance(301)

    for _ in range(2):
        with pytest.raises(InvalidToken):
            verifier.verify(token)
        assert verifier.verify(issuer.token())


# Freshness


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Cache-Control": "max-age=300"}, 300),
        ({"Cache-Control": "public, max-age=600, immutable"}, 600),
        ({"Cache-Control": "s-maxage=9, max-age=600"}, 600),
        ({"Cache-Control": "max-age=600", "Age": "200"}, 400),
        ({"Cache-Control": "max-age=600", "Age": "x"}, 600),
        ({}, 300),
        ({"Cache-Control": "no-store"}, 30),
        ({"Cache-Control": "no-cache, max-age=600"}, 30),
        ({"Cache-Control": "max-age=0"}, 30),
        ({"Cache-Control": "max-age=99999999"}, 3600),
    ],
    ids=str,
)
def test_keys_are_fresh_as_long_as_the_issuer_says_within_bounds(
    clock: FakeClock, headers: dict[str, str], seconds: int
) -> None:
    issuer = Issuer(clock, headers=headers)
    verifier = issuer.verifier()
    token = issuer.token(exp=int(clock.now) + 86400)
    verifier.verify(token)

    clock.advance(0.79 * seconds)
    verifier.verify(token)
    assert issuer.count(JWKS) == 1
    clock.advance(0.21 * seconds + 0.1)
    verifier.verify(token)

    assert issuer.count(JWKS) == 2


def test_threads_renew_keys_in_the_background_before_their_time_is_over(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    token = issuer.token()
    verifier.verify(token)
    clock.advance(250)
    issuer.gate.clear()

    for number in range(5):
        assert verifier.verify(token)
        assert verifier.verify(issuer.token(jti=str(number)))

    wait_until(lambda: issuer.count(JWKS) == 2)
    issuer.gate.set()
    assert issuer.count(JWKS) == 2


async def test_tasks_renew_keys_in_the_background_before_their_time_is_over(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    token = issuer.token()
    await verifier.averify(token)
    clock.advance(250)
    issuer.gate.clear()

    for number in range(5):
        assert await verifier.averify(token)
        assert await verifier.averify(issuer.token(jti=str(number)))

    assert issuer.count(JWKS) == 1
    issuer.gate.set()
    await _settled()
    assert issuer.count(JWKS) == 2
    clock.advance(200)
    assert await verifier.averify(token)
    assert issuer.count(JWKS) == 2


# Outages


def test_old_keys_serve_for_a_bounded_time_while_the_issuer_is_away(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    token = issuer.token(exp=int(clock.now) + 86400)
    verifier.verify(token)
    issuer.broken = True

    clock.advance(300 + 3599)
    assert verifier.verify(token)
    assert verifier.verify(issuer.token(jti="new"))
    clock.advance(1)
    with pytest.raises(KeysUnavailable):
        verifier.verify(token)

    issuer.broken = False
    clock.advance(5)
    assert verifier.verify(token)


def test_an_issuer_that_is_away_is_asked_at_most_every_five_seconds(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    token = issuer.token()
    verifier.verify(token)
    issuer.broken = True
    clock.advance(301)
    asked = len(issuer.asked)

    for second in range(10):
        for number in range(10):
            assert verifier.verify(token)
            assert verifier.verify(issuer.token(jti=f"{second} {number}"))
        clock.advance(1)

    assert len(issuer.asked) - asked == 2


def test_an_issuer_that_never_answered_is_asked_at_most_every_five_seconds(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    issuer.broken = True

    for _ in range(10):
        for _ in range(10):
            with pytest.raises(KeysUnavailable):
                verifier.verify(issuer.token())
        clock.advance(1)

    assert len(issuer.asked) == 2
    issuer.broken = False
    assert verifier.verify(issuer.token())


def test_while_the_issuer_is_away_an_unknown_key_is_no_forgery(
    issuer: Issuer, verifier: Verifier
) -> None:
    verifier.verify(issuer.token())
    _add_key(issuer, "second")
    issuer.broken = True

    for _ in range(2):
        with pytest.raises(KeysUnavailable) as refused:
            verifier.verify(issuer.token(kid="second"))

    assert refused.value.status == 503
    assert refused.value.headers()["Retry-After"] == "5"
    assert refused.value.challenge() is None
    assert verifier.verify(issuer.token(kid="first"))


def test_an_endpoint_that_moved_is_found_again(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    token = issuer.token()
    verifier.verify(token)
    asked = issuer.asked
    issuer.metadata["jwks_uri"] = f"{ISSUER}/moved/.well-known/jwks.json"
    issuer.broken = True
    clock.advance(301)
    verifier.verify(token)
    issuer.broken = False

    clock.advance(6)
    verifier.verify(token)

    assert asked[-1] == "/moved/.well-known/jwks.json"


# What is served


def test_a_document_that_is_no_set_of_keys_changes_nothing(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    token = issuer.token()
    verifier.verify(token)
    usable = public(issuer.keys["first"], "first")
    documents = [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [7, null, {}]}',
        b'{"keys": [], "keys": [%s]}' % json.dumps(usable).encode(),
        json.dumps({"keys": [{**usable, "kid": str(n)} for n in range(65)]}).encode(),
        json.dumps({"keys": [usable], "padding": "x" * 300_000}).encode(),
        b'{"keys": ' + b"[" * 100_000,
    ]

    for document in documents:
        issuer.jwks = document
        clock.advance(301)
        assert verifier.verify(issuer.token(jti=str(clock.now)))
        with pytest.raises(KeysUnavailable):
            issuer.verifier().verify(issuer.token())


def test_keys_that_may_not_verify_are_passed_over(issuer: Issuer) -> None:
    secret = OctKey.generate_key(256)
    ours = issuer.keys["first"]
    weak = {"kty": "RSA", "n": b64(b"\xff" * 128), "e": "AQAB", "kid": "weak"}
    other_curve = ECKey.generate_key("P-384")
    entries = {
        "private": {**ours.as_dict(private=True), "kid": "private"},
        "a secret": {**secret.as_dict(private=True), "kid": "a secret"},
        "weak": weak,
        "to encrypt": {**public(ours, "encrypt"), "use": "enc"},
        "of another algorithm": {**public(ours, "other"), "alg": "ES384"},
        "of an algorithm for secrets": {**public(ours, "hs"), "alg": "HS256"},
        "of another curve": {**other_curve.as_dict(private=False), "kid": "curve"},
        "off the curve": {**public(ours, "off"), "x": public(ours, "off")["y"]},
        "without a name": {k: v for k, v in public(ours, "x").items() if k != "kid"},
        "with an odd name": {**public(ours, "x"), "kid": ["x"]},
        "of an odd kind": {**public(ours, "x"), "kty": ["EC"]},
        "of an odd algorithm": {**public(ours, "x"), "alg": ["ES256"]},
    }
    for what, entry in entries.items():
        issuer.jwks = json.dumps({"keys": [entry]}).encode()
        with pytest.raises(KeysUnavailable):
            pytest.fail(f"a key {what}: {issuer.verifier().verify(issuer.token())}")

    issuer.jwks = json.dumps({"keys": [*entries.values(), public(ours, "first")]}).encode()
    assert issuer.verifier().verify(issuer.token())


def test_redirects_and_compressed_answers_are_not_followed(issuer: Issuer) -> None:
    jwks = json.dumps({"keys": [public(issuer.keys["first"], "first")]}).encode()
    answers = [
        httpx.Response(302, headers={"Location": f"{ISSUER}/.well-known/jwks.json"}),
        httpx.Response(200, content=gzip.compress(jwks), headers={"Content-Encoding": "gzip"}),
    ]
    for answer in answers:
        asked = []

        def respond(request: httpx.Request, answer: httpx.Response = answer) -> httpx.Response:
            asked.append(request.url.path)  # noqa: B023
            return answer

        verifier = issuer.verifier(
            jwks_uri=f"{ISSUER}/moved",
            client=httpx.Client(transport=httpx.MockTransport(respond), follow_redirects=True),
        )
        with pytest.raises(KeysUnavailable):
            verifier.verify(issuer.token())
        assert asked == ["/moved"]


# One flight


def test_many_threads_wait_for_one_fetch(issuer: Issuer, verifier: Verifier) -> None:
    issuer.gate.clear()
    with ThreadPoolExecutor(32) as pool:
        waiting = [
            pool.submit(verifier.verify, issuer.token(jti=str(number))) for number in range(32)
        ]
        wait_until(lambda: len(issuer.asked) == 1)
        issuer.gate.set()

        assert {done.result().subject for done in waiting} == {"alice"}

    assert issuer.count(JWKS) == 1


async def test_many_tasks_wait_for_one_fetch(issuer: Issuer, verifier: Verifier) -> None:
    issuer.gate.clear()
    waiting = [
        asyncio.create_task(verifier.averify(issuer.token(jti=str(number))))
        for number in range(200)
    ]
    await _settled()
    issuer.gate.set()

    found = await asyncio.gather(*waiting)

    assert {token.subject for token in found} == {"alice"}
    assert issuer.count(JWKS) == 1


async def test_who_waits_may_give_up_and_the_others_still_get_their_answer(
    issuer: Issuer, verifier: Verifier
) -> None:
    issuer.gate.clear()
    first, second, third = (asyncio.create_task(verifier.averify(issuer.token())) for _ in range(3))
    await _settled()

    first.cancel()
    second.cancel()
    await _settled()
    issuer.gate.set()

    assert (await third).subject == "alice"
    assert first.cancelled()
    assert second.cancelled()
    assert issuer.count(JWKS) == 1


async def test_threads_and_tasks_wait_for_the_same_fetch(
    issuer: Issuer, verifier: Verifier
) -> None:
    issuer.gate.clear()
    threads = [
        asyncio.create_task(asyncio.to_thread(verifier.verify, issuer.token(jti=f"t{n}")))
        for n in range(4)
    ]
    await asyncio.to_thread(wait_until, lambda: len(issuer.asked) == 1)
    tasks = [asyncio.create_task(verifier.averify(issuer.token(jti=f"a{n}"))) for n in range(4)]
    await _settled()
    issuer.gate.set()

    found = await asyncio.gather(*threads, *tasks)

    assert {token.subject for token in found} == {"alice"}
    assert issuer.count(JWKS) == 1


def test_a_verifier_serves_one_event_loop_after_the_other(issuer: Issuer) -> None:
    verifier = issuer.verifier()

    for number in range(3):
        assert asyncio.run(verifier.averify(issuer.token(jti=str(number)))).subject == "alice"

    assert issuer.count(JWKS) == 1


async def test_closing_ends_what_is_under_way(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    await verifier.averify(issuer.token())
    clock.advance(250)
    issuer.gate.clear()
    await verifier.averify(issuer.token())

    await verifier.aclose()

    assert len(asyncio.all_tasks()) == 1
