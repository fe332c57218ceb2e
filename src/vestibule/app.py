"""The application: routes and layers around the services."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware
from starlette.responses import Response

from vestibule import __version__, openapi
from vestibule.clock import Clock
from vestibule.http import failures
from vestibule.http.body import BodyLimitLayer
from vestibule.http.context import ErrorBoundary, RequestContextLayer
from vestibule.http.cors import METHODS, REQUEST_HEADERS, RESPONSE_HEADERS, CORSLayer
from vestibule.http.envelope import Answer
from vestibule.http.head import HeadLayer
from vestibule.http.tracing import TracingLayer
from vestibule.login.shedding import SheddingLayer
from vestibule.metrics.lag import LoopLag
from vestibule.pages import errors
from vestibule.pages.administration.uploads import PATH as UPLOADS
from vestibule.pages.branding import Brand
from vestibule.pages.rendering import Pages
from vestibule.routers import page_routes, routers
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""The framework's own, which an environment variable could switch on, tells queries, paths with
codes in them and exceptions' texts. Ours is in `tracing/` and `metrics/`."""

LOGIN = "/api/v1/auth/login"
ADMINISTRATION = "/admin/"
MAX_ADMINISTRATION = 256 * 1024
"""Bytes: forms there hold whole configurations, which the encoding of a form makes longer."""


def create_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """The application that these settings ask for; its database must be migrated."""
    return build(wire(settings, clock=clock))


def build(services: Services) -> FastAPI:
    """The application around services that are made already."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        rounds = [
            asyncio.create_task(services.housekeeping.run()),
            asyncio.create_task(services.outbox.run()),
        ]
        lag = LoopLag(services.metrics)
        lag.start()
        services.shared.start()
        yield
        lag.stop()
        for task in rounds:
            task.cancel()
        await asyncio.wait(rounds)
        await services.close()

    of_pages = page_routes(services)
    answer = errors.answering(Pages(Brand.of(services.settings)), of_pages)
    app = FastAPI(
        title="Vestibule",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
        lifespan=lifespan,
        middleware=_layers(services, answer),
    )
    app.state.services = services
    failures.install(app, answer)
    for router in routers(services):
        # Not `include_router`, which makes each route a second time, at the first request.
        app.router.routes.extend(router.routes)
    app.router.routes.extend(of_pages)
    _add_document(app)
    return app


def _layers(services: Services, answer: Answer) -> list[Middleware]:
    """From the outside in."""
    settings = services.settings
    cors = [
        Middleware(
            CORSLayer,
            allow_origins=settings.cors_origins,
            allow_methods=METHODS,
            allow_headers=REQUEST_HEADERS,
            expose_headers=RESPONSE_HEADERS,
        ),
        Middleware(ErrorBoundary, answer=answer),
    ]
    traced = [
        Middleware(TracingLayer, tracing=services.tracing, trusted_proxies=settings.trusted_proxies)
    ]
    return [
        *(traced if services.tracing.enabled else []),
        Middleware(
            RequestContextLayer,
            clock=services.clock,
            trusted_proxies=settings.trusted_proxies,
            metrics=services.metrics,
            draining=services.draining,
            answer=answer,
        ),
        *(cors if settings.cors_origins else []),
        Middleware(HeadLayer),
        Middleware(SheddingLayer, path=LOGIN, pool=services.pool, audit=services.audit),
        Middleware(
            BodyLimitLayer,
            limit=settings.max_body,
            timeout=settings.body_timeout,
            uploads=frozenset({UPLOADS}),
            larger={ADMINISTRATION: max(settings.max_body, MAX_ADMINISTRATION)},
        ),
    ]


def _add_document(app: FastAPI) -> None:
    """The OpenAPI document, made when it is first asked for."""
    made: list[bytes] = []

    @app.get("/api/v1/openapi.json", include_in_schema=False)
    async def openapi_document() -> Response:
        if not made:
            made.append(json.dumps(openapi.document(app), ensure_ascii=False).encode())
        return Response(
            made[0],
            media_type="application/json",
            headers={"Cache-Control": "public, max-age=300"},
        )
