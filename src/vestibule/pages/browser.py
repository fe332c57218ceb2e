"""The browser on the other side: its cookies, who is signed in there, and its forms."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from vestibule.audit.models import Result
from vestibule.audit.repository import SIGNED_IN
from vestibule.audit.service import Attempt, Audit
from vestibule.clients.registration import FIRST_PARTY
from vestibule.clock import Clock, utc
from vestibule.errors import AccessForbidden
from vestibule.guard.service import Door, Guard
from vestibule.http.visit import Visit, visit_of
from vestibule.identity import repository as identities
from vestibule.identity.directory import Verified
from vestibule.issuing.revocation import Revocation
from vestibule.issuing.trail import attempt_of
from vestibule.login.service import Credentials, Login
from vestibule.pages.schemas import SignInForm
from vestibule.sessions.models import Session, SessionKind
from vestibule.sessions.service import Origin, Sessions
from vestibule.tokens.vault import Vault, WrongSecretKey
from vestibule.users.models import User
from vestibule.users.service import Users

Identify = Callable[[Visit, Attempt, Door], Awaitable[Verified]]

NONCE_BYTES = 16
SAME_SITE = {"same-origin", "none"}
"""`Sec-Fetch-Site` of a form on our own pages, and of a page opened by hand."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser, and who is signed in there."""

    nonce: str
    """Random, in a cookie of its own: ties forms to this browser before anybody signs in."""
    is_new: bool
    session: Session | None = None
    user: User | None = None

    @property
    def directory(self) -> str | None:
        """Key of the upstream directory that the person signed in through."""
        return self.session.directory if self.session else None


