"""`/oauth2/authorize`: where a person lets a client in.

RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from vestibule.audit.models import Result
from vestibule.audit.service import Attempt, Audit
from vestibule.clock import Clock, utc
from vestibule.errors import ApiError
from vestibule.http.forms import read_form, read_pairs
from vestibule.http.visit import visit_of
from vestibule.issuing.entering import Choice, choice_of
from vestibule.issuing.trail import attempt_of
from vestibule.members.default import DefaultOrganization
from vestibule.oauth.authorization import PARAMETERS, AuthorizationRequest, Authorizations, Refused
from vestibule.orgs.models import Membership
from vestibule.orgs.service import Organizations
from vestibule.pages.browser import Browser, Visitor
from vestibule.pages.choosing import AGAIN, Choosing
from vestibule.pages.language import gettext as _
from vestibule.pages.rendering import Pages
from vestibule.pages.routes import PageRouter, SignInStep, see_other
from vestibule.pages.schemas import PageForm
from vestibule.sessions.models import Session
from vestibule.users.models import User

PATH = "/oauth2/authorize"
ASKS_WHO = {"login", "select_account"}
"""Values of `prompt` that want the person to say who they are, whoever is signed in."""


def router(
    *,
    pages: Pages,
    browser: Browser,
    sign_in: SignInStep,
    authorizations: Authorizations,
    organizations: Organizations,
    default: DefaultOrganization,
    audit: Audit,
    clock: Clock,
) -> PageRouter:
    """The authorization endpoint."""
    routes = PageRouter(pages)
    consent = _Consent(
        pages=pages, browser=browser, authorizations=authorizations, organizations=organizations,
        choosing=Choosing(pages=pages, browser=browser, default=default), clock=clock,
    )  # fmt: skip

    def told(refused: Refused, attempt: Attempt) -> Response:
        audit.record_soon(
            audit.event(attempt, result=Result.REFUSED, cause=refused.cause, status=303)
        )
        return see_other(refused.location)

    @routes.page(PATH)
    async def show(request: Request) -> Response:
        visitor = await browser.visitor(request)
        attempt = _attempt(request, visitor)
        try:
            asked = await authorizations.read(request.url.query, attempt=attempt)
            if consent.must_sign_in(asked, visitor):
                if "none" in asked.prompt:
                    raise authorizations.refusal(asked.redirect_uri, asked.state, "login_required")
                return await sign_in.ask(
                    visitor,
                    purpose=_("to go on to %(name)s") % {"name": asked.client.name},
                    username=asked.login_hint,
                    error=consent.why_again(asked, visitor),
                    then=asked.redirect_uri,
                )
            assert visitor.user is not None
            return await consent.show(request, asked, visitor, visitor.user)
        except Refused as refused:
            return told(refused, attempt)

    @routes.page(PATH, "POST")
    async def act(request: Request) -> Response:
        visitor = await browser.visitor(request)
        if not request.url.query:
            # OpenID Connect Core §3.1.2.1: the request itself may come by POST. Of what is no
            # part of one, nothing must come to stand in an address.
            pairs = [pair for pair in await read_pairs(request) if pair[0] in PARAMETERS]
            return see_other(f"{PATH}?{urlencode(pairs)}")
        attempt = _attempt(request, visitor)
        try:
            asked = await authorizations.read(request.url.query, attempt=attempt)
            form = await read_form(request, PageForm)
            back = f"{PATH}?{_without_login(request.url.query)}"
            if form.action == "sign_in":
                return await sign_in.take(
                    request,
                    visitor,
                    purpose=_("to go on to %(name)s") % {"name": asked.client.name},
                    back=back,
                    then=asked.redirect_uri,
                )
            if visitor.user is None or visitor.session is None:
                return see_other(back)
            if form.action == "sign_out":
                return await sign_in.sign_out(request, visitor, form, back=back)
            if form.action == "choose":
                return await consent.choose(request, asked, visitor, visitor.user, form)
            return await consent.decide(request, asked, visitor, visitor.user, form)
        except Refused as refused:
            return told(refused, attempt)

    return routes


class _Consent:
    """What a person is asked, and what follows."""

    def __init__(
        self,
        *,
        pages: Pages,
        browser: Browser,
        authorizations: Authorizations,
        organizations: Organizations,
        choosing: Choosing,
        clock: Clock,
    ) -> None:
        self._pages = pages
        self._browser = browser
        self._authorizations = authorizations
        self._organizations = organizations
        self._choosing = choosing
        self._clock = clock

    def must_sign_in(self, asked: AuthorizationRequest, visitor: Visitor) -> bool:
        """Whether nobody is signed in here, or somebody else, or too long ago for this client."""
        session = visitor.session
        if session is None or visitor.user is None or asked.prompt & ASKS_WHO or asked.max_age == 0:
            return True
        if asked.sub not in (None, str(visitor.user.id)):
            # OpenID Connect Core §3.1.2.2: never an answer about somebody else.
            return True
        if asked.max_age is None:
            return False
        return utc(self._clock) - session.auth_time > timedelta(seconds=asked.max_age)

    def why_again(self, asked: AuthorizationRequest, visitor: Visitor) -> str:
        """What to tell somebody who is signed in, and is not who is meant."""
        if visitor.user is None or asked.sub in (None, str(visitor.user.id)):
            return ""
        return _("Sign in as the person that this program has asked for.")

    async def show(
        self, request: Request, asked: AuthorizationRequest, visitor: Visitor, user: User
    ) -> Response:
        """The question, or at once the answer where there is nothing to ask."""
        choice = await self._choice(asked, user, visitor)
        if self._choosing.is_needed(request, asked, user, choice):
            if "none" in asked.prompt:
                # OpenID Connect Core §3.1.2.6.
                raise self._authorizations.refusal(
                    asked.redirect_uri, asked.state, "interaction_required",
                    "An organization must be chosen, or named by the scope",
                )  # fmt: skip
            return self._choosing.show(request, asked, visitor, user, choice)
        if not await self._authorizations.needs_consent(asked, user, choice.meant):
            assert visitor.session is not None
            return await self._grant(request, asked, user, visitor.session, choice.meant)
        if "none" in asked.prompt:
            raise self._authorizations.refusal(asked.redirect_uri, asked.state, "consent_required")
        return self._pages.page(
            "consent.html",
            then=asked.redirect_uri,
            user=user,
            client=asked.client,
            scopes=sorted(asked.scopes),
            memberships=choice.possible,
            chosen=choice.meant,
            form_token=self._browser.form_token(visitor, _purpose(request)),
            sign_out_token=self._browser.form_token(visitor, "sign_out"),
        )

    async def choose(
        self,
        request: Request,
        asked: AuthorizationRequest,
        visitor: Visitor,
        user: User,
        form: PageForm,
    ) -> Response:
        """Take the organization that was chosen."""
        choice = await self._choice(asked, user, visitor)
        return await self._choosing.take(request, asked, visitor, user, choice, form)

    async def decide(
        self,
        request: Request,
        asked: AuthorizationRequest,
        visitor: Visitor,
        user: User,
        form: PageForm,
    ) -> Response:
        """Yes or no to what was shown."""
        self._browser.require_own_form(
            request, visitor, token=form.form_token, purpose=_purpose(request)
        )
        if form.action != "approve":
            raise self._authorizations.refusal(asked.redirect_uri, asked.state, "access_denied")
        chosen = (await self._choice(asked, user, visitor)).picked(form.org)
        assert visitor.session is not None
        return await self._grant(request, asked, user, visitor.session, chosen)

    async def _grant(
        self,
        request: Request,
        asked: AuthorizationRequest,
        user: User,
        session: Session,
        membership: Membership | None,
    ) -> Response:
        location = await self._authorizations.grant(
            asked,
            user=user,
            membership=membership,
            auth_time=session.auth_time,
            directory=session.directory,
            attempt=attempt_of(visit_of(request), "authorize"),
        )
        return see_other(location)

    async def _choice(self, asked: AuthorizationRequest, user: User, visitor: Visitor) -> Choice:
        memberships = await self._organizations.memberships_of(user.id)
        try:
            return choice_of(
                asked.client, user, memberships, asked.org_key, directory=visitor.directory
            )
        except ApiError as error:
            raise self._authorizations.refusal(
                asked.redirect_uri, asked.state, "access_denied", error.detail, cause=error.cause
            ) from None


def _attempt(request: Request, visitor: Visitor) -> Attempt:
    attempt = attempt_of(visit_of(request), "authorize")
    attempt.user_id = visitor.user.id if visitor.user else None
    return attempt


def _purpose(request: Request) -> str:
    # A yes is to this question and no other.
    return "authorize " + hashlib.sha256(request.url.query.encode()).hexdigest()


def _without_login(query: str) -> str:
    """The same question, once the person has said who they are."""
    pairs: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        kept = value
        if name == "prompt":
            if "select_account" in value.split():
                pairs[AGAIN] = "organization"
            kept = " ".join(prompt for prompt in value.split() if prompt not in ASKS_WHO)
        # A sign-in that is to be no older than now is one that has just been made.
        at_once = name == "max_age" and value and not value.strip("0")
        if (kept or name != "prompt") and not at_once:
            pairs[name] = kept
    return urlencode(pairs)
