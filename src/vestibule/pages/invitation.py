"""`/invitation`: where the link of an invitation leads, and a person joins an organization."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode

from fastapi import APIRouter
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from vestibule.access.caller import API_READ, API_WRITE, Caller
from vestibule.clients.registration import FIRST_PARTY
from vestibule.errors import AlreadyExists, NotFound
from vestibule.http.forms import read_form
from vestibule.http.visit import visit_of
from vestibule.members.invitations import Invitations
from vestibule.pages.browser import Browser, Visitor
from vestibule.pages.rendering import Pages
from vestibule.pages.routes import SignInStep, page_route, see_other
from vestibule.pages.schemas import PageForm
from vestibule.users.models import User

PATH = "/invitation"
PURPOSE = "to accept the invitation"
MAX_TOKEN = 100


def router(*, pages: Pages, browser: Browser, invitations: Invitations) -> APIRouter:
    """The page of an invitation."""
    routes = APIRouter(include_in_schema=False, route_class=page_route(pages))
    sign_in = SignInStep(browser=browser, pages=pages)

    @routes.get(PATH)
    async def show(request: Request, token: str = "") -> Response:
        visitor = await browser.visitor(request)
        if visitor.user is None:
            return sign_in.ask(visitor, purpose=PURPOSE)
        user = visitor.user
        found, reason, status = None, "", 200
        try:
            found = await invitations.find(_caller(request, visitor, user), token=_secret(token))
        except (NotFound, AlreadyExists) as error:
            # To another account it may well be known: the page says whose this one is.
            reason, status = error.detail, error.status
        return pages.page(
            "invitation.html",
            status=status,
            user=user,
            found=found,
            reason=reason,
            form_token=browser.form_token(visitor, _purpose(token)),
            sign_out_token=browser.form_token(visitor, "sign_out"),
        )

    @routes.post(PATH)
    async def act(request: Request, token: str = "") -> Response:
        visitor = await browser.visitor(request)
        back = f"{PATH}?{urlencode({'token': token[:MAX_TOKEN]})}"
        form = await read_form(request, PageForm)
        if form.action == "sign_in":
            return await sign_in.take(request, visitor, purpose=PURPOSE, back=back)
        if visitor.user is None:
            return see_other(back)
        if form.action == "sign_out":
            return await sign_in.sign_out(request, visitor, form, back=back)
        browser.require_own_form(request, visitor, token=form.form_token, purpose=_purpose(token))
        membership = None
        if form.action == "approve":
            caller = _caller(request, visitor, visitor.user)
            membership = await invitations.accept(caller, token=_secret(token))
        return pages.page("invitation_done.html", membership=membership)

    return routes


def _caller(request: Request, visitor: Visitor, user: User) -> Caller:
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
        session_id=visitor.session.id if visitor.session else None,
        address=visit.address,
        request_id=visit.request_id,
    )


def _secret(token: str) -> SecretStr:
    return SecretStr(token[:MAX_TOKEN])


def _purpose(token: str) -> str:
    return "invitation " + hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
