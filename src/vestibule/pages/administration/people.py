"""`/admin/users`: everybody who has an account, found by how a name begins, and new accounts."""

from __future__ import annotations

from pydantic import Field, SecretStr
from starlette.responses import Response

from vestibule.errors import AlreadyExists, ApiError, ValidationFailed
from vestibule.http.forms import MAX_SECRET
from vestibule.http.visit import visit_of
from vestibule.pages.paging import page_of
from vestibule.pages.refusals import again
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter, see_other
from vestibule.recovery.service import Recovery
from vestibule.users.administration import UserAdministration

PATH = "/admin/users"
NEW = f"{PATH}/new"
PER_PAGE = 50


class NewUserForm(RoomForm):
    """A new account, as it was typed."""

    username: str = Field(default="", max_length=320)
    email_address: str = Field(default="", max_length=320)
    first_name: str = Field(default="", max_length=320)
    last_name: str = Field(default="", max_length=320)
    password: SecretStr = Field(default=SecretStr(""), max_length=MAX_SECRET)


def router(
    *, room: Room, people: UserAdministration, recovery: Recovery, sends_mail: bool
) -> PageRouter:
    """The pages of all accounts."""
    routes = room.router()

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        start = here.query("search")[:320]
        found, behind = await people.search(
            here.caller, start, after=here.query("after"), limit=PER_PAGE
        )
        return here.page(
            "administration/users.html",
            found=found,
            search=start,
            following=page_of(PATH, search=start, after=behind) if behind else "",
        )

    def new(here: Here, form: NewUserForm, *, refused: ApiError | None = None) -> Response:
        return here.page(
            "administration/user_new.html",
            **again(refused),
            form=form,
            sends_mail=sends_mail,
            scripts=False,
        )

    @routes.shows(NEW)
    async def form(here: Here) -> Response:
        return new(here, NewUserForm(action="create"))

    @routes.acts(NEW)
    async def create(here: Here) -> Response:
        form = await here.form(NewUserForm)
        password = form.password if form.password.get_secret_value() else None
        try:
            user = await people.create(
                here.caller,
                username=form.username,
                email_address=form.email_address or None,
                first_name=form.first_name,
                last_name=form.last_name,
                password=password,
            )
        except (ValidationFailed, AlreadyExists) as error:
            return new(here, form, refused=error)
        if sends_mail and password is None and user.email_address is not None:
            network = visit_of(here.request).network
            await recovery.send_reset(here.caller, user.id, network=network)
        return see_other(f"{PATH}/{user.id}?done=created")

    return routes
