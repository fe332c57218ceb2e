"""`/admin/users/import`: accounts from a file, and how far its import is."""

from __future__ import annotations

import asyncio

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message

from vestibule import logs
from vestibule.errors import ApiError, Conflict, InvalidRequest, ValidationFailed
from vestibule.pages.paging import uuid_of
from vestibule.pages.refusals import again
from vestibule.pages.rooms import Here, Room, is_upload
from vestibule.pages.routes import PageRouter, see_other
from vestibule.users.imports import Imports

PATH = "/admin/users/import"
ONE = f"{PATH}/{{import_id}}"
MAX_FILE = 64 * 1024 * 1024
"""Bytes: half a million users, packed ten million. More is for the command line."""
MAX_FIELDS = 4
MAX_FIELD = 1024
LONGEST = 600
"""Seconds that sending may take."""


def router(*, room: Room, imports: Imports) -> PageRouter:
    """The pages of imports."""
    routes = room.router()

    async def shown(here: Here, *, refused: ApiError | None = None) -> Response:
        return here.page(
            "administration/imports.html",
            **again(refused),
            found=await imports.recent(here.caller),
            is_lost=imports.is_lost,
            megabytes=MAX_FILE // 1024**2,
        )

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        return await shown(here)

    @routes.acts(PATH)
    async def begin(here: Here) -> Response:
        await imports.require(here.caller)
        upload = None
        try:
            token, upload = await _received(here.request)
            here.require_own_form(token)
            if upload is None or not upload.filename:
                raise ValidationFailed.of("file", "Choose a file")
            # Spooled by the framework: in memory while it is small, else in a file without a name.
            job_id = await imports.begin(
                here.caller, upload.file, name=upload.filename, size=upload.size or 0
            )
        except ApiError as error:
            if upload is not None:
                await upload.close()
            if not isinstance(error, (ValidationFailed, Conflict, InvalidRequest)):
                raise
            return await shown(here, refused=error)
        return see_other(f"{PATH}/{job_id}")

    @routes.shows(ONE)
    async def show_one(here: Here) -> Response:
        job = await imports.get(here.caller, uuid_of(here.param("import_id")))
        return here.page("administration/import.html", job=job, is_lost=imports.is_lost(job))

    return routes


async def _received(request: Request) -> tuple[str, UploadFile | None]:
    """The token and the file of a form, of which no more is read than there may be.

    Raises `InvalidRequest` for what is too large, too slow or no such form, and `Conflict` where
    there is no room for it.
    """
    if not is_upload(request):
        raise InvalidRequest("The request body must be multipart/form-data", cause="media_type")
    bounded = Request(request.scope, _Bounded(request).receive)
    try:
        async with asyncio.timeout(LONGEST):
            form = await bounded.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD)
    except TimeoutError:
        raise InvalidRequest(
            "The request body did not arrive in time", cause="body_too_slow"
        ) from None
    except OSError as error:
        # No defect, but for whoever runs the service to mend.
        logs.get("import").error("file not kept", error=error.strerror or type(error).__name__)
        raise Conflict(
            "The service has no room for this file: its folder for temporary files is too small",
            cause="no_room",
        ) from None
    except (MultiPartException, ClientDisconnect):
        raise InvalidRequest("The request body can't be read as a form", cause="body") from None
    token, upload = form.get("form_token"), form.get("file")
    return (
        token if isinstance(token, str) else "",
        upload if isinstance(upload, UploadFile) else None,
    )


class _Bounded:
    """Counts what arrives."""

    def __init__(self, request: Request) -> None:
        self._receive = request.receive
        self._left = MAX_FILE + 64 * 1024

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise InvalidRequest(
                f"The file is larger than {MAX_FILE // 1024**2} MB", cause="body_too_large"
            )
        return message
