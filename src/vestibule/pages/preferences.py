"""`/language`: the language that a person chooses, kept in their browser."""

from __future__ import annotations

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from vestibule.http.forms import read_form
from vestibule.pages import language
from vestibule.pages.browser import Browser
from vestibule.pages.rendering import Pages
from vestibule.pages.routes import PageRouter, see_other

YEAR = 365 * 86400
"""Seconds."""


class LanguageForm(BaseModel):
    """What was chosen, and where."""

    language: str = Field(max_length=16)
    back: str = Field(default="/", max_length=8192)


def router(*, pages: Pages, browser: Browser) -> PageRouter:
    """The route of the choice."""
    routes = PageRouter(pages)

    @routes.page("/language", "POST")
    async def choose(request: Request) -> Response:
        # Without a token, which would make a new browser remember us before anybody signs in.
        browser.require_own_site(request)
        form = await read_form(request, LanguageForm)
        response = see_other(form.back if is_ours(form.back) else "/")
        if form.language in language.LANGUAGES:
            browser.prefer(response, language.COOKIE, form.language, lifetime=YEAR)
        return response

    return routes


def is_ours(address: str) -> bool:
    """Whether a browser that goes there stays here: a path, and none that names a host.

    Browsers take backslashes for slashes, and leave out tabs and line ends (WHATWG URL).
    """
    return (
        address.startswith("/")
        and not address.startswith(("//", "/\\"))
        and address.isprintable()
        and address.isascii()
    )
