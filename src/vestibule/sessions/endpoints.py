"""`/api/v1/user/sessions`, and an administrator's view of somebody else's."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from vestibule.access.caller import API_READ, API_WRITE, Authenticate, Caller
from vestibule.errors import AccessForbidden, NotFound, ValidationFailed
from vestibule.http.operations import operation
from vestibule.sessions.administration import SessionAdministration
from vestibule.sessions.models import Session
from vestibule.sessions.schemas import SessionInfo
from vestibule.sessions.service import MAX_LISTED

After = Annotated[UUID | None, Query(description="Only what comes behind this id")]
Limit = Annotated[int, Query(ge=1, le=MAX_LISTED, description="How many at most")]


def router(*, administration: SessionAdministration, authenticate: Authenticate) -> APIRouter:
    """The routes of sessions."""
    routes = APIRouter(prefix="/api/v1", tags=["Sessions"])

    @routes.get(
        "/user/sessions",
        summary="Own sessions",
        description="Where the caller is signed in, the one seen last first, page by page",
        operation_id="list_sessions",
        openapi_extra=operation(AccessForbidden, ValidationFailed, secured=True),
    )
    async def list_sessions(
        request: Request, after: After = None, limit: Limit = 100
    ) -> list[SessionInfo]:
        caller = await authenticate(request, scope=API_READ)
        found = await administration.list_own(caller, after=after, limit=limit)
        return [_shown(session, caller) for session in found]

    @routes.delete(
        "/user/sessions",
        summary="End all other sessions",
        description="All but the one that the request comes from",
        operation_id="end_other_sessions",
        status_code=204,
        response_model=None,
        openapi_extra=operation(AccessForbidden, secured=True),
    )
    async def end_other_sessions(request: Request) -> Response:
        caller = await authenticate(request, scope=API_WRITE)
        await administration.end_others(caller)
        return Response(status_code=204)

    @routes.delete(
        "/user/sessions/{session_id}",
        summary="End a session",
        description="Its tokens are worth nothing from now on",
        operation_id="end_session",
        status_code=204,
        response_model=None,
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def end_session(request: Request, session_id: UUID) -> Response:
        caller = await authenticate(request, scope=API_WRITE)
        await administration.end_own(caller, session_id)
        return Response(status_code=204)

    @routes.get(
        "/admin/users/{user_id}/sessions",
        summary="Sessions of a user",
        description="For administrators of the service",
        operation_id="list_user_sessions",
        openapi_extra=operation(AccessForbidden, ValidationFailed, secured=True),
    )
    async def list_user_sessions(
        request: Request, user_id: UUID, after: After = None, limit: Limit = 100
    ) -> list[SessionInfo]:
        caller = await authenticate(request, scope=API_READ)
        found = await administration.list_of(caller, user_id, after=after, limit=limit)
        return [_shown(session, caller) for session in found]

    @routes.delete(
        "/admin/users/{user_id}/sessions",
        summary="End all sessions of a user",
        description="For administrators of the service",
        operation_id="end_user_sessions",
        status_code=204,
        response_model=None,
        openapi_extra=operation(AccessForbidden, ValidationFailed, secured=True),
    )
    async def end_user_sessions(request: Request, user_id: UUID) -> Response:
        caller = await authenticate(request, scope=API_WRITE)
        await administration.end_all_of(caller, user_id)
        return Response(status_code=204)

    @routes.delete(
        "/admin/users/{user_id}/sessions/{session_id}",
        summary="End a session of a user",
        description="For administrators of the service",
        operation_id="end_user_session",
        status_code=204,
        response_model=None,
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def end_user_session(request: Request, user_id: UUID, session_id: UUID) -> Response:
        caller = await authenticate(request, scope=API_WRITE)
        await administration.end_of(caller, user_id, session_id)
        return Response(status_code=204)

    return routes


def _shown(session: Session, caller: Caller) -> SessionInfo:
    shown = SessionInfo.model_validate(session)
    return shown.model_copy(update={"current": session.id == caller.session_id})
