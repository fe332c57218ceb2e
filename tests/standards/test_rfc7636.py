"""RFC 7636, Proof Key for Code Exchange."""

from __future__ import annotations

import httpx
import pytest

from tests.oauth.flows import AUTHORIZE, CALLBACK, Pkce, authorization_query, code_of, query_of
from tests.standards.parties import Party, assert_refused, digest


async def _refusal(client: httpx.AsyncClient, **changes: str | None) -> dict[str, str]:
    answer = await client.get(f"{AUTHORIZE}?{authorization_query('portal', Pkce(), **changes)}")
    assert answer.status_code == 303, answer.text
    return query_of(answer.headers["location"])


@pytest.mark.parametrize("length", [43, 128])
async def test_a_verifier_has_43_to_128_unreserved_signs(
    client: httpx.AsyncClient, portal: Party, length: int
) -> None:
    """§4.1: [A-Z] / [a-z] / [0-9] / "-" / "." / "_" / "~", 43 to 128 of them."""
    pkce = Pkce(("aZ09-._~" * 16)[:length])

    answer = await portal.redeem(client, await code_of(client, "portal", pkce), pkce)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "verifier", ["a" * 42, "a" * 129, "a" * 42 + "+", "a" * 42 + " ", "é" * 43]
)
async def test_a_verifier_of_another_form_is_refused(
    client: httpx.AsyncClient, portal: Party, verifier: str
) -> None:
    """§4.1: though its hash be the challenge."""
    pkce = Pkce(verifier)
    code = await code_of(client, "portal", pkce)

    assert_refused(await portal.redeem(client, code, pkce), "invalid_grant")


async def test_the_example_of_the_appendix_works(client: httpx.AsyncClient, portal: Party) -> None:
    """Appendix B."""
    pkce = Pkce("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")

    code = await code_of(
        client, "portal", pkce, code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )

    assert (await portal.redeem(client, code, pkce)).status_code == 200


async def test_a_code_does_not_hold_its_challenge(client: httpx.AsyncClient, portal: Party) -> None:
    """§4.4: the challenge MUST NOT be in a form that others could extract from the code."""
    pkce = Pkce()

    code = await code_of(client, "portal", pkce)

    assert code not in (pkce.challenge, digest(pkce.challenge))
    assert digest(code) != pkce.challenge


async def test_a_missing_challenge_is_told_the_client(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§4.4.1: the server MUST answer invalid_request, and SHOULD say why."""
    told = await _refusal(client, code_challenge=None)

    assert (told["error"], told["state"]) == ("invalid_request", "xyz")
    assert "code_challenge" in told["error_description"]


@pytest.mark.parametrize("method", ["plain", "s256", "S512", None])
async def test_no_other_method_than_s256_is_taken(
    client: httpx.AsyncClient, portal: Party, method: str | None
) -> None:
    """§4.4.1: a transformation that is not supported MUST be an invalid_request; §4.3: no method
    would mean plain, which §7.2 says SHOULD NOT be used in new implementations."""
    told = await _refusal(client, code_challenge_method=method)

    assert told["error"] == "invalid_request"
    assert "S256" in told["error_description"]


@pytest.mark.parametrize("challenge", ["a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "+"])
async def test_a_challenge_is_a_sha_256_in_base64url(
    client: httpx.AsyncClient, portal: Party, challenge: str
) -> None:
    """§4.2: BASE64URL-ENCODE(SHA256(ASCII(code_verifier))), without padding."""
    assert (await _refusal(client, code_challenge=challenge))["error"] == "invalid_request"


async def test_a_wrong_verifier_is_an_invalid_grant(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§4.6: if the values are not equal, invalid_grant MUST be returned."""
    code = await code_of(client, "portal", Pkce())

    assert_refused(await portal.redeem(client, code, Pkce()), "invalid_grant")


async def test_the_challenge_itself_is_no_verifier(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§7.2, §7.5: who has seen the challenge alone gets nothing, also not by way of plain."""
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)

    answer = await portal.redeem(client, code, Pkce(pkce.challenge))

    assert_refused(answer, "invalid_grant")


@pytest.mark.parametrize("confidential", [False, True])
async def test_a_missing_verifier_is_refused(
    client: httpx.AsyncClient, portal: Party, backend: Party, confidential: bool
) -> None:
    """§4.5: code_verifier REQUIRED, of clients that prove themselves otherwise as well."""
    party = backend if confidential else portal
    code = await code_of(client, party.client_id, Pkce())

    answer = await party.token(client, "authorization_code", code=code, redirect_uri=CALLBACK)

    assert_refused(answer, "invalid_request")


async def test_one_try_with_a_wrong_verifier_does_not_spend_the_code(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§1: an interceptor must not be able to use the code, nor to take it from its client."""
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)
    await portal.redeem(client, code, Pkce())

    assert (await portal.redeem(client, code, pkce)).status_code == 200
