"""`/forgotten`, `/reset`, `/verify`: a new password, and the proof of an address, by mail."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from vestibule.audit.service import Audit
from vestibule.errors import ApiError, ValidationFailed
from vestibule.http.forms import MAX_SECRET, read_form
from vestibule.http.visit import visit_of
from vestibule.issuing.trail import attempt_of
from vestibule.pages.browser import Browser
from vestibule.pages.language import gettext as _
from vestibule.pages.rendering import Pages
from vestibule.pages.routes import PageRouter
from vestibule.recovery.service import Recovery

MAX_TOKEN = 100
FORGOTTEN = "forgotten"


class ForgottenForm(BaseModel):
    """Whose password is forgotten."""

    model_config = ConfigDict(hide_input_in_errors=True)

    form_token: str = Field(default="", max_length=64)
    username: str = Field(min_length=1, max_length=320)


class ResetForm(BaseModel):
    """The new password."""

    model_config = ConfigDict(hide_input_in_errors=True)

    form_token: str = Field(default="", max_length=64)
    password: SecretStr = Field(min_length=1, max_length=MAX_SECRET)


class VerifyForm(BaseModel):
    """A yes."""

    form_token: str = Field(default="", max_length=64)


def router(*, pages: Pages, browser: Browser, recovery: Recovery, audit: Audit) -> PageRouter:
    """The pages that links by mail lead to, and the one that asks for a link."""
    routes = PageRouter(pages)

    async def shown(
        request: Request,
        template: str,
        purpose: str,
        *,
        error: str = "",
        status: int = 200,
        username: str = "",
    ) -> Response:
        visitor = await browser.visitor(request)
        token = browser.form_token(visitor, purpose)
        response = pages.page(
            template, status=status, error=error, form_token=token, username=username
        )
        return browser.remember(response, visitor)

    async def reset_shown(
        request: Request, token: str, *, error: str = "", status: int = 200
    ) -> Response:
        # What keeps passwords for people must know whose the new one is.
        visit = visit_of(request)
        attempt = attempt_of(visit, "password_reset")
        async with audit.following(attempt):
            user = await recovery.account_of(_secret(token), visit=visit, attempt=attempt)
        purpose = _purpose("reset", token)
        return await shown(
            request, "reset.html", purpose, error=error, status=status, username=user.username
        )

    async def require_own(request: Request, token: str, purpose: str) -> None:
        visitor = await browser.visitor(request)
        browser.require_own_form(request, visitor, token=token, purpose=purpose)

    @routes.page("/forgotten")
    async def show_forgotten(request: Request) -> Response:
        return await shown(request, "forgotten.html", FORGOTTEN)

    @routes.page("/forgotten", "POST")
    async def ask(request: Request) -> Response:
        try:
            form = await read_form(request, ForgottenForm)
        except ValidationFailed:
            said = _("Enter your username or your e-mail address.")
            return await shown(request, "forgotten.html", FORGOTTEN, error=said, status=422)
        await require_own(request, form.form_token, FORGOTTEN)
        visit = visit_of(request)
        attempt = attempt_of(visit, "password_forgotten")
        await recovery.forgotten(form.username, visit=visit, attempt=attempt)
        return _done(
            pages,
            _("Look into your mail"),
            _("If there is an account of that name, a link is on its way to its address."),
        )

    @routes.page("/reset")
    async def show_reset(request: Request) -> Response:
        token = request.query_params.get("token", "")
        return await reset_shown(request, token)

    @routes.page("/reset", "POST")
    async def reset(request: Request) -> Response:
        token = request.query_params.get("token", "")
        try:
            form = await read_form(request, ResetForm)
        except ValidationFailed:
            said = _("Enter a password of at most 1,024 characters.")
            return await reset_shown(request, token, error=said, status=422)
        await require_own(request, form.form_token, _purpose("reset", token))
        visit = visit_of(request)
        attempt = attempt_of(visit, "password_reset")
        try:
            async with audit.following(attempt):
                await recovery.reset(_secret(token), form.password, visit=visit, attempt=attempt)
        except ValidationFailed as error:
            told = f"{_(_why(error))}."
            return await reset_shown(request, token, error=told, status=error.status)
        return _done(pages, _("Your password is changed"), _("Sign in with the new one."))

    @routes.page("/verify")
    async def show_verify(request: Request) -> Response:
        token = request.query_params.get("token", "")
        # A question, because programs that look at mail for viruses open its links.
        return await shown(request, "verify.html", _purpose("verify", token))

    @routes.page("/verify", "POST")
    async def verify(request: Request) -> Response:
        token = request.query_params.get("token", "")
        form = await read_form(request, VerifyForm)
        await require_own(request, form.form_token, _purpose("verify", token))
        visit = visit_of(request)
        attempt = attempt_of(visit, "email_verify")
        async with audit.following(attempt):
            await recovery.verify(_secret(token), visit=visit, attempt=attempt)
        return _done(pages, _("Your address is verified"), _("You can close this page."))

    return routes


def _done(pages: Pages, title: str, text: str) -> Response:
    return pages.page("done.html", title=title, text=text)


def _why(error: ApiError) -> str:
    return error.errors[0].msg if error.errors else error.detail


def _secret(token: str) -> SecretStr:
    return SecretStr(token[:MAX_TOKEN])


def _purpose(page: str, token: str) -> str:
    # A form of one link is worth nothing for another.
    return f"{page} " + hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
