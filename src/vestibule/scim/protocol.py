"""What is answered below `/scim/v2`: users and groups for an identity provider (RFC 7644).

No decisions. It is large to load: `endpoints` do so when somebody asks.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from scim2_models import (
    Context,
    ListResponse,
    NotFoundException,
    PatchOp,
    ResourceType,
    ResponseParameters,
    Schema,
    SearchRequest,
)
from starlette.requests import Request
from starlette.responses import Response

from vestibule.scim import resources
from vestibule.scim.answers import ScimRoute, answer, read
from vestibule.scim.groups import ProvisionedGroups
from vestibule.scim.resources import MOST, ScimGroup, ScimUser
from vestibule.scim.tenants import Tenants
from vestibule.scim.tokens import PREFIX
from vestibule.scim.users import ProvisionedUsers

PARAMETERS = ("filter", "startIndex", "count", "attributes", "excludedAttributes", "sortBy",
              "sortOrder")  # fmt: skip
LONGEST_FILTER = 4096
"""Characters."""


def router(
    *, users: ProvisionedUsers, groups: ProvisionedGroups, tenants: Tenants, base: str
) -> APIRouter:
    """All routes of the service, which is at `base`."""
    routes = APIRouter(prefix=PREFIX, include_in_schema=False, route_class=ScimRoute)
    _add(routes, "Users", ScimUser, users, tenants)
    _add(routes, "Groups", ScimGroup, groups, tenants)

    @routes.get("/ServiceProviderConfig")
    async def config(request: Request) -> Response:
        await tenants.of(request)
        return answer(resources.service_provider_config(base), Context.RESOURCE_QUERY_RESPONSE)

    def _discovery(path: str, model: Any, found: list[Any]) -> None:
        @routes.get(f"/{path}")
        async def every(request: Request) -> Response:
            await tenants.of(request)
            listed = ListResponse[model](
                total_results=len(found),
                start_index=1,
                items_per_page=len(found),
                resources=found,
            )
            return answer(listed, Context.RESOURCE_QUERY_RESPONSE)

        @routes.get(f"/{path}/{{name}}")
        async def one(request: Request, name: str) -> Response:
            await tenants.of(request)
            for item in found:
                if item.id == name:
                    return answer(item, Context.RESOURCE_QUERY_RESPONSE)
            raise NotFoundException(detail="There is no such thing")

    _discovery("ResourceTypes", ResourceType, resources.resource_types(base))
    _discovery("Schemas", Schema, resources.schemas(base))
    return routes


def _add(
    routes: APIRouter,
    name: str,
    model: Any,
    service: ProvisionedUsers | ProvisionedGroups,
    tenants: Tenants,
) -> None:
    """The routes of one kind of resource."""
    # The two services have the same methods, each over its own model.
    kind: Any = service

    async def found(request: Request, given: dict[str, Any]) -> Response:
        tenant = await tenants.of(request)
        if len(str(given.get("filter", ""))) > LONGEST_FILTER:
            given = {**given, "filter": "too long"}
        search = SearchRequest[model].model_validate(given, scim_ctx=Context.SEARCH_REQUEST)
        start = (search.start_index or 1) - 1
        count = MOST if search.count is None else search.count
        total, page = await kind.search(tenant, wanted=search.filter, start=start, count=count)
        listed = ListResponse[model](
            total_results=total,
            start_index=start + 1,
            items_per_page=len(page),
            resources=page,
        )
        return answer(listed, Context.RESOURCE_QUERY_RESPONSE, parameters=search)

    @routes.get(f"/{name}")
    async def search(request: Request) -> Response:
        return await found(request, _given(request, PARAMETERS))

    @routes.post(f"/{name}/.search")
    async def search_by_post(request: Request) -> Response:
        return await found(request, await read(request))

    @routes.post(f"/{name}")
    async def create(request: Request) -> Response:
        tenant = await tenants.of(request)
        resource = model.model_validate(
            await read(request), scim_ctx=Context.RESOURCE_CREATION_REQUEST
        )
        made = await kind.create(tenant, resource)
        return answer(made, Context.RESOURCE_CREATION_RESPONSE, status=201)

    @routes.get(f"/{name}/{{resource_id}}")
    async def get(request: Request, resource_id: str) -> Response:
        tenant = await tenants.of(request)
        parameters = ResponseParameters[model].model_validate(
            _given(request, ("attributes", "excludedAttributes"))
        )
        resource = await kind.get(tenant, resource_id)
        if request.headers.get("if-none-match") == resource.meta.version:
            return Response(status_code=304, headers={"ETag": resource.meta.version})
        return answer(resource, Context.RESOURCE_QUERY_RESPONSE, parameters=parameters)

    @routes.put(f"/{name}/{{resource_id}}")
    async def replace(request: Request, resource_id: str) -> Response:
        tenant = await tenants.of(request)
        resource = model.model_validate(
            await read(request), scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST
        )
        done = await kind.replace(tenant, resource_id, resource, match=_match(request))
        return answer(done, Context.RESOURCE_REPLACEMENT_RESPONSE)

    @routes.patch(f"/{name}/{{resource_id}}")
    async def patch(request: Request, resource_id: str) -> Response:
        tenant = await tenants.of(request)
        operations = PatchOp[model].model_validate(
            await read(request), scim_ctx=Context.RESOURCE_PATCH_REQUEST
        )
        done = await kind.patch(tenant, resource_id, operations, match=_match(request))
        return answer(done, Context.RESOURCE_PATCH_RESPONSE)

    @routes.delete(f"/{name}/{{resource_id}}")
    async def remove(request: Request, resource_id: str) -> Response:
        tenant = await tenants.of(request)
        await kind.remove(tenant, resource_id, match=_match(request))
        return Response(status_code=204)


def _given(request: Request, names: tuple[str, ...]) -> dict[str, Any]:
    return {n: request.query_params[n] for n in names if n in request.query_params}


def _match(request: Request) -> str | None:
    return request.headers.get("if-match")
