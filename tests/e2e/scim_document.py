"""An OpenAPI document of the SCIM routes, which describe themselves in SCIM's own way."""

from __future__ import annotations

from typing import Any

from scim2_models import Group, PatchOp, SearchRequest

from vestibule.scim.resources import ScimUser

MEDIA_TYPE = "application/scim+json"
ERRORS = ("400", "401", "403", "404", "405", "409", "412", "429")


def _body(model: Any) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return {"required": True, "content": {MEDIA_TYPE: {"schema": schema}}}


def _responses(*statuses: str) -> dict[str, Any]:
    answered = {
        status: {"description": "x", "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
        for status in (*statuses, *ERRORS)
        if status not in ("204", "304")
    }
    empty = {status: {"description": "x"} for status in statuses if status in ("204", "304")}
    return {**answered, **empty}


def _query(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]


def document() -> dict[str, Any]:
    """Users, groups, and what the service says of itself."""
    paths: dict[str, Any] = {}
    defs: dict[str, Any] = {}
    identifier = {
        "name": "id", "in": "path", "required": True, "schema": {"type": "string"},
    }  # fmt: skip
    matching = {"name": "If-Match", "in": "header", "schema": {"type": "string"}}
    for name, model in (("Users", ScimUser), ("Groups", Group)):
        patch, search = PatchOp[model], SearchRequest[model]  # type: ignore[valid-type]
        for each in (model, patch, search):
            schema = each.model_json_schema(ref_template="#/components/schemas/{model}")
            defs.update(schema.get("$defs", {}))
        paths[f"/scim/v2/{name}"] = {
            "get": {
                "parameters": _query("filter", "startIndex", "count", "attributes"),
                "responses": _responses("200"),
            },
            "post": {"requestBody": _body(model), "responses": _responses("201")},
        }
        paths[f"/scim/v2/{name}/.search"] = {
            "post": {"requestBody": _body(search), "responses": _responses("200")}
        }
        paths[f"/scim/v2/{name}/{{id}}"] = {
            "parameters": [identifier],
            "get": {
                "parameters": _query("attributes", "excludedAttributes"),
                "responses": _responses("200", "304"),
            },
            "put": {
                "parameters": [matching],
                "requestBody": _body(model),
                "responses": _responses("200"),
            },
            "patch": {
                "parameters": [matching],
                "requestBody": _body(patch),
                "responses": _responses("200"),
            },
            "delete": {"parameters": [matching], "responses": _responses("204")},
        }
    for name in ("ServiceProviderConfig", "ResourceTypes", "Schemas"):
        paths[f"/scim/v2/{name}"] = {"get": {"responses": _responses("200")}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "SCIM", "version": "2.0"},
        "paths": paths,
        "components": {"schemas": defs},
    }
