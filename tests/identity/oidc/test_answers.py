"""What is believed of a provider's answers, and what is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from joserfc.jwk import ECKey
from pydantic import SecretStr

from tests.identity.oidc.provider import CLIENT_ID, Provider, provider
from tests.world import FakeClock
from vestibule.errors import BadGateway
from vestibule.identity.connector import Approach, Busy, Profile
from vestibule.identity.oidc.configuration import OidcConfiguration
from vestibule.identity.oidc.connector import OidcConnector

PASSWORD = SecretStr("secret")
APPROACH = Approach(redirect_uri="https://us.example/cb", state="s", nonce="n", verifier="v" * 43)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_800_000_000)


@pytest.fixture
async def there() -> AsyncIterator[Provider]:
    async with provider() as made:
        yield made


def connector(there: Provider, clock: FakeClock, **fields: Any) -> OidcConnector:
    values = {
        "kind": "oidc", "issuer": there.url, "client_id": CLIENT_ID, "password_grant": True,
        **fields,
    }  # fmt: skip
    return OidcConnector(OidcConfiguration.model_validate(values), clock=clock)


async def asked(there: Provider, clock: FakeClock, **fields: Any) -> Profile | None:
    one = connector(there, clock, **fields)
    try:
        return await one.authenticate("ann", PASSWORD)
    finally:
        await one.close()


async def arrived(there: Provider, clock: FakeClock, issuer: str | None = None) -> Profile | None:
    one = connector(there, clock)
    try:
        return await one.arrived(APPROACH, code="c", issuer=issuer)
    finally:
        await one.close()


@pytest.mark.parametrize(
    ("claims", "header"),
    [
        ({}, {}),
        ({}, {"typ": None}),
        ({}, {"kid": None}),
        ({"aud": [CLIENT_ID]}, {}),
        ({"aud": [CLIENT_ID, "other"], "azp": CLIENT_ID}, {}),
        ({"exp": 1_800_000_000 - 59}, {}),
        ({"iat": 1_800_000_000 + 60}, {}),
    ],
)
async def test_a_good_id_token_brings_the_person(
    there: Provider, clock: FakeClock, claims: dict[str, Any], header: dict[str, Any]
) -> None:
    there.tells(there.sign(there.claims(clock.now, **claims), **header))

    profile = await asked(there, clock)

    assert profile is not None
    assert (profile.subject, profile.username) == ("ann", "ann")
    assert not profile.email_verified  # nobody said so
    assert "/userinfo" not in there.asked


@pytest.mark.parametrize(
    ("claims", "header"),
    [
        ({"iss": "https://mallory.example"}, {}),
        ({"aud": "other"}, {}),
        ({"aud": None}, {}),
        ({"aud": [CLIENT_ID, "other"]}, {}),
        ({"azp": "other"}, {}),
        ({"exp": 1_800_000_000 - 60}, {}),
        ({"exp": None}, {}),
        ({"exp": True}, {}),
        ({"iat": None}, {}),
        ({"iat": 1_800_000_000 + 61}, {}),
        ({"nbf": 1_800_000_000 + 61}, {}),
        ({}, {"alg": "none"}),
        ({}, {"alg": "HS256"}),
        ({}, {"kid": "unknown"}),
        ({}, {"typ": "at+jwt"}),
        ({}, {"jku": "https://mallory.example/keys"}),
        ({"sub": None}, {}),
        ({"sub": ""}, {}),
    ],
)
async def test_a_bad_one_is_the_providers_fault(
    there: Provider, clock: FakeClock, claims: dict[str, Any], header: dict[str, Any]
) -> None:
    there.tells(there.sign(there.claims(clock.now, **claims), **header))

    with pytest.raises(BadGateway):
        await asked(there, clock)


async def test_one_that_another_key_has_signed_is_not_believed(
    there: Provider, clock: FakeClock
) -> None:
    published = there.key
    there.key = ECKey.generate_key("P-256", {"kid": "one"})
    there.tells(there.sign(there.claims(clock.now)))
    there.key = published

    with pytest.raises(BadGateway):
        await asked(there, clock)


async def test_a_new_key_is_looked_for_but_not_at_every_token(
    there: Provider, clock: FakeClock
) -> None:
    one = connector(there, clock)
    there.tells(there.sign(there.claims(clock.now)))
    assert await one.authenticate("ann", PASSWORD) is not None
    there.key = ECKey.generate_key("P-256", {"kid": "two"})
    there.answers["/keys"] = {"keys": [there.key.as_dict(private=False)]}
    there.tells(there.sign(there.claims(clock.now), kid="two"))

    for _ in range(3):
        with pytest.raises(BadGateway):
            await one.authenticate("ann", PASSWORD)
    before = there.asked.count("/keys")
    clock.advance(10)
    found = await one.authenticate("ann", PASSWORD)
    await one.close()

    assert before == 1
    assert found is not None


@pytest.mark.parametrize("nonce", [None, "another", 7])
async def test_in_a_browser_the_nonce_must_fit(
    there: Provider, clock: FakeClock, nonce: object
) -> None:
    there.tells(there.sign(there.claims(clock.now, nonce=nonce)))

    with pytest.raises(BadGateway):
        await arrived(there, clock)


async def test_in_a_browser_an_id_token_must_come(there: Provider, clock: FakeClock) -> None:
    there.answers["/userinfo"] = {"sub": "ann", "preferred_username": "ann"}
    there.tells(None)

    with pytest.raises(BadGateway):
        await arrived(there, clock)


@pytest.mark.parametrize("issuer", [None, "https://mallory.example"])
async def test_a_code_of_another_provider_is_not_handed_over(
    there: Provider, clock: FakeClock, issuer: str | None
) -> None:
    metadata = there.answers["/.well-known/openid-configuration"]
    metadata["authorization_response_iss_parameter_supported"] = True
    there.tells(there.sign(there.claims(clock.now)))

    assert await arrived(there, clock, issuer=issuer) is None
    assert "/token" not in there.asked
    assert await arrived(there, clock, issuer=there.url) is not None


async def test_what_is_missing_is_asked_of_userinfo_about_the_same_person(
    there: Provider, clock: FakeClock
) -> None:
    there.tells(there.sign(there.claims(clock.now, preferred_username=None)))
    there.answers["/userinfo"] = {
        "sub": "ann", "preferred_username": "annie", "email": "a@corp.example",
        "email_verified": True, "groups": ["one", 2, "three"],
    }  # fmt: skip

    profile = await asked(there, clock, groups_claim="groups")
    there.answers["/userinfo"]["sub"] = "somebody else"

    assert profile is not None
    assert (profile.username, profile.email_verified) == ("annie", True)
    assert profile.groups == {"one", "three"}
    with pytest.raises(BadGateway):
        await asked(there, clock)


async def test_oauth_alone_is_enough_where_it_is_configured_so(
    there: Provider, clock: FakeClock
) -> None:
    metadata = there.answers.pop("/.well-known/openid-configuration")
    there.answers["/.well-known/oauth-authorization-server"] = metadata
    there.answers["/userinfo"] = {"id": 42, "login": "ann"}
    there.tells(None)

    profile = await asked(there, clock, scopes=["user"], subject_claim="id", username_claim="login")

    assert profile is not None
    assert (profile.subject, profile.username) == ("42", "ann")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((400, {"error": "invalid_grant"}), None),
        ((401, {"error": "invalid_grant"}), None),
        ((403, {"error": "access_denied"}), None),
        ((401, {"error": "invalid_client"}), BadGateway),
        ((400, {"error": "unsupported_grant_type"}), BadGateway),
        ((500, {"error": "invalid_grant"}), BadGateway),
        ((429, {}), Busy),
        ((302, {}), BadGateway),
        ((200, {}), BadGateway),
        ((200, b"<html>"), BadGateway),
        ((200, b"[]"), BadGateway),
        ((200, b'{"a": 1, "a": 2}'), BadGateway),
        ((200, b'{"a": "' + b"x" * 300_000 + b'"}'), BadGateway),
        ((200, {"access_token": "a\r\nb"}), BadGateway),
        ((200, {"access_token": 7}), BadGateway),
    ],
)
async def test_each_answer_of_the_token_endpoint_means_what_it_should(
    there: Provider, clock: FakeClock, answer: object, outcome: type[Exception] | None
) -> None:
    there.answers["/token"] = answer

    if outcome is None:
        assert await asked(there, clock) is None
    else:
        with pytest.raises(outcome):
            await asked(there, clock)


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://mallory.example"},
        {"token_endpoint": None},
        {"token_endpoint": "http://mallory.example/token"},
        {"token_endpoint": "http://127.0.0.1:1/a\r\nb"},
        {"jwks_uri": None},
    ],
)
async def test_metadata_that_leads_elsewhere_is_not_followed(
    there: Provider, clock: FakeClock, change: dict[str, Any]
) -> None:
    there.answers["/.well-known/openid-configuration"].update(change)
    there.tells(there.sign(there.claims(clock.now)))

    with pytest.raises(BadGateway):
        await asked(there, clock)


async def test_without_a_password_nobody_is_asked(there: Provider, clock: FakeClock) -> None:
    one = connector(there, clock)

    assert await one.authenticate("ann", SecretStr("")) is None
    assert await one.authenticate("", PASSWORD) is None

    assert there.asked == []