class Browser:
    """Knows browsers again, and lets people sign in there."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        users: Users,
        login: Login,
        revocation: Revocation,
        guard: Guard,
        audit: Audit,
        clock: Clock,
        form_keys: Sequence[bytes],
        vault: Vault,
        issuer: str,
        lifetime: int,
    ) -> None:
        """The first of the `form_keys` makes form tokens, any verifies; `lifetime` in seconds."""
        self._sessions = sessions
        self._users = users
        self._login = login
        self._revocation = revocation
        self._guard = guard
        self._audit = audit
        self._clock = clock
        self._form_keys = form_keys
        self._vault = vault
        self._issuer = issuer
        self._lifetime = lifetime
        self._secure = issuer.startswith("https://")
        # `__Host-` demands TLS, which a trial on the own machine does not have.
        prefix = "__Host-" if self._secure else ""
        self._session_cookie = f"{prefix}vestibule"
        self._nonce_cookie = f"{prefix}vestibule-visit"
        self._way_cookie = f"{prefix}vestibule-directory"

    async def visitor(self, request: Request) -> Visitor:
        """Who is there. Raises `UpgradeRequired` where cookies would travel in the clear."""
        visit = visit_of(request)
        self._guard.require_secure(scheme=visit.scheme, address=visit.address)
        nonce = request.cookies.get(self._nonce_cookie, "")
        visitor = (
            Visitor(nonce, is_new=False)
            if len(nonce) == 2 * NONCE_BYTES
            else Visitor(secrets.token_hex(NONCE_BYTES), is_new=True)
        )
        cookie = request.cookies.get(self._session_cookie, "")
        session = await self._sessions.of_cookie(cookie, address=visit.address) if cookie else None
        user = await self._users.get(session.user_id) if session else None
        if session is None or user is None or not user.is_active:
            return visitor
        return replace(visitor, session=session, user=user)

    def form_token(self, visitor: Visitor, purpose: str) -> str:
        """What a form of this purpose carries; no other browser, session or purpose has it."""
        return self._form_tokens(visitor, purpose)[0]

    def _form_tokens(self, visitor: Visitor, purpose: str) -> list[str]:
        session_id = visitor.session.id.hex if visitor.session else ""
        message = "\0".join((visitor.nonce, session_id, purpose)).encode()
        return [hmac.new(key, message, "sha256").hexdigest() for key in self._form_keys]

    def require_own_form(
        self, request: Request, visitor: Visitor, *, token: str, purpose: str
    ) -> None:
        """Raise `AccessForbidden` for a form that did not come from our page in this browser."""
        own = any(
            hmac.compare_digest(valid.encode(), token.encode())
            for valid in self._form_tokens(visitor, purpose)
        )
        if visitor.is_new or not own or not self._is_from_us(request):
            self._refuse(request, visitor.user)

    def require_own_site(self, request: Request) -> None:
        """Raise `AccessForbidden` for a form that another site sent, where it carries no token."""
        if not self._is_from_us(request):
            self._refuse(request, None)

    def _is_from_us(self, request: Request) -> bool:
        # Of the address that was typed: on the own machine that may be another than the issuer's.
        own_origins = {
            self._issuer,
            f"{visit_of(request).scheme}://{request.headers.get('host', '')}",
        }
        origin = request.headers.get("origin", self._issuer)
        site = request.headers.get("sec-fetch-site", "same-origin")
        return origin in own_origins and site in SAME_SITE

    def _refuse(self, request: Request, user: User | None) -> NoReturn:
        attempt = attempt_of(visit_of(request), "form")
        attempt.user_id = user.id if user else None
        self._audit.record_soon(
            self._audit.event(attempt, result=Result.REFUSED, cause="csrf", status=403)
        )
        raise AccessForbidden("This form is too old or not ours: open the page again", cause="csrf")

    async def sign_in(self, request: Request, visitor: Visitor, form: SignInForm) -> str:
        """A new session in this browser: the cookie that continues it.

        The road of a login. Raises what that raises.
        """

        async def identify(visit: Visit, attempt: Attempt, door: Door) -> Verified:
            return await self._login.identify(
                Credentials(username=form.username, password=form.password),
                visit=visit,
                attempt=attempt,
                door=door,
            )

        return await self.sign_in_by(request, visitor, identify)

    async def sign_in_by(self, request: Request, visitor: Visitor, identify: Identify) -> str:
        """The same for whoever `identify` says that it is. Raises what that raises."""
        visit = visit_of(request)
        attempt = attempt_of(visit, "login")
        attempt.client_id = FIRST_PARTY
        async with self._audit.following(attempt):
            async with self._guard.door(visit.network) as door:
                await door.through(FIRST_PARTY)
                verified = await identify(visit, attempt, door)
            user = verified.user
            session, cookie = self._sessions.new(
                kind=SessionKind.BROWSER,
                user_id=user.id,
                client_id=FIRST_PARTY,
                scope="",
                org_id=None,
                origin=Origin(visit.address, visit.user_agent),
                auth_time=utc(self._clock),
                directory=verified.directory,
            )

            def write(connection: Connection) -> None:
                identities.require_unchanged(
                    connection,
                    user,
                    directory=verified.directory,
                    password=verified.directory is None,
                )
                if visitor.session is not None:
                    # One browser, one person: whoever sat here before is signed out.
                    self._sessions.end(connection, cause="replaced", session_id=visitor.session.id)
                self._sessions.add(connection, session)

            await self._audit.succeeded(attempt, cause=SIGNED_IN, status=303, work=write)
        assert cookie is not None
        return cookie.get_secret_value()

    async def sign_out(self, request: Request, visitor: Visitor) -> None:
        """End the session of this browser."""
        if visitor.session is not None:
            attempt = attempt_of(visit_of(request), "logout")
            attempt.user_id, attempt.client_id = visitor.session.user_id, FIRST_PARTY
            await self._revocation.end_session(
                visitor.session.id, cause="logged_out", attempt=attempt
            )

    def remember(self, response: Response, visitor: Visitor) -> Response:
        """Set the cookie of a browser that is new here."""
        if visitor.is_new:
            self._set(response, self._nonce_cookie, visitor.nonce)
        return response

    def signed_in(self, response: Response, cookie: str) -> Response:
        """Set the cookie of a session, and a fresh nonce: nothing from before counts any more."""
        self._set(response, self._session_cookie, cookie)
        self._set(response, self._nonce_cookie, secrets.token_hex(NONCE_BYTES))
        return response

    def signed_out(self, response: Response) -> Response:
        """Take the cookie back."""
        response.delete_cookie(self._session_cookie, path="/", secure=self._secure, httponly=True)
        return response

    def way(self, request: Request) -> str:
        """What the browser was given on its way to a directory; empty where it was not."""
        try:
            return self._vault.open(request.cookies.get(self._way_cookie, "")).decode()
        except WrongSecretKey:
            return ""

    def on_a_way(self, response: Response, way: str, *, lifetime: int) -> Response:
        """Give it along, encrypted, for `lifetime` seconds."""
        self._set(response, self._way_cookie, self._vault.seal(way.encode()), lifetime=lifetime)
        return response

    def prefer(self, response: Response, name: str, value: str, *, lifetime: int) -> Response:
        """Remember a preference for `lifetime` seconds."""
        self._set(response, name, value, lifetime=lifetime)
        return response

    def off_the_way(self, response: Response) -> Response:
        """Take it back: one way there, one way back."""
        response.delete_cookie(self._way_cookie, path="/", secure=self._secure, httponly=True)
        return response

    def _set(
        self, response: Response, name: str, value: str, *, lifetime: int | None = None
    ) -> None:
        response.set_cookie(
            name,
            value,
            max_age=lifetime or self._lifetime,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )
