"""The authorization endpoint's decisions (RFC 6749 §4.1, RFC 7636, RFC 9207, RFC 9700)."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from sqlalchemy import Connection

from vestibule.audit.service import Attempt, Audit
from vestibule.clients.models import Client, ClientKind, Grant
from vestibule.clients.scopes import requested_scopes
from vestibule.clients.service import Clients
from vestibule.clock import Clock, utc
from vestibule.errors import ApiError, InvalidRequest
from vestibule.oauth import repository
from vestibule.oauth.models import AuthorizationCode
from vestibule.oauth.redirect_uris import is_registered
from vestibule.orgs.models import Membership
from vestibule.storage.database import Database
from vestibule.tokens.service import Tokens
from vestibule.users.models import User

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""SHA-256 in base64url (RFC 7636 §4.2)."""
JKT = CHALLENGE
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
MAX_PARAMETERS = 32
MAX_STATE = 2000
MAX_NONCE = 400
PROVED = {"client_id", "redirect_uri"}
"""What must be right before the browser is sent anywhere (RFC 6749 §4.1.2.1)."""
PARAMETERS = {
    "acr_values", "claims", "client_id", "code_challenge", "code_challenge_method", "display",
    "dpop_jkt", "id_token_hint", "login_hint", "max_age", "nonce", "prompt", "redirect_uri",
    "registration", "request", "request_uri", "response_mode", "response_type", "scope", "state",
    "ui_locales",
}  # fmt: skip
"""Those of a request, as RFC 6749 §4.1.1, RFC 7636, RFC 9449 and OpenID Connect have them."""
PROMPTS = {"none", "login", "consent", "select_account"}


