"""Routes whose errors are pages, and the step that both kinds of approval begin with."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vestibule.errors import ApiError, AuthenticationFailed, ValidationFailed
from vestibule.http.context import context_of
from vestibule.http.forms import read_form
from vestibule.pages.browser import Browser, Visitor
from vestibule.pages.rendering import Pages, security_headers
from vestibule.pages.schemas import PageForm, SignInForm

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

SIGN_IN = "sign_in"


def page_route(pages: Pages) -> type[APIRoute]:
    """A route class that shows errors to people."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handler = super().get_route_handler()

            async def handle(request: Request) -> Response:
                try:
                    return await handler(request)
                except ApiError as error:
                    return pages.page(
                        "error.html",
                        status=error.status,
                        headers=dict(error.headers),
                        title=error.description,
                        detail=error.detail,
                        request_id=context_of(request).request_id,
                    )

            return handle

    return PageRoute


class SignInStep:
    """Whoever is not signed in is asked to, at the same address, and comes back to it."""

    def __init__(self, *, browser: Browser, pages: Pages) -> None:
        self._browser = browser
        self._pages = pages

    def ask(
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
        except ValidationFailed:
            return self.ask(
                visitor,
                purpose=purpose,
                error="Enter your username and your password.",
                then=then,
                status=422,
            )
        self._browser.require_own_form(request, visitor, token=form.form_token, purpose=SIGN_IN)
        try:
            cookie = await self._browser.sign_in(request, visitor, form)
        except AuthenticationFailed:
            return self.ask(
                visitor,
                purpose=purpose,
                username=form.username,
                error="The username or the password is wrong.",
                then=then,
                status=401,
            )
        except ApiError as error:
            if error.status not in (403, 429):
                raise
            return self.ask(
                visitor,
                purpose=purpose,
                username=form.username,
                error=f"{error.detail}.",
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
