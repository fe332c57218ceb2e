"""`/api/v1/health`, `/api/v1/ready`, `/api/v1/config` and `/metrics`."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from vestibule import __version__
from vestibule.errors import NotReady
from vestibule.http.operations import operation
from vestibule.metrics.exposition import expose
from vestibule.metrics.service import Metrics
from vestibule.state.service import SharedState
from vestibule.status.readers import MetricsReaders
from vestibule.status.readiness import Readiness

SHARED_STATE = "shared_state"


class _Report(BaseModel):
    degraded: list[str] | None = Field(
        None,
        description="What is away that it is set to use, left out where all is there: "
        f"`{SHARED_STATE}` for Redis",
    )


class Health(_Report):
    """The service answers."""

    status: Literal["ok"] = "ok"


class Ready(_Report):
    """The instance should be sent requests."""

    status: Literal["ready"] = "ready"


class PublicConfig(BaseModel):
    """Public capabilities of this service."""

    api_version: str = Field(description="Version of the API, as in its path")
    app_version: str = Field(description="Version of Vestibule")
    deployment_mode: str = Field(
        description="`embedded` on its own SQLite database, `distributed` on PostgreSQL"
    )
    email_configured: bool = Field(description="Whether it can send mail")


def router(
    *,
    readiness: Readiness,
    metrics: Metrics,
    readers: MetricsReaders,
    shared: SharedState,
    embedded: bool,
    email_configured: bool,
) -> APIRouter:
    """The routes that say how the service is, and what it can do."""
    routes = APIRouter(tags=["Service"])

    def degraded() -> list[str] | None:
        return None if shared.status().available else [SHARED_STATE]

    @routes.get(
        "/api/v1/health",
        summary="Health",
        description="Liveness: answers while the process can answer at all",
        operation_id="health",
        response_model_exclude_none=True,
        openapi_extra=operation(),
    )
    async def health() -> Health:
        return Health(degraded=degraded())

    @routes.get(
        "/api/v1/ready",
        summary="Readiness",
        description="Whether this instance should be sent requests: its database answers and is "
        "migrated, it can sign, and it is not about to end",
        operation_id="ready",
        response_model_exclude_none=True,
        openapi_extra=operation(NotReady),
    )
    async def ready() -> Ready:
        await readiness.require()
        return Ready(degraded=degraded())

    @routes.get("/metrics", include_in_schema=False)
    async def read_metrics(request: Request) -> Response:
        readers.require(request)
        # They say whether it is ready, and there may be nobody else who asks.
        await readiness.look()
        # Milliseconds of plain work: not while everybody waits.
        exposition = await asyncio.to_thread(
            expose, metrics.registry, accept=request.headers.get("accept", "")
        )
        return Response(exposition.content, media_type=exposition.media_type)

    @routes.get(
        "/api/v1/config",
        summary="Configuration",
        description="Public capabilities",
        operation_id="config",
        openapi_extra=operation(),
    )
    async def config() -> PublicConfig:
        return PublicConfig(
            api_version="v1",
            app_version=__version__,
            deployment_mode="embedded" if embedded else "distributed",
            email_configured=email_configured,
        )

    return routes
