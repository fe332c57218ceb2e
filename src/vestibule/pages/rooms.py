"""Rooms: pages for people who are signed in, each with its doorkeeper."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from vestibule.access.caller import API_READ, API_WRITE, Caller
from vestibule.clients.registration import FIRST_PARTY
from vestibule.clock import Clock, utc
from vestibule.errors import AccessForbidden
from vestibule.http.forms import read_form, read_pairs
from vestibule.http.visit import visit_of
from vestibule.pages.browser import Browser, Visitor
from vestibule.pages.language import gettext as _
from vestibule.pages.rendering import Pages
from vestibule.pages.routes import PageRouter, SignInStep, see_other
from vestibule.pages.schemas import PageForm
from vestibule.sessions.models import Session
from vestibule.users.models import User


class RoomForm(BaseModel):
    """Every form of a room: what it does, and the proof that it is ours."""

    model_config = ConfigDict(hide_input_in_errors=True)

    action: str = Field(max_length=40)
    form_token: str = Field(default="", max_length=64)


Form = TypeVar("Form", bound=RoomForm)


@dataclass(frozen=True, slots=True)
class Here:
    """A request of somebody who is signed in, and may be in this room."""

    request: Request
    visitor: Visitor
    user: User
    session: Session
    caller: Caller
    """The person, as a caller of the API would be."""
    room: Room

    @property
    def path(self) -> str:
        """The address of this page, without its query."""
        return self.request.url.path

    def param(self, name: str) -> str:
        """A part of the path."""
        value: str = self.request.path_params[name]
        return value

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the query."""
        return self.request.query_params.get(name, default)

    def page(
        self, template: str, *, status: int = 200, error: str = "", **context: Any
    ) -> Response:
        """A page of this room. Its forms carry `form_token`, and post to its own address."""
        return self.room.page(self, template, status=status, error=error, **context)

    def token(self, path: str) -> str:
        """What a form carries that is posted to that page of the room."""
        return self.room.token(self, path)

    async def form(self, model: type[Form]) -> Form:
        """The form that was sent from this page.

        Raises `ValidationFailed` for what does not fit, `AccessForbidden` where it is not ours.
        """
        return await self.room.form(self, model)

    async def action(self) -> str:
        """What the form that was sent wants; empty where it does not say."""
        return dict(await read_pairs(self.request)).get("action", "")

    def require_own_form(self, token: str) -> None:
        """Raise `AccessForbidden` for a form that is not of this page, where `form` can't be."""
        self.room.require_own_form(self, token)

    def done(self, what: str, *, at: str | None = None, **query: str) -> Response:
        """Go on by GET to this page, or to `at`, and say there that it is done."""
        return see_other(f"{at or self.path}?{urlencode({**query, 'done': what})}")


RoomHandler = Callable[[Here], Awaitable[Response]]


