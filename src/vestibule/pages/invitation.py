"""`/invitation`: where the link of an invitation leads, and a person joins an organization."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from vestibule.errors import AlreadyExists, NotFound
from vestibule.http.forms import read_form
from vestibule.members.invitations import Invitations
from vestibule.pages.browser import Browser
from vestibule.pages.language import gettext as _, noop
from vestibule.pages.rendering import Pages
from vestibule.pages.rooms import caller_of
from vestibule.pages.routes import PageRouter, SignInStep, see_other
from vestibule.pages.schemas import PageForm

PATH = "/invitation"
PURPOSE = noop("to accept the invitation")
MAX_TOKEN = 100


def router(
    *, pages: Pages, browser: Browser, sign_in: SignInStep, invitations: Invitations
) -> PageRouter:
    """The page of an invitation."""
    routes = PageRouter(pages)

    @routes.page(PATH)
    async def show(request: Request) -> Response:
        token = request.query_params.get("token", "")
        visitor = await browser.visitor(request)
        if visitor.user is None or visitor.session is None:
            return await sign_in.ask(visitor, purpose=_(PURPOSE))
        caller = caller_of(request, visitor.session, visitor.user)
        found, reason, status = None, "", 200
        try:
            found = await invitations.find(caller, token=_secret(token))
        except (NotFound, AlreadyExists) as error:
            # To another account it may well be known: the page says whose this one is.
            reason, status = f"{_(error.detail)}.", error.status
        return pages.page(
            "invitation.html",
            status=status,
            user=visitor.user,
            found=found,
            reason=reason,
            form_token=browser.form_token(visitor, _purpose(token)),
            sign_out_token=browser.form_token(visitor, "sign_out"),
        )

    @routes.page(PATH, "POST")
    async def act(request: Request) -> Response:
        token = request.query_params.get("token", "")
        visitor = await browser.visitor(request)
        back = f"{PATH}?{urlencode({'token': token[:MAX_TOKEN]})}"
        form = await read_form(request, PageForm)
        if form.action == "sign_in":
            return await sign_in.take(request, visitor, purpose=_(PURPOSE), back=back)
        if visitor.user is None or visitor.session is None:
            return see_other(back)
        if form.action == "sign_out":
            return await sign_in.sign_out(request, visitor, form, back=back)
        browser.require_own_form(request, visitor, token=form.form_token, purpose=_purpose(token))
        membership = None
        if form.action == "approve":
            caller = caller_of(request, visitor.session, visitor.user)
            membership = await invitations.accept(caller, token=_secret(token))
        return pages.page("invitation_done.html", membership=membership)

    return routes


def _secret(token: str) -> SecretStr:
    return SecretStr(token[:MAX_TOKEN])


def _purpose(token: str) -> str:
    return "invitation " + hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
