"""Routes whose errors are pages, and the step that both kinds of approval begin with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from vestibule.errors import ApiError, AuthenticationFailed, ValidationFailed
from vestibule.http.forms import read_form
from vestibule.pages import language
from vestibule.pages.browser import Browser, Visitor
from vestibule.pages.errors import error_page
from vestibule.pages.language import gettext as _
from vestibule.pages.rendering import Pages, security_headers
from vestibule.pages.schemas import PageForm, SignInForm
from vestibule.pages.ways import Ways

Handler = Callable[[Request], Awaitable[Response]]

SIGN_IN = "sign_in"


class PageRoute(Route):
    """A route of the application that tells which it is, as those of the API do."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, inner = super().matches(scope)
        return match, {**inner, "route": self} if match is not Match.NONE else inner


class PageRouter:
    """Routes whose errors are pages, and whose handlers read their requests themselves."""

    def __init__(self, pages: Pages) -> None:
        self.routes: list[BaseRoute] = []
        self._pages = pages

    def page(self, path: str, *methods: str) -> Callable[[Handler], Handler]:
        """Register a handler; GET is what it answers by default."""

        def register(handler: Handler) -> Handler:
            self.routes.append(
                PageRoute(path, self._shown(handler), methods=list(methods) or ["GET"])
            )
            return handler

        return register

    def _shown(self, handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            language.choose(request)
            try:
                return await handler(request)
            except ApiError as error:
                return error_page(self._pages, request, error)

        return handle


class SignInStep:
    """Whoever is not signed in is asked to, at the same address, and comes back to it."""

    def __init__(self, *, browser: Browser, pages: Pages, ways: Ways) -> None:
        self._browser = browser
        self._pages = pages
        self._ways = ways

    async def ask(
        self,
        visitor: Visitor,
        *,
        purpose: str,
        username: str = "",
        error: str = "",
        then: str | None = None,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """The sign-in page; `purpose` is a sentence that says what for."""
        response = self._pages.page(
            "sign_in.html",
            status=status,
            then=then,
            headers=headers,
            purpose=purpose,
            username=username,
            error=error,
            directories=await self._ways.are_offered(),
            form_token=self._browser.form_token(visitor, SIGN_IN),
        )
        return self._browser.remember(response, visitor)

    async def take(
        self,
        request: Request,
        visitor: Visitor,
        *,
        purpose: str,
        back: str,
        then: str | None = None,
    ) -> Response:
        """Sign in with the form of this request: to `back`, or the page again with the reason."""
        try:
            form = await read_form(request, SignInForm)
            elsewhere = form.through == "directory"
            if not elsewhere and not form.password.get_secret_value():
                raise ValidationFailed
        except ValidationFailed:
            return await self.ask(
                visitor,
                purpose=purpose,
                error=_("Enter your username and your password."),
                then=then,
                status=422,
            )
        self._browser.require_own_form(request, visitor, token=form.form_token, purpose=SIGN_IN)
        try:
            if elsewhere:
                return await self._ways.leave(visitor, username=form.username, back=back)
            cookie = await self._browser.sign_in(request, visitor, form)
        except AuthenticationFailed:
            return await self.ask(
                visitor,
                purpose=purpose,
                username=form.username,
                error=_("The username or the password is wrong."),
                then=then,
                status=401,
            )
        except ApiError as error:
            if error.cause == "directory_browser_only":
                return await self._ways.leave(visitor, username=form.username, back=back)
            if error.status not in (403, 404, 409, 429, 502, 504):
                raise
            return await self.ask(
                visitor,
                purpose=purpose,
                username=form.username,
                error=f"{_(error.detail)}.",
                then=then,
                status=error.status,
                headers=dict(error.headers),
            )
        return self._browser.signed_in(see_other(back, then=then), cookie)

    async def sign_out(
        self, request: Request, visitor: Visitor, form: PageForm, *, back: str
    ) -> Response:
        """Let somebody else sign in at the same address."""
        self._browser.require_own_form(request, visitor, token=form.form_token, purpose="sign_out")
        await self._browser.sign_out(request, visitor)
        return self._browser.signed_out(see_other(back))


def see_other(location: str, *, then: str | None = None) -> Response:
    """Go on by GET (RFC 9110 §15.4.4): a form must not be sent on with what is in it."""
    return RedirectResponse(location, status_code=303, headers=security_headers(then))
