"""The OpenAPI 3.1 document: the routes' own, with the error responses from one list."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from vestibule import __version__, errors
from vestibule.http import operations
from vestibule.login.schemas import LoginForm

ENVELOPE = {"$ref": "#/components/schemas/APIErrorPayload"}
NOT_READY_ENVELOPE = {"$ref": "#/components/schemas/NotReadyPayload"}
OAUTH_ENVELOPE = {"$ref": "#/components/schemas/OAuthErrorPayload"}

EXAMPLES: dict[type[errors.ApiError], errors.ApiError] = {
    errors.InvalidRequest: errors.InvalidRequest("A parameter was sent more than once"),
    errors.AuthenticationFailed: errors.AuthenticationFailed(),
    errors.AccessForbidden: errors.AccessForbidden("This account is disabled"),
    errors.NotFound: errors.NotFound("Organization not found"),
    errors.AlreadyExists: errors.AlreadyExists("This username or e-mail address is taken"),
    errors.ValidationFailed: errors.ValidationFailed(
        errors=[
            errors.ValidationErrorItem(
                loc=["body", "password"], msg="Field required", type="missing"
            )
        ]
    ),
    errors.UpgradeRequired: errors.UpgradeRequired(
        "Send credentials over TLS only", upgrade="TLS/1.2, HTTP/1.1", cause="plain_http"
    ),
    errors.RateLimited: errors.RateLimited(
        cause="address_limit", retry_after=30, policy="address", quota=120, window=60
    ),
    errors.InsufficientScope: errors.InsufficientScope("api:write"),
}
"""True examples of errors, as the service sends them; of the others, what their class says."""

HEADERS: dict[type[errors.ApiError], dict[str, str]] = {
    errors.AuthenticationFailed: {"WWW-Authenticate": "The challenge (RFC 9110 §11.6.1)"},
    errors.InsufficientScope: {"WWW-Authenticate": "The scope that is missing (RFC 6750 §3)"},
    errors.UpgradeRequired: {"Upgrade": "What is required (RFC 9110 §15.5.22)"},
    errors.RateLimited: {
        "Retry-After": "Seconds until the next try is looked at",
        "RateLimit": "The limit that was met and when it resets",
        "RateLimit-Policy": "Quota and window of that limit, in seconds",
    },
}

BY_NAME = {kind.__name__: kind for kind in errors.ALL}

REQUEST_EXAMPLES: dict[str, dict[str, str]] = {
    "login": {
        "client_id": "example",
        "client_secret": "example",
        "grant_type": "password",
        "password": "example",
        "scope": "",
        "username": "example",
    },
}
"""Forms as samples send them: made of the schema alone they would send its defaults, `null`."""

SUCCESS_EXAMPLES: dict[str, Any] = {
    "login": {
        "access_token": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.…",
        "default_org": {"key": "acme", "name": "Acme"},
        "expires_in": 900,
        "orgs": [{"key": "acme", "name": "Acme"}],
        "refresh_token": "vsr_AZq7mXkfc8qT0bq4…",
        "scope": "api:read api:write email offline_access openid profile",
        "token_type": "Bearer",
    },
}


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document of an application."""
    spec = get_openapi(
        title="Vestibule",
        version=__version__,
        openapi_version="3.1.0",
        description="Sign-in for platforms whose users belong to organizations.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        routes=app.routes,
    )
    schemas = spec["components"]["schemas"]
    for model in (
        LoginForm, errors.APIErrorPayload, errors.NotReadyPayload, errors.OAuthErrorPayload,
    ):  # fmt: skip
        _add_schema(schemas, model)
    spec["components"]["schemas"] = dict(sorted(schemas.items()))
    spec["components"]["securitySchemes"] = {
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    }
    for path in spec["paths"].values():
        for operation in path.values():
            _complete(operation)
    return spec


def _add_schema(schemas: dict[str, Any], model: Any) -> None:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema


def _complete(operation: dict[str, Any]) -> None:
    name = operation["operationId"]
    if name in REQUEST_EXAMPLES:
        (form,) = operation["requestBody"]["content"].values()
        form["example"] = REQUEST_EXAMPLES[name]
    if name in SUCCESS_EXAMPLES:
        content = operation["responses"]["200"]["content"]["application/json"]
        content["example"] = SUCCESS_EXAMPLES[name]
    envelope = OAUTH_ENVELOPE if operation.pop(operations.OAUTH) else ENVELOPE
    # The framework's own 422 has its own shape; ours is declared where it can happen.
    operation["responses"].pop("422", None)
    by_status: dict[int, list[type[errors.ApiError]]] = {}
    for name in operation.pop(operations.ERRORS):
        kind = BY_NAME[name]
        by_status.setdefault(kind.status, []).append(kind)
    for status, kinds in by_status.items():
        shape = NOT_READY_ENVELOPE if kinds == [errors.NotReady] else envelope
        operation["responses"][str(status)] = _response(kinds, shape)


def _response(kinds: list[type[errors.ApiError]], envelope: dict[str, str]) -> dict[str, Any]:
    """One response of a status: an example where there is one cause, else one for each."""
    oauth = envelope is OAUTH_ENVELOPE
    examples = {
        kind.type.value: example.oauth_payload() if oauth else example.payload()
        for kind in kinds
        for example in [EXAMPLES.get(kind) or kind()]
    }
    content: dict[str, Any] = {"schema": envelope}
    if len(kinds) == 1:
        (content["example"],) = examples.values()
    else:
        content["examples"] = {name: {"value": value} for name, value in examples.items()}
    response: dict[str, Any] = {
        "description": kinds[0].description,
        "content": {"application/json": content},
    }
    headers = {name: text for kind in kinds for name, text in HEADERS.get(kind, {}).items()}
    if headers:
        response["headers"] = {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        }
    return response