class Refused(Exception):
    """What the client is told through the browser, by a redirect (RFC 6749 §4.1.2.1)."""

    def __init__(self, location: str, error: str, *, cause: str) -> None:
        self.location = location
        self.error = error
        self.cause = cause
        super().__init__(error)


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that a person may be asked about: client and redirect URI are genuine."""

    client: Client
    redirect_uri: str
    state: str | None
    scopes: frozenset[str]
    org_key: str | None
    code_challenge: str
    nonce: str | None
    dpop_jkt: str | None
    prompt: frozenset[str]
    max_age: int | None
    """Seconds since the person proved who they are, at the most."""
    login_hint: str
    sub: str | None = None
    """The only person that may be spoken of, where `id_token_hint` names one."""


class Authorizations:
    """Reads authorization requests, and answers them."""

    def __init__(
        self,
        *,
        clients: Clients,
        database: Database,
        audit: Audit,
        clock: Clock,
        tokens: Tokens,
        code_lifetime: int,
    ) -> None:
        """`code_lifetime` in seconds."""
        self._clients = clients
        self._database = database
        self._audit = audit
        self._clock = clock
        self._tokens = tokens
        self._code_lifetime = timedelta(seconds=code_lifetime)

    async def read(self, query: str, *, attempt: Attempt) -> AuthorizationRequest:
        """What a query string asks for.

        Raises `InvalidRequest` for what must not be answered by a redirect, because client or
        redirect URI are not proved (RFC 6749 §4.1.2.1), and `Refused` for all else.
        """
        async with self._audit.following(attempt):
            parameters, repeated = _parameters(query)
            if repeated & PROVED:
                raise _repeated()
            client = await self._clients.find(parameters.get("client_id", ""))
            redirect_uri = parameters.get("redirect_uri", "")
            if client is None:
                raise InvalidRequest("This client is not known", cause="client_unknown")
            attempt.client_id = client.client_id
            if not is_registered(redirect_uri, client.redirect_uris):
                # No default either: what is meant is said.
                raise InvalidRequest("This redirect URI is not registered", cause="redirect_uri")
        try:
            if repeated:
                raise _repeated()
            request = _request(client, redirect_uri, parameters)
        except ApiError as error:
            raise self.refusal(
                redirect_uri,
                parameters.get("state"),
                error.oauth,
                error.detail,
                cause=error.cause,
            ) from None
        hint = parameters.get("id_token_hint")
        return replace(request, sub=await self._tokens.hinted(hint)) if hint else request

    def refusal(
        self,
        redirect_uri: str,
        state: str | None,
        error: str,
        description: str = "",
        *,
        cause: str | None = None,
    ) -> Refused:
        """The redirect that tells the client no; `cause` is for the trail, by default `error`."""
        answer = {"error": error, "error_description": description, "state": state}
        return Refused(self._location(redirect_uri, answer), error, cause=cause or error)

    async def needs_consent(
        self, request: AuthorizationRequest, user: User, membership: Membership | None
    ) -> bool:
        """Whether the person must be asked: not for the platform's own clients, nor twice.

        A public client that is answered on this machine or by a scheme of its own might be any
        other program that uses its name, so there a person is always asked (RFC 8252 §8.6).
        """
        if "consent" in request.prompt or not is_proved(request):
            return True
        if request.client.first_party:
            return False
        given = await self._database.read(
            lambda c: repository.consented(
                c,
                user_id=user.id,
                client_id=request.client.client_id,
                org_id=membership.organization.id if membership else None,
            )
        )
        return not request.scopes <= given

    async def grant(
        self,
        request: AuthorizationRequest,
        *,
        user: User,
        membership: Membership | None,
        auth_time: datetime,
        directory: str | None = None,
        attempt: Attempt,
    ) -> str:
        """Where to send the browser with a code (RFC 6749 §4.1.2, RFC 9207 §2)."""
        code = secrets.token_urlsafe(32)
        now = utc(self._clock)
        row = AuthorizationCode(
            digest=hashlib.sha256(code.encode()).digest(),
            client_id=request.client.client_id,
            user_id=user.id,
            org_id=membership.organization.id if membership else None,
            redirect_uri=request.redirect_uri,
            scope=" ".join(sorted(request.scopes)),
            nonce=request.nonce,
            code_challenge=request.code_challenge,
            dpop_jkt=request.dpop_jkt,
            auth_time=auth_time,
            expires_at=now + self._code_lifetime,
            redeemed_at=None,
            session_id=None,
            directory=directory,
        )
        attempt.user_id, attempt.client_id = user.id, request.client.client_id
        attempt.org_id = row.org_id

        def write(connection: Connection) -> None:
            repository.add_code(connection, row)
            repository.consent(
                connection,
                user_id=user.id,
                client_id=row.client_id,
                org_id=row.org_id,
                scopes=request.scopes,
                now=now,
            )

        await self._audit.succeeded(attempt, cause="code_issued", status=303, work=write)
        return self._location(request.redirect_uri, {"code": code, "state": request.state})

    def _location(self, redirect_uri: str, answer: Mapping[str, str | None]) -> str:
        parameters = {name: value for name, value in answer.items() if value}
        parameters["iss"] = self._tokens.issuer
        separator = "&" if urlsplit(redirect_uri).query else "?"
        return f"{redirect_uri}{separator}{urlencode(parameters)}"


def is_proved(request: AuthorizationRequest) -> bool:
    """Whether the answer reaches nobody but the client that was registered."""
    confidential = request.client.kind is ClientKind.CONFIDENTIAL
    return confidential or request.redirect_uri.startswith("https://")


def _parameters(query: str) -> tuple[dict[str, str], set[str]]:
    """The parameters that have a value (RFC 6749 §3.1), and the names that came twice."""
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except (UnicodeDecodeError, ValueError):
        raise InvalidRequest("The query can't be read", cause="query") from None
    if CONTROL.search(unquote_plus(query)):
        # What is kept and sent back is text, and neither a line of a header nor of a log.
        raise InvalidRequest("The query can't be read", cause="query")
    counts = Counter(name for name, _ in pairs)
    # Of two values none is taken.
    parameters = {name: value for name, value in pairs if value and counts[name] == 1}
    return parameters, {name for name, count in counts.items() if count > 1}


def _repeated() -> InvalidRequest:
    # RFC 6749 §3.1.
    return InvalidRequest("A parameter was sent more than once", cause="repeated_parameter")


def _request(
    client: Client, redirect_uri: str, parameters: Mapping[str, str]
) -> AuthorizationRequest:
    if "response_type" not in parameters:
        raise InvalidRequest("The response_type is missing")
    if parameters["response_type"] != "code":
        raise InvalidRequest("The response_type must be code", oauth="unsupported_response_type")
    if parameters.get("response_mode", "query") != "query":
        raise InvalidRequest("The response_mode must be query")
    for name in ("request", "request_uri", "registration"):
        if name in parameters:
            # OpenID Connect Core §3.1.2.6.
            raise InvalidRequest(f"{name} is not supported", oauth=f"{name}_not_supported")
    if Grant.AUTHORIZATION_CODE not in client.grants:
        raise InvalidRequest("This client may not use this grant", oauth="unauthorized_client")
    if parameters.get("code_challenge_method") != "S256":
        # RFC 7636 §4.3: without a method it would be `plain`.
        raise InvalidRequest("PKCE with code_challenge_method=S256 is required", cause="pkce")
    challenge = parameters.get("code_challenge", "")
    if not CHALLENGE.fullmatch(challenge):
        raise InvalidRequest("The code_challenge is not of its form", cause="pkce")
    jkt = parameters.get("dpop_jkt")
    if jkt is not None and not JKT.fullmatch(jkt):
        raise InvalidRequest("The dpop_jkt is not of its form")
    if len(parameters.get("state", "")) > MAX_STATE or len(parameters.get("nonce", "")) > MAX_NONCE:
        raise InvalidRequest("A parameter is too long")
    prompt = frozenset(parameters.get("prompt", "").split())
    if not prompt <= PROMPTS or ("none" in prompt and len(prompt) > 1):
        raise InvalidRequest("The prompt is not one of those that there are")
    scopes, org_key = requested_scopes(client, parameters.get("scope", ""))
    return AuthorizationRequest(
        client=client,
        redirect_uri=redirect_uri,
        state=parameters.get("state"),
        scopes=scopes,
        org_key=org_key,
        code_challenge=challenge,
        nonce=parameters.get("nonce"),
        dpop_jkt=jkt,
        prompt=prompt,
        max_age=_seconds(parameters.get("max_age")),
        login_hint=parameters.get("login_hint", "")[:320],
    )


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidRequest("The max_age is no number of seconds")
    return int(text)
