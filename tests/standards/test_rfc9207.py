"""RFC 9207, Authorization Server Issuer Identification."""

from __future__ import annotations

import httpx
import pytest

from tests.oauth.flows import AUTHORIZE, Pkce, authorization_query, authorize, query_of
from tests.standards.parties import ISSUER, Party


async def test_iss_comes_with_a_code(client: httpx.AsyncClient, portal: Party) -> None:
    """§2: the server MUST indicate its identity in successful responses."""
    location = await authorize(client, "portal", Pkce())

    assert query_of(location)["iss"] == ISSUER
    assert location.count("iss=") == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"response_type": "token"},
        {"scope": "admin"},
        {"prompt": "none"},
        {"code_challenge": None},
        {"request": "x.y.z"},
    ],
)
async def test_iss_comes_with_an_error(
    client: httpx.AsyncClient, portal: Party, changes: dict[str, str | None]
) -> None:
    """§2: including error responses."""
    answer = await client.get(f"{AUTHORIZE}?{authorization_query('portal', Pkce(), **changes)}")

    told = query_of(answer.headers["location"])
    assert told["iss"] == ISSUER
    assert told["error"]


async def test_iss_is_the_issuer_of_the_metadata(client: httpx.AsyncClient, portal: Party) -> None:
    """§2.3, §3: identical to the metadata's issuer, which says that iss is supported."""
    told = (await client.get("/.well-known/oauth-authorization-server")).json()

    location = await authorize(client, "portal", Pkce())

    assert query_of(location)["iss"] == told["issuer"]
    assert told["authorization_response_iss_parameter_supported"] is True


async def test_an_iss_in_the_request_is_not_echoed(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§4: what tells servers apart must not be for an attacker to choose."""
    location = await authorize(client, "portal", Pkce(), iss="https://evil.example")

    assert query_of(location)["iss"] == ISSUER
