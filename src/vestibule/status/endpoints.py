"""`/api/v1/health` and `/api/v1/config`."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from vestibule import __version__
from vestibule.http.operations import operation


class Health(BaseModel):
    """The service answers."""

    status: Literal["ok"] = "ok"


class PublicConfig(BaseModel):
    """Public capabilities of this service."""

    api_version: str = Field(description="Version of the API, as in its path")
    app_version: str = Field(description="Version of Vestibule")
    deployment_mode: str = Field(description="`embedded` on its own SQLite database")
    email_configured: bool = Field(description="Whether it can send mail")


def router(*, email_configured: bool) -> APIRouter:
    """The routes that need no credentials."""
    routes = APIRouter(prefix="/api/v1", tags=["Service"])

    @routes.get(
        "/health",
        summary="Health",
        description="Liveness: answers while the process can answer at all",
        operation_id="health",
        openapi_extra=operation(),
    )
    async def health() -> Health:
        return Health()

    @routes.get(
        "/config",
        summary="Configuration",
        description="Public capabilities",
        operation_id="config",
        openapi_extra=operation(),
    )
    async def config() -> PublicConfig:
        return PublicConfig(
            api_version="v1",
            app_version=__version__,
            deployment_mode="embedded",
            email_configured=email_configured,
        )

    return routes
