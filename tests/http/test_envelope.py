"""Every route and every error path answers in the envelope."""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import make_client
from vestibule.app import build
from vestibule.http.context import RequestContextLayer
from vestibule.wiring import Services


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nothing", 404, "not_found_error"),
        ("GET", "/api/v1/auth/login/", 404, "not_found_error"),
        ("GET", "/api/v1//user", 404, "not_found_error"),
        ("GET", "/%00", 404, "not_found_error"),
        ("GET", "/redoc", 404, "not_found_error"),
        ("GET", "/api/v1/auth/login", 405, "method_not_allowed_error"),
        ("OPTIONS", "/api/v1/auth/login", 405, "method_not_allowed_error"),
        ("TRACE", "/api/v1/user", 405, "method_not_allowed_error"),
        ("POST", "/api/v1/health", 405, "method_not_allowed_error"),
        ("GET", "/api/v1/user", 401, "authentication_error"),
    ],
)
async def test_the_frameworks_own_errors(
    client: httpx.AsyncClient, method: str, path: str, status: int, kind: str
) -> None:
    response = await client.request(method, path)

    assert response.status_code == status
    assert response.json()["code"] == status
    assert response.json()["type"] == kind
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert ("allow" in response.headers) == (status == 405)


async def test_a_defect_inside_a_layer_is_answered_too(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vestibule.http import body

    async def broken(*_: object) -> None:
        raise ZeroDivisionError("the inside of a layer")

    monkeypatch.setattr(body, "_whole", broken)
    async with make_client(services) as client:
        response = await client.get("/api/v1/health")

    assert response.status_code == 500
    assert response.json() == {
        "code": 500, "detail": "Internal server error", "type": "internal_error",
    }  # fmt: skip
    assert response.headers["x-request-id"]


async def test_the_outermost_layer_is_the_one_that_catches_everything(
    services: Services,
) -> None:
    outermost: object = build(services).user_middleware[0].cls

    assert outermost is RequestContextLayer


@pytest.mark.parametrize(
    ("sent", "accepted"),
    [
        ("abc-123.x_y:z", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("two words", False),
        ("<script>", False),
        ("", False),
        ("-starts-badly", False),
    ],
)
async def test_request_ids_are_accepted_only_where_they_can_forge_nothing(
    client: httpx.AsyncClient, sent: str, accepted: bool
) -> None:
    response = await client.get("/api/v1/health", headers={"X-Request-ID": sent})

    assert (response.headers["x-request-id"] == sent) == accepted


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    head = await client.head("/api/v1/health")
    get = await client.get("/api/v1/health")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_health_and_config(client: httpx.AsyncClient, database_url: str) -> None:
    health = await client.get("/api/v1/health")
    config = await client.get("/api/v1/config")

    assert health.json() == {"status": "ok"}
    assert config.json() == {
        "api_version": "v1",
        "app_version": "0.1.0",
        "deployment_mode": "embedded" if database_url.startswith("sqlite") else "distributed",
        "email_configured": False,
    }
