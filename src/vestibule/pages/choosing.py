"""Which organization a client is let into: asked where nothing says it."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from vestibule.clients.scopes import ORG_SCOPE
from vestibule.errors import ApiError
from vestibule.issuing.entering import Choice
from vestibule.members.default import DefaultOrganization
from vestibule.oauth.authorization import AuthorizationRequest
from vestibule.pages.browser import Browser, Visitor
from vestibule.pages.language import gettext as _
from vestibule.pages.refusals import refusal
from vestibule.pages.rendering import Pages
from vestibule.pages.rooms import caller_of
from vestibule.pages.routes import see_other
from vestibule.pages.schemas import PageForm
from vestibule.users.models import User

AGAIN = "choose"
"""Stands in the address once `prompt=select_account` was answered by a sign-in: the organization
is still to be chosen. No parameter of the standard, so that it can't be taken for one."""


class Choosing:
    """The page that asks, and what the answer leads to."""

    def __init__(self, *, pages: Pages, browser: Browser, default: DefaultOrganization) -> None:
        self._pages = pages
        self._browser = browser
        self._default = default

    def is_needed(
        self, request: Request, asked: AuthorizationRequest, user: User, choice: Choice
    ) -> bool:
        """Whether there are several, none was named, and the person has no default among them.

        Whoever wants to select an account is asked in spite of a default.
        """
        if asked.org_key is not None or len(choice.possible) < 2:
            return False
        return AGAIN in request.query_params or own_default(choice, user) is None

    def show(
        self,
        request: Request,
        asked: AuthorizationRequest,
        visitor: Visitor,
        user: User,
        choice: Choice,
        *,
        error: ApiError | None = None,
        missing: bool = False,
    ) -> Response:
        """The page, with what was wrong where a form came before; `missing`: without an answer."""
        told: dict[str, Any] = {"error": "", **refusal(error)}
        if missing:
            told = {"error": _("Choose an organization."), "status": 422}
        return self._pages.page(
            "choose_organization.html",
            then=asked.redirect_uri,
            user=user,
            client=asked.client,
            memberships=choice.possible,
            default=own_default(choice, user),
            form_token=self._browser.form_token(visitor, _purpose(request)),
            sign_out_token=self._browser.form_token(visitor, "sign_out"),
            **told,
        )

    async def take(
        self,
        request: Request,
        asked: AuthorizationRequest,
        visitor: Visitor,
        user: User,
        choice: Choice,
        form: PageForm,
    ) -> Response:
        """Go on with a request that names what was chosen; keep that where it is wished.

        Raises `AccessForbidden` for one that can't be entered.
        """
        self._browser.require_own_form(
            request, visitor, token=form.form_token, purpose=_purpose(request)
        )
        if not form.org:
            return self.show(request, asked, visitor, user, choice, missing=True)
        chosen = choice.picked(form.org)
        assert chosen is not None
        assert visitor.session is not None
        if form.from_now_on:
            caller = caller_of(request, visitor.session, user)
            try:
                await self._default.choose(caller, chosen.organization.key)
            except ApiError as error:
                return self.show(request, asked, visitor, user, choice, error=error)
        return see_other(_naming(request, chosen.organization.key), then=asked.redirect_uri)


def own_default(choice: Choice, user: User) -> str | None:
    """Key of the organization that the person has chosen for good, where it can be entered."""
    for membership in choice.possible:
        if membership.organization.id == user.default_org_id:
            return membership.organization.key
    return None


def _naming(request: Request, key: str) -> str:
    """The same request with the organization in its scope."""
    pairs = dict(parse_qsl(request.url.query, keep_blank_values=True))
    pairs.pop(AGAIN, None)
    pairs["scope"] = f"{pairs.get('scope', '')} {ORG_SCOPE}{key}".strip()
    return f"{request.url.path}?{urlencode(pairs)}"


def _purpose(request: Request) -> str:
    # An answer is to this question and no other, and no consent.
    return "choose " + hashlib.sha256(request.url.query.encode()).hexdigest()
