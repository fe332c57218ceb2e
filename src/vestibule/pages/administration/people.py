"""`/admin/users`: everybody who has an account, found by how a name begins, and new accounts."""

from __future__ import annotations

from pydantic import Field, SecretStr
from starlette.responses import Response

from vestibule.errors import AlreadyExists, ValidationFailed
from vestibule.http.forms import MAX_SECRET
from vestibule.pages.paging import page_of
from vestibule.pages.rooms import Here, Room, RoomForm, words
from vestibule.pages.routes import PageRouter, see_other
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


def router(*, room: Room, people: UserAdministration) -> PageRouter:
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

    @routes.shows(NEW)
    async def form(here: Here) -> Response:
        return here.page("administration/user_new.html", form=NewUserForm(action="create"))

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
            return here.page(
                "administration/user_new.html", status=error.status, error=words(error), form=form
            )
        return see_other(f"{PATH}/{user.id}?done=created")

    return routes