class Room:
    """Pages with one way in: whoever is not signed in, or not lately, is asked to first."""

    def __init__(
        self,
        *,
        pages: Pages,
        browser: Browser,
        sign_in: SignInStep,
        clock: Clock,
        purpose: str,
        administrators: bool = False,
        most_age: int | None = None,
    ) -> None:
        """`purpose` says what people sign in for; `most_age` of the sign-in is in seconds."""
        self._pages = pages
        self._browser = browser
        self._sign_in = sign_in
        self._clock = clock
        self._purpose = purpose
        self._administrators = administrators
        self._most_age = most_age

    def router(self) -> RoomRouter:
        """Routes of this room; make one for each concept."""
        return RoomRouter(self._pages, self)

    def page(
        self,
        here: Here,
        template: str,
        *,
        status: int,
        error: str,
        scripts: bool = True,
        **context: Any,
    ) -> Response:
        """See `Here.page`; one that asks for a password has no `scripts`."""
        return self._pages.page(
            template,
            status=status,
            scripts=scripts,
            error=error,
            done=here.query("done") if here.request.method == "GET" else "",
            path=here.path,
            user=here.user,
            form_token=self.token(here, here.path),
            sign_out_token=self._browser.form_token(here.visitor, "sign_out"),
            **context,
        )

    def token(self, here: Here, path: str) -> str:
        """See `Here.token`."""
        return self._browser.form_token(here.visitor, path)

    async def form(self, here: Here, model: type[Form]) -> Form:
        """See `Here.form`."""
        form = await read_form(here.request, model)
        self.require_own_form(here, form.form_token)
        return form

    def require_own_form(self, here: Here, token: str) -> None:
        """See `Here.require_own_form`."""
        self._browser.require_own_form(here.request, here.visitor, token=token, purpose=here.path)

    async def enter(self, request: Request, handler: RoomHandler) -> Response:
        """Let the handler answer whoever may be here; anybody else is asked to sign in."""
        visitor = await self._browser.visitor(request)
        # Not what was done: it would be said of what was not.
        query = [pair for pair in request.query_params.multi_items() if pair[0] != "done"]
        back = f"{request.url.path}?{urlencode(query)}" if query else request.url.path
        action = ""
        if request.method == "POST" and not is_upload(request):
            action = dict(await read_pairs(request)).get("action", "")
        if action == "sign_in":
            return await self._sign_in.take(request, visitor, purpose=_(self._purpose), back=back)
        if action == "sign_out":
            form = await read_form(request, PageForm)
            return await self._sign_in.sign_out(request, visitor, form, back=request.url.path)
        user, session = visitor.user, visitor.session
        if user is None or session is None or self._is_old(session):
            if is_upload(request):
                return see_other(request.url.path)
            return await self._sign_in.ask(
                visitor,
                purpose=_(self._purpose),
                username=user.username if user else "",
                status=401 if action else 200,
                error=_("Your sign-in has ended. Sign in, and send it again.") if action else "",
            )
        if self._administrators and not user.is_admin:
            raise AccessForbidden("This is for administrators of the service", cause="role")
        caller = caller_of(request, session, user)
        return await handler(Here(request, visitor, user, session, caller, self))

    def _is_old(self, session: Session) -> bool:
        if self._most_age is None:
            return False
        return utc(self._clock) - session.auth_time > timedelta(seconds=self._most_age)


class RoomRouter(PageRouter):
    """Routes of a room. Each page is one address: GET shows it, its forms are posted to it."""

    def __init__(self, pages: Pages, room: Room) -> None:
        super().__init__(pages)
        self._room = room
        self._acts: dict[str, RoomHandler] = {}

    def shows(self, path: str) -> Callable[[RoomHandler], RoomHandler]:
        """Register what answers GET; people may sign in and out at this address, too."""

        def register(handler: RoomHandler) -> RoomHandler:
            async def show(request: Request) -> Response:
                return await self._room.enter(request, handler)

            async def act(request: Request) -> Response:
                return await self._room.enter(request, self._acts.get(path, _stay))

            self.page(path)(show)
            self.page(path, "POST")(act)
            return handler

        return register

    def acts(self, path: str) -> Callable[[RoomHandler], RoomHandler]:
        """Register what answers the forms of a page that is shown."""

        def register(handler: RoomHandler) -> RoomHandler:
            self._acts[path] = handler
            return handler

        return register


async def _stay(here: Here) -> Response:
    return see_other(here.path)


def caller_of(request: Request, session: Session, user: User) -> Caller:
    """The person in this browser, as a caller of the API would be."""
    visit = visit_of(request)
    return Caller(
        user_id=user.id,
        username=user.username,
        email_address=user.email_address,
        email_verified=user.email_verified,
        is_admin=user.is_admin,
        client_id=FIRST_PARTY,
        scopes=frozenset({API_READ, API_WRITE}),
        session_id=session.id,
        address=visit.address,
        request_id=visit.request_id,
    )


def is_upload(request: Request) -> bool:
    """Whether a form with files was sent, of which nothing was read yet."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")
