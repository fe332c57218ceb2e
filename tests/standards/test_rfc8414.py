"""RFC 8414, Authorization Server Metadata: what it says is there, and behaves so."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.oauth.flows import AUTHORIZE, Pkce, authorization_query, query_of
from tests.standards.parties import ISSUER, Holder, Party, served
from tests.world import FakeClock, World
from vestibule.clients.models import ClientKind, Grant
from vestibule.settings import Settings

METADATA = "/.well-known/oauth-authorization-server"


async def _metadata(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get(METADATA)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


async def test_metadata_is_json_at_the_well_known_address(client: httpx.AsyncClient) -> None:
    """§3, §3.2: GET, 200, application/json."""
    answer = await client.get(METADATA)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


async def test_the_issuer_is_the_one_whose_document_this_is(client: httpx.AsyncClient) -> None:
    """§3.3: issuer MUST be identical to the identifier that the address was made of."""
    assert (await _metadata(client))["issuer"] == ISSUER


async def test_an_issuer_has_no_query_and_no_fragment(settings: Settings, clock: FakeClock) -> None:
    """§2: a URL with the https scheme that has no query or fragment components."""
    async with served(settings, clock, issuer="https://id.example.org/") as (client, _):
        told = await _metadata(client)

    assert told["issuer"] == "https://id.example.org"
    assert told["token_endpoint"] == "https://id.example.org/oauth2/token"
    for bad in ("https://id.example.org?a=b", "https://id.example.org#a", "id.example.org"):
        with pytest.raises(ValueError, match="issuer"):
            Settings(issuer=bad)


async def test_what_is_required_is_there(client: httpx.AsyncClient) -> None:
    """§2: issuer, authorization_endpoint, token_endpoint, response_types_supported REQUIRED."""
    told = await _metadata(client)

    assert {
        "issuer", "authorization_endpoint", "token_endpoint", "jwks_uri",
        "response_types_supported", "grant_types_supported",
    } <= set(told)  # fmt: skip


async def test_no_list_is_empty(client: httpx.AsyncClient) -> None:
    """§3.2: claims with zero elements MUST be omitted."""
    told = await _metadata(client)

    assert all(value for value in told.values() if isinstance(value, list))
    assert None not in told.values()


@pytest.mark.parametrize(
    "name",
    [
        "authorization_endpoint",
        "token_endpoint",
        "device_authorization_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
    ],
)
async def test_every_address_answers(client: httpx.AsyncClient, name: str) -> None:
    """§2: URL of the endpoint."""
    url = (await _metadata(client))[name]
    path = urlsplit(url).path

    answers = [await client.get(path), await client.post(path)]

    assert url.startswith(ISSUER)
    assert 404 not in {answer.status_code for answer in answers}
    assert any(answer.status_code != 405 for answer in answers)
    assert all(answer.status_code < 500 for answer in answers)


async def test_no_address_is_left_out(client: httpx.AsyncClient) -> None:
    """§2: what the test above goes through is all that there is."""
    told = await _metadata(client)

    addresses = {
        name for name in told if name.endswith(("_endpoint", "_uri")) and name != "op_policy_uri"
    }
    assert len(addresses) == 7


@pytest.mark.parametrize("grant", [*Grant, "implicit"])
async def test_the_grants_that_it_names_are_those_that_there_are(
    client: httpx.AsyncClient, backend: Party, grant: str
) -> None:
    """§2: grant_types_supported."""
    named = grant in (await _metadata(client))["grant_types_supported"]

    error = (await backend.token(client, grant, scope="x")).json().get("error")

    assert (error != "unsupported_grant_type") is named


@pytest.mark.parametrize("kind", ["code", "token", "id_token", "code id_token"])
async def test_the_response_types_that_it_names_are_those_that_there_are(
    client: httpx.AsyncClient, portal: Party, kind: str
) -> None:
    """§2: response_types_supported."""
    named = kind in (await _metadata(client))["response_types_supported"]

    query = authorization_query("portal", Pkce(), response_type=kind, prompt="none")
    told = query_of((await client.get(f"{AUTHORIZE}?{query}")).headers["location"])

    assert (told["error"] == "login_required") is named


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
async def test_the_response_modes_that_it_names_are_those_that_there_are(
    client: httpx.AsyncClient, portal: Party, mode: str
) -> None:
    """§2: response_modes_supported."""
    named = mode in (await _metadata(client))["response_modes_supported"]

    query = authorization_query("portal", Pkce(), response_mode=mode, prompt="none")
    told = query_of((await client.get(f"{AUTHORIZE}?{query}")).headers["location"])

    assert (told["error"] == "login_required") is named


@pytest.mark.parametrize("method", ["S256", "plain"])
async def test_the_challenge_methods_that_it_names_are_those_that_there_are(
    client: httpx.AsyncClient, portal: Party, method: str
) -> None:
    """§2: code_challenge_methods_supported."""
    named = method in (await _metadata(client))["code_challenge_methods_supported"]

    query = authorization_query("portal", Pkce(), code_challenge_method=method, prompt="none")
    told = query_of((await client.get(f"{AUTHORIZE}?{query}")).headers["location"])

    assert (told["error"] == "login_required") is named


@pytest.mark.parametrize("endpoint", ["token", "introspection", "revocation"])
@pytest.mark.parametrize(
    "method", ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
)
async def test_the_authentication_methods_that_it_names_are_those_that_there_are(
    client: httpx.AsyncClient,
    world: World,
    portal: Party,
    backend: Party,
    holder: Holder,
    endpoint: str,
    method: str,
) -> None:
    """§2: …_endpoint_auth_methods_supported."""
    await world.client(
        "signer", kind=ClientKind.CONFIDENTIAL, grants=[Grant.CLIENT_CREDENTIALS],
        jwks={"keys": [holder.public]},
    )  # fmt: skip
    told = await _metadata(client)
    headers = backend.headers if method == "client_secret_basic" else {}
    fields = {
        "client_secret_basic": {},
        "client_secret_post": {"client_id": "backend", "client_secret": backend.secret},
        "private_key_jwt": holder.assertion("signer"),
        "none": {"client_id": "portal"},
    }[method]

    answer = await client.post(
        urlsplit(told[f"{endpoint}_endpoint"]).path,
        data={"grant_type": "refresh_token", "refresh_token": "x", "token": "x", **fields},
        headers=headers,
    )

    taken = answer.status_code == 200 or answer.json()["error"] == "invalid_grant"
    if endpoint == "token" and method == "private_key_jwt":
        taken = answer.json()["error"] == "unauthorized_client"  # it is known, but for one grant
    assert taken is (method in told[f"{endpoint}_endpoint_auth_methods_supported"])


async def test_signing_algorithms_are_named_and_none_is_not_among_them(
    client: httpx.AsyncClient,
) -> None:
    """§2: MUST be present where private_key_jwt is, and "none" MUST NOT be used."""
    told = await _metadata(client)

    for endpoint in ("token", "introspection", "revocation"):
        algorithms = told[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert algorithms
        assert "none" not in algorithms
        assert not any(algorithm.startswith("HS") for algorithm in algorithms)


async def test_the_keys_are_public_and_for_signatures(client: httpx.AsyncClient) -> None:
    """§2, jwks_uri: the keys that clients validate signatures with."""
    keys = (await client.get(urlsplit((await _metadata(client))["jwks_uri"]).path)).json()["keys"]

    assert keys
    for key in keys:
        assert {"kty", "kid", "use", "alg"} <= set(key)
        assert key["use"] == "sig"
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key)
