# ruff: noqa: B008  (the way that FastAPI declares dependencies)
"""A token as a FastAPI dependency."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.verify.issuer import API_KEY, Holder, Issuer
from vestibule.verify import AccessToken, IntrospectionOptions, Verifier, VerifyError
from vestibule.verify.asgi import ProtectMiddleware
from vestibule.verify.fastapi import Protect

BASE = "https://api.example.org"


def _application(verifier: Verifier, **options: Any) -> FastAPI:
    app = FastAPI()
    protect = Protect(verifier, **options)

    @app.get("/projects")
    async def projects(token: AccessToken = Depends(protect)) -> str:
        return token.subject

    @app.post("/projects")
    async def create(
        token: AccessToken = Depends(protect.scopes("projects:write")),
    ) -> str:
        return token.subject

    @app.delete("/projects")
    async def delete(
        token: AccessToken = Depends(protect.scopes("projects:delete", "admin")),
    ) -> str:
        return token.subject

    @app.get("/in-the-view")
    def in_the_view(token: AccessToken = Depends(protect)) -> None:
        token.require_scopes("admin")

    twice = APIRouter(dependencies=[Depends(protect)])

    @twice.get("/twice")
    async def both(
        token: AccessToken = Depends(protect.scopes("projects:write")),
    ) -> str:
        return token.subject

    app.include_router(twice)
    return app


def _client(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE)


@pytest.fixture
async def api(verifier: Verifier) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(_application(verifier)) as client:
        yield client


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _assert_refused(response: httpx.Response, code: int, kind: str, detail: str) -> None:
    assert response.status_code == code
    assert response.json() == {"code": code, "detail": detail, "type": kind}
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"


async def test_a_good_token_reaches_the_route(api: httpx.AsyncClient, issuer: Issuer) -> None:
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {issuer.token()}"}

        response = await api.get("/projects", headers=headers)

        assert (response.status_code, response.json()) == (200, "alice")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, _bearer("")], ids=str)
async def test_no_token_is_a_challenge_without_an_error(
    api: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await api.get("/projects", headers=headers)

    _assert_refused(response, 401, "authentication_error", "An access token is needed")
    assert response.headers["www-authenticate"] == 'Bearer realm="vestibule"'


async def test_a_bad_token_is_a_challenge_with_an_error(
    api: httpx.AsyncClient, issuer: Issuer
) -> None:
    response = await api.get("/projects", headers=_bearer(issuer.token(aud="other")))

    _assert_refused(response, 401, "authentication_error", "Invalid access token")
    assert response.headers["www-authenticate"] == (
        'Bearer realm="vestibule", error="invalid_token", error_description="Invalid access token"'
    )


async def test_a_scope_that_is_lacking_is_403(api: httpx.AsyncClient, issuer: Issuer) -> None:
    headers = _bearer(issuer.token())

    assert (await api.post("/projects", headers=headers)).status_code == 200
    response = await api.delete("/projects", headers=headers)

    detail = "This needs the scope projects:delete admin"
    _assert_refused(response, 403, "insufficient_scope_error", detail)
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]
    assert 'scope="projects:delete admin"' in response.headers["www-authenticate"]


async def test_a_scope_that_the_route_itself_asks_for_is_403_too(
    api: httpx.AsyncClient, issuer: Issuer
) -> None:
    response = await api.get("/in-the-view", headers=_bearer(issuer.token()))

    _assert_refused(response, 403, "insufficient_scope_error", "This needs the scope admin")


async def test_two_credentials_are_400(api: httpx.AsyncClient, issuer: Issuer) -> None:
    token = issuer.token()
    both = [("Authorization", f"Bearer {token}"), ("Authorization", "Bearer other")]
    ways = [("Authorization", f"Bearer {token}"), ("X-API-Key", API_KEY)]

    for headers in (both, ways):
        response = await api.get("/projects", headers=headers)

        _assert_refused(response, 400, "invalid_error", "The request must carry one credential")


async def test_keys_that_are_out_of_reach_are_503(issuer: Issuer, verifier: Verifier) -> None:
    issuer.broken = True

    async with _client(_application(verifier)) as api:
        response = await api.get("/projects", headers=_bearer(issuer.token()))

    _assert_refused(response, 503, "unavailable_error", "Tokens can't be verified at present")
    assert response.headers["retry-after"] == "5"
    assert "www-authenticate" not in response.headers


async def test_an_api_key_may_come_either_way(issuer: Issuer) -> None:
    options = IntrospectionOptions(client_id="api", client_secret="secret")
    issuer.active[API_KEY] = {"active": True, "sub": "alice"}

    async with _client(_application(issuer.verifier(introspection=options))) as api:
        own = await api.get("/projects", headers={"X-API-Key": API_KEY})
        bearer = await api.get("/projects", headers=_bearer(API_KEY))

    assert (own.json(), bearer.json()) == ("alice", "alice")


async def test_a_token_that_is_bound_to_a_key_needs_its_proof(
    api: httpx.AsyncClient, issuer: Issuer, holder: Holder
) -> None:
    token = issuer.token(cnf=holder.cnf)
    dpop = {"Authorization": f"DPoP {token}"}
    proof = holder.proof(token)

    good = await api.get("/projects?page=2", headers={**dpop, "DPoP": proof})
    replayed = await api.get("/projects", headers={**dpop, "DPoP": proof})
    elsewhere = await api.post("/projects", headers={**dpop, "DPoP": holder.proof(token)})
    without = await api.get("/projects", headers=dpop)
    two = await api.get(
        "/projects",
        headers=[
            *dpop.items(),
            ("DPoP", holder.proof(token)),
            ("DPoP", holder.proof(token)),
        ],
    )
    bearer = await api.get("/projects", headers={**_bearer(token), "DPoP": holder.proof(token)})

    assert (good.status_code, good.json()) == (200, "alice")
    for response in (replayed, elsewhere, without, two):
        assert response.status_code == 401
        assert response.json()["type"] == "invalid_dpop_proof_error"
        assert response.headers["www-authenticate"].startswith(
            'DPoP realm="vestibule", error="invalid_dpop_proof"'
        )
    assert bearer.status_code == 401
    assert 'error="invalid_token"' in bearer.headers["www-authenticate"]


async def test_a_bad_token_with_a_proof_is_a_challenge_of_its_scheme(
    api: httpx.AsyncClient, issuer: Issuer, holder: Holder
) -> None:
    token = issuer.token(cnf=holder.cnf, aud="other")
    headers = {"Authorization": f"DPoP {token}", "DPoP": holder.proof(token)}

    response = await api.get("/projects", headers=headers)

    assert response.headers["www-authenticate"].startswith(
        'DPoP realm="vestibule", error="invalid_token"'
    )
    assert 'algs="ES256' in response.headers["www-authenticate"]


async def test_a_proof_is_looked_at_once_in_a_request(
    api: httpx.AsyncClient, issuer: Issuer, holder: Holder, verifier: Verifier
) -> None:
    token = issuer.token(cnf=holder.cnf)

    def headers() -> dict[str, str]:
        proof = holder.proof(token, url=f"{BASE}/twice")
        return {"Authorization": f"DPoP {token}", "DPoP": proof}

    assert (await api.get("/twice", headers=headers())).status_code == 200
    layered = ProtectMiddleware(_application(verifier), verifier=verifier)
    async with _client(layered) as below:
        assert (await below.get("/twice", headers=headers())).status_code == 200


async def test_what_one_verifier_took_is_nothing_to_another(
    issuer: Issuer, verifier: Verifier
) -> None:
    stricter = issuer.verifier(audience="https://inner.example")
    layered = ProtectMiddleware(_application(stricter), verifier=verifier)

    async with _client(layered) as api:
        response = await api.get("/projects", headers=_bearer(issuer.token()))

    assert response.status_code == 401


async def test_behind_a_proxy_proofs_are_for_what_clients_call(
    issuer: Issuer, verifier: Verifier, holder: Holder
) -> None:
    app = _application(verifier, base_url="https://public.example/")
    token = issuer.token(cnf=holder.cnf)

    async with _client(app) as api:
        codes = []
        for url in ("https://public.example/projects", f"{BASE}/projects"):
            headers = {"Authorization": f"DPoP {token}", "DPoP": holder.proof(token, url=url)}
            codes.append((await api.get("/projects", headers=headers)).status_code)

    assert codes == [200, 401]


async def test_an_application_may_answer_in_its_own_way(verifier: Verifier) -> None:
    app = _application(verifier)

    @app.exception_handler(VerifyError)
    async def own(_request: Request, error: Exception) -> Response:
        return JSONResponse({"own": str(error)}, 418)

    async with _client(app) as api:
        response = await api.get("/projects")

    assert (response.status_code, response.json()) == (418, {"own": "An access token is needed"})


def test_the_document_of_the_application_says_that_a_token_is_needed(verifier: Verifier) -> None:
    document = _application(verifier).openapi()

    assert document["paths"]["/projects"]["get"]["security"] == [{"vestibule": []}]
    scheme = document["components"]["securitySchemes"]["vestibule"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_a_scope_that_can_be_none_is_refused_at_once(verifier: Verifier) -> None:
    for scope in ("", "a b", 'a"b', "a\nb", "ä"):
        with pytest.raises(ValueError):
            Protect(verifier).scopes(scope)
