"""The OpenAPI document against the login contract, name by name."""

from __future__ import annotations

from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.world import LOGIN
from vestibule import errors

STATUSES = {
    "200": "Successful Response",
    "400": "Invalid request",
    "401": "Authentication failed",
    "403": "Access forbidden",
    "404": "Not found",
    "409": "Already exists",
    "422": "Validation error",
    "426": "Upgrade required",
    "429": "Rate limited",
    "500": "Internal server error",
    "502": "Bad gateway",
    "504": "Gateway timeout",
}


@pytest.fixture
async def spec(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.get("/api/v1/openapi.json")
    document: dict[str, Any] = response.json()
    return document


@pytest.fixture
def operation(spec: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spec["paths"][LOGIN]["post"]
    return found


def test_the_operation_is_the_pages(spec: dict[str, Any], operation: dict[str, Any]) -> None:
    assert spec["openapi"] == "3.1.0"
    assert operation["summary"] == "Login"
    assert operation["description"] == "Login with username and password"
    assert operation["requestBody"]["required"] is True
    assert list(operation["requestBody"]["content"]) == ["application/x-www-form-urlencoded"]


def test_the_fields_are_the_pages_in_its_order(spec: dict[str, Any]) -> None:
    form = spec["components"]["schemas"]["LoginForm"]

    assert list(form["properties"]) == [
        "client_id", "client_secret", "grant_type", "password", "scope", "username",
    ]  # fmt: skip
    assert sorted(form["required"]) == ["password", "username"]
    fields = form["properties"]
    assert {"string", "null"} == {kind["type"] for kind in fields["client_id"]["anyOf"]}
    assert {"string", "null"} == {kind["type"] for kind in fields["client_secret"]["anyOf"]}
    assert {"string", "null"} == {kind["type"] for kind in fields["grant_type"]["anyOf"]}
    assert fields["grant_type"]["anyOf"][0]["pattern"] == "^password$"
    assert (fields["client_id"]["default"], fields["client_secret"]["default"]) == (None, None)
    assert fields["grant_type"]["default"] is None
    assert (fields["scope"]["type"], fields["scope"]["default"]) == ("string", "")
    assert (fields["password"]["type"], fields["password"]["format"]) == ("string", "password")
    assert fields["username"]["type"] == "string"


def test_the_responses_are_the_pages(operation: dict[str, Any]) -> None:
    told = {status: r["description"] for status, r in operation["responses"].items()}

    assert told == STATUSES
    assert list(operation["responses"]) == list(STATUSES)


def test_the_success_schema(spec: dict[str, Any], operation: dict[str, Any]) -> None:
    schemas = spec["components"]["schemas"]
    body = operation["responses"]["200"]["content"]["application/json"]["schema"]

    assert body == {"$ref": "#/components/schemas/AccessTokenResponse"}
    success = schemas["AccessTokenResponse"]
    assert success["description"] == "Response containing an access token."
    assert success["required"] == ["access_token"]
    assert success["properties"]["access_token"]["type"] == "string"
    assert success["properties"]["default_org"]["anyOf"] == [
        {"$ref": "#/components/schemas/OrgInfo"}, {"type": "null"},
    ]  # fmt: skip
    assert success["properties"]["orgs"]["items"] == {"$ref": "#/components/schemas/OrgInfo"}
    assert success["properties"]["orgs"]["default"] == []
    assert schemas["OrgInfo"]["description"] == "Organization info for auth responses."
    assert schemas["OrgInfo"]["required"] == ["key", "name"]


def test_the_error_schema(spec: dict[str, Any]) -> None:
    schemas = spec["components"]["schemas"]
    envelope = schemas["APIErrorPayload"]

    assert envelope["description"] == "Canonical API error envelope returned by the API."
    assert envelope["example"] == {
        "code": 401, "detail": "Authentication failed", "type": "authentication_error",
    }  # fmt: skip
    assert list(envelope["properties"]) == ["code", "detail", "errors", "type"]
    assert envelope["required"] == ["code", "detail", "type"]
    code, kind = envelope["properties"]["code"], envelope["properties"]["type"]
    assert code["description"] == "HTTP status code"
    assert code["enum"] == [400, 401, 403, 404, 409, 422, 426, 429, 500, 502, 504]
    assert envelope["properties"]["detail"]["description"] == "Human-readable error message"
    assert kind["description"] == "Stable machine-readable error type"
    assert set(kind["enum"]) == {member.value for member in errors.ErrorType}
    item = schemas["ValidationErrorItem"]
    assert item["required"] == ["loc", "msg", "type"]
    assert item["properties"]["loc"]["description"] == "Where the validation error occurred"
    assert item["properties"]["msg"]["description"] == "Human-readable validation message"
    assert item["properties"]["type"]["description"] == "Machine-readable validation error type"
    assert {kind["type"] for kind in item["properties"]["loc"]["items"]["anyOf"]} == {
        "string", "integer",
    }  # fmt: skip


def test_each_response_has_a_true_example_of_its_own_status(
    spec: dict[str, Any], operation: dict[str, Any]
) -> None:
    for status, response in operation["responses"].items():
        content = response["content"]["application/json"]
        example = content["example"]
        validator = jsonschema_rs.validator_for(
            {**content["schema"], "components": spec["components"]}
        )

        validator.validate(example)
        if status != "200":
            assert example["code"] == int(status)


def test_both_ways_to_authenticate_are_described(spec: dict[str, Any]) -> None:
    schemes = spec["components"]["securitySchemes"]

    assert schemes["bearer"] == {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert schemes["apiKey"] == {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    assert spec["paths"]["/api/v1/user"]["get"]["security"] == [
        {"bearer": []}, {"apiKey": []},
    ]  # fmt: skip
    assert "security" not in spec["paths"][LOGIN]["post"]


def test_the_types_are_those_that_were_published() -> None:
    published = {
        "invalid_error": 400,
        "authentication_error": 401,
        "forbidden_error": 403,
        "not_found_error": 404,
        "method_not_allowed_error": 405,
        "already_exists_error": 409,
        "validation_error": 422,
        "upgrade_required_error": 426,
        "rate_limit_error": 429,
        "internal_error": 500,
        "database_error": 500,
        "not_ready_error": 503,
        "bad_gateway_error": 502,
        "gateway_timeout_error": 504,
        "insufficient_scope_error": 403,
        "invalid_grant_error": 400,
        "unauthorized_client_error": 400,
        "unsupported_grant_type_error": 400,
        "invalid_dpop_proof_error": 400,
        "expired_token_error": 400,
        "authorization_pending_error": 400,
        "slow_down_error": 400,
        "conflict_error": 409,
    }

    assert {kind.type.value: kind.status for kind in errors.ALL} == published
