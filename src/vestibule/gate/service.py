"""Who is calling: access tokens and API keys, in each way that they may be sent."""

from __future__ import annotations

from pydantic import SecretStr
from starlette.requests import Request

from vestibule.access.caller import Caller
from vestibule.apikeys.bounds import scopes_of
from vestibule.apikeys.format import PREFIX as KEY_PREFIX
from vestibule.apikeys.service import ApiKeys
from vestibule.audit.models import Result
from vestibule.audit.service import Attempt, Audit
from vestibule.clients.service import Clients
from vestibule.errors import ApiError, AuthenticationFailed, InvalidDpopProof, InvalidRequest
from vestibule.gate.liveness import Liveness
from vestibule.guard.service import Guard
from vestibule.http.context import RequestContext, context_of
from vestibule.http.networks import network_of
from vestibule.tokens.dpop import ALGORITHMS, HEADER, Dpop
from vestibule.tokens.service import Tokens, invalid_token
from vestibule.tokens.subject import AccessToken
from vestibule.users.service import Users


class Gate:
    """The implementation of `Authenticate`."""

    def __init__(
        self,
        *,
        guard: Guard,
        tokens: Tokens,
        liveness: Liveness,
        dpop: Dpop,
        api_keys: ApiKeys,
        users: Users,
        clients: Clients,
        audit: Audit,
    ) -> None:
        self._guard = guard
        self._tokens = tokens
        self._liveness = liveness
        self._dpop = dpop
        self._api_keys = api_keys
        self._users = users
        self._clients = clients
        self._audit = audit

    async def __call__(self, request: Request, *, scope: str | None = None) -> Caller:
        """The person whose credential the request carries; see `Authenticate`."""
        context = context_of(request)
        attempt = Attempt(
            event="access",
            address=context.peer.address,
            network=network_of(context.peer.address),
            request_id=context.request_id,
        )
        try:
            caller = await self._caller(request, context, attempt)
            if scope is not None:
                caller.require_scope(scope)
        except ApiError as error:
            self._note(attempt, error)
            raise
        return caller

    async def _caller(self, request: Request, context: RequestContext, attempt: Attempt) -> Caller:
        self._guard.require_secure(scheme=context.peer.scheme, address=context.peer.address)
        scheme, credential = _credential(request)
        if credential.startswith(KEY_PREFIX):
            return await self._by_key(SecretStr(credential), context, attempt)
        return await self._by_token(request, scheme, credential, context, attempt)

    def _note(self, attempt: Attempt, error: ApiError) -> None:
        """Put a refused credential into the trail; a request without one has tried nothing.

        Nobody waits for the row: who sends rubbish must not keep the one writer busy.
        """
        if error.cause == "no_token" or error.status >= 500:
            return
        result = Result.FAILURE if error.status in (401, 403) else Result.REFUSED
        self._audit.record_soon(
            self._audit.event(attempt, result=result, cause=error.cause, status=error.status)
        )

    async def _by_key(self, key: SecretStr, context: RequestContext, attempt: Attempt) -> Caller:
        found = await self._api_keys.authenticate(key)
        if found is not None:
            attempt.user_id, attempt.org_id = found.user_id, found.org_id
        user = await self._users.get(found.user_id) if found else None
        if found is None or user is None or not user.is_active:
            raise invalid_token("api_key")
        self._api_keys.touch(found)
        confined = found.org_id is not None or found.allowed_scopes is not None
        return Caller(
            user_id=user.id,
            username=user.username,
            email_address=user.email_address,
            email_verified=user.email_verified,
            is_admin=user.is_admin and not confined,
            client_id="",
            scopes=scopes_of(found),
            org_id=found.org_id,
            workspace_id=found.workspace_id,
            api_key_id=found.id,
            address=context.peer.address,
            request_id=context.request_id,
        )

    async def _by_token(
        self,
        request: Request,
        scheme: str,
        token: str,
        context: RequestContext,
        attempt: Attempt,
    ) -> Caller:
        access = await self._tokens.verify(token)
        subject = access.subject
        attempt.user_id, attempt.client_id = subject.user_id, subject.client_id
        attempt.org_id = subject.org_id
        await self._require_possession(request, scheme, token, access)
        if subject.user_id is None:
            raise invalid_token("token_of_client")
        standing = await self._liveness.of(access)
        client = await self._clients.find(subject.client_id)
        if standing is None or client is None:
            raise invalid_token("token_ended")
        confined = standing.org_confined
        return Caller(
            user_id=subject.user_id,
            username=standing.username,
            email_address=standing.email_address,
            email_verified=standing.email_verified,
            is_admin=standing.is_admin and client.organizations is None and not confined,
            client_id=subject.client_id,
            scopes=frozenset(subject.scope.split()),
            org_id=subject.org_id if confined else None,
            # Let into no organization, the client enters none.
            org_keys=frozenset() if confined and subject.org_id is None else client.organizations,
            session_id=subject.session_id,
            address=context.peer.address,
            request_id=context.request_id,
        )

    async def _require_possession(
        self, request: Request, scheme: str, token: str, access: AccessToken
    ) -> None:
        """A bound token comes with a proof of its key, and only so (RFC 9449 §7)."""
        bound = access.subject.jkt
        if bound is None and scheme != "dpop":
            return
        proofs = request.headers.getlist(HEADER)
        if bound is None or scheme != "dpop" or len(proofs) != 1:
            raise _unproved("dpop_missing")
        try:
            jkt = await self._dpop.thumbprint(
                proofs[0], method=request.method, path=request.url.path, access_token=token
            )
        except InvalidDpopProof as error:
            raise _unproved(error.cause, detail=error.detail, error=error.oauth) from None
        if jkt != bound:
            raise _unproved("dpop_key")


def _unproved(
    cause: str, *, detail: str = "Invalid access token", error: str = "invalid_token"
) -> AuthenticationFailed:
    """What a bound token without the right proof is answered with (RFC 9449 §7.1)."""
    challenge = f'DPoP realm="vestibule", error="{error}", algs="{" ".join(ALGORITHMS)}"'
    return AuthenticationFailed(detail, cause=cause, challenge=challenge, oauth=error)


def _credential(request: Request) -> tuple[str, str]:
    """(lower-case scheme, credential) of the request.

    Raises `AuthenticationFailed` without an error code where there is none at all, as RFC 6750
    §3.1 asks, and `InvalidRequest` where there are two (§2).
    """
    fields = request.headers.getlist("authorization"), request.headers.getlist("x-api-key")
    if any(len(values) > 1 for values in fields):
        # What stands in front of us may have looked at another one than we would.
        raise InvalidRequest("Credentials were sent in two ways", cause="credentials_twice")
    scheme, _, credential = request.headers.get("authorization", "").strip().partition(" ")
    scheme, credential = scheme.lower(), credential.strip()
    key = request.headers.get("x-api-key", "").strip()
    if scheme not in ("bearer", "dpop") or not credential:
        scheme, credential = "", ""
    if key and credential:
        raise InvalidRequest("Credentials were sent in two ways", cause="credentials_twice")
    if key and not key.startswith(KEY_PREFIX):
        raise invalid_token("api_key")
    if not (key or credential):
        raise AuthenticationFailed("An access token is needed", cause="no_token")
    return ("bearer", key) if key else (scheme, credential)
