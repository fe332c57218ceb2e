"""`/api/v1/user/sessions`, and an administrator's view of somebody else's."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from vestibule.access.caller import API_READ, API_WRITE, Authenticate, Caller
from vestibule.audit.models import Result
from vestibule.audit.service import Audit
from vestibule.errors import AccessForbidden, NotFound, ValidationFailed
from vestibule.http.operations import operation
from vestibule.sessions.schemas import SessionInfo
from vestibule.sessions.service import Sessions
from vestibule.storage.database import Database


def router(
    *, sessions: Sessions, database: Database, audit: Audit, authenticate: Authenticate
) -> APIRouter:
    """The routes of sessions."""
    routes = APIRouter(prefix="/api/v1", tags=["Sessions"])

    async def listed(user_id: UUID, caller: Caller) -> list[SessionInfo]:
        return [
            SessionInfo.model_validate(session).model_copy(
                update={"current": session.id == caller.session_id}
            )
            for session in await sessions.live_of(user_id)
        ]

    async def end(
        caller: Caller,
        event: str,
        *,
        user_id: UUID,
        session_id: UUID | None = None,
        spare: UUID | None = None,
    ) -> Response:
        attempt = caller.attempt(event)
        cause = "ended_by_user" if user_id == caller.user_id else "ended_by_admin"
        done = audit.event(attempt, result=Result.SUCCESS, cause=cause, status=204)

        def write(connection: Connection) -> int:
            ended = sessions.end(
                connection, cause=cause, user_id=user_id, session_id=session_id, spare=spare
            )
            if ended:
                audit.add(connection, done)
            return ended

        async with audit.following(attempt):
            if not await database.write(write) and session_id is not None:
                raise NotFound("Session not found", cause="session_unknown")
        audit.log(done)
        return Response(status_code=204)

    async def owner(request: Request, scope: str) -> Caller:
        caller = await authenticate(request, scope=scope)
        if caller.org_id is not None or caller.workspace_id is not None:
            async with audit.following(caller.attempt("sessions", org_id=caller.org_id)):
                raise AccessForbidden(
                    "This credential is for one organization only", cause="org_confined"
                )
        return caller

    async def administrator(request: Request, scope: str) -> Caller:
        caller = await authenticate(request, scope=scope)
        if not caller.is_admin:
            attempt = caller.attempt("admin")
            async with audit.following(attempt):
                raise AccessForbidden("Only an administrator may do this", cause="not_admin")
        return caller

    @routes.get(
        "/user/sessions",
        summary="Own sessions",
        description="Where the caller is signed in, the one seen last first",
        operation_id="list_sessions",
        openapi_extra=operation(secured=True),
    )
    async def list_sessions(request: Request) -> list[SessionInfo]:
        caller = await owner(request, API_READ)
        return await listed(caller.user_id, caller)

    @routes.delete(
        "/user/sessions",
        summary="End all other sessions",
        description="All but the one that the request comes from",
        operation_id="end_other_sessions",
        status_code=204,
        response_model=None,
        openapi_extra=operation(secured=True),
    )
    async def end_other_sessions(request: Request) -> Response:
        caller = await owner(request, API_WRITE)
        return await end(caller, "sessions_end", user_id=caller.user_id, spare=caller.session_id)

    @routes.delete(
        "/user/sessions/{session_id}",
        summary="End a session",
        description="Its tokens are worth nothing from now on",
        operation_id="end_session",
        status_code=204,
        response_model=None,
        openapi_extra=operation(NotFound, ValidationFailed, secured=True),
    )
    async def end_session(request: Request, session_id: UUID) -> Response:
        caller = await owner(request, API_WRITE)
        return await end(caller, "session_end", user_id=caller.user_id, session_id=session_id)

    @routes.get(
        "/admin/users/{user_id}/sessions",
        summary="Sessions of a user",
        description="For administrators of the service",
        operation_id="list_user_sessions",
        openapi_extra=operation(AccessForbidden, ValidationFailed, secured=True),
    )
    async def list_user_sessions(request: Request, user_id: UUID) -> list[SessionInfo]:
        caller = await administrator(request, API_READ)
        return await listed(user_id, caller)

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
        caller = await administrator(request, API_WRITE)
        return await end(caller, "admin_sessions_end", user_id=user_id)

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
        caller = await administrator(request, API_WRITE)
        return await end(caller, "admin_session_end", user_id=user_id, session_id=session_id)

    return routes
