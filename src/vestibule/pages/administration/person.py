"""`/admin/users/{id}`: one account, and what can be done with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from pydantic import Field, SecretStr
from starlette.responses import Response

from vestibule.errors import ApiError, NotFound
from vestibule.http.forms import MAX_SECRET
from vestibule.http.visit import visit_of
from vestibule.identity.administration import DirectoryAdministration
from vestibule.orgs.service import Organizations
from vestibule.pages.paging import uuid_of
from vestibule.pages.refusals import again
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter
from vestibule.recovery.service import Recovery
from vestibule.sessions.administration import SessionAdministration
from vestibule.users.administration import UserAdministration

PATH = "/admin/users/{user_id}"
SESSIONS = 20


class PersonForm(RoomForm):
    """What the forms of the page send: each some of it."""

    first_name: str = Field(default="", max_length=320)
    last_name: str = Field(default="", max_length=320)
    password: SecretStr = Field(default=SecretStr(""), max_length=MAX_SECRET)
    session_id: str = Field(default="", max_length=40)
    directory: str = Field(default="", max_length=63)


Act = Callable[[Here, UUID, PersonForm], Awaitable[None]]


def router(
    *,
    room: Room,
    people: UserAdministration,
    organizations: Organizations,
    sessions: SessionAdministration,
    directories: DirectoryAdministration,
    recovery: Recovery,
    sends_mail: bool,
) -> PageRouter:
    """The page of an account."""
    routes = room.router()

    async def shown(here: Here, *, refused: ApiError | None = None) -> Response:
        user_id = uuid_of(here.param("user_id"))
        return here.page(
            "administration/user.html",
            **again(refused),
            scripts=False,
            person=await people.get(here.caller, user_id),
            memberships=await organizations.memberships_of(user_id),
            sessions=await sessions.list_of(here.caller, user_id, after=None, limit=SESSIONS),
            identities=await directories.identities_of(here.caller, user_id),
            is_own=user_id == here.caller.user_id,
            sends_mail=sends_mail,
        )

    async def mail_reset(here: Here, user_id: UUID, _: PersonForm) -> None:
        await recovery.send_reset(here.caller, user_id, network=visit_of(here.request).network)

    acts: dict[str, Act] = {
        "rename": lambda here, user_id, form: people.rename(
            here.caller, user_id, first_name=form.first_name, last_name=form.last_name
        ),
        "vouch": lambda here, user_id, _: people.vouch(here.caller, user_id),
        "enable": lambda here, user_id, _: people.set_active(here.caller, user_id, is_active=True),
        "disable": lambda here, user_id, _: people.set_active(
            here.caller, user_id, is_active=False
        ),
        "make_admin": lambda here, user_id, _: people.set_admin(
            here.caller, user_id, is_admin=True
        ),
        "unmake_admin": lambda here, user_id, _: people.set_admin(
            here.caller, user_id, is_admin=False
        ),
        "password": lambda here, user_id, form: people.set_password(
            here.caller, user_id, form.password
        ),
        "mail_reset": mail_reset,
        "end_sessions": lambda here, user_id, _: sessions.end_all_of(here.caller, user_id),
        "end_session": lambda here, user_id, form: sessions.end_of(
            here.caller, user_id, uuid_of(form.session_id)
        ),
        "unlink": lambda here, user_id, form: directories.unlink(
            here.caller, form.directory, user_id
        ),
    }

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        return await shown(here)

    @routes.acts(PATH)
    async def act(here: Here) -> Response:
        form = await here.form(PersonForm)
        work = acts.get(form.action)
        if work is None:
            raise NotFound("Nothing is here", cause="action")
        try:
            await work(here, uuid_of(here.param("user_id")), form)
        except ApiError as error:
            if error.status not in (404, 409, 422, 429):
                raise
            return await shown(here, refused=error)
        return here.done(form.action)

    return routes
