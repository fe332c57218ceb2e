"""Token exchange (RFC 8693): from one of a user's organizations to another."""

from __future__ import annotations

from dataclasses import replace

from vestibule.audit.models import Result
from vestibule.audit.service import Audit
from vestibule.clients.scopes import narrowed_scopes
from vestibule.errors import AuthenticationFailed, InvalidGrant, InvalidRequest
from vestibule.gate.liveness import Liveness
from vestibule.issuing.entering import organization_to_enter
from vestibule.issuing.service import Issued
from vestibule.oauth.grants import TokenRequest, required
from vestibule.oauth.schemas import TokenForm
from vestibule.orgs.service import Organizations
from vestibule.tokens.service import Tokens
from vestibule.tokens.subject import AccessToken
from vestibule.users.models import User
from vestibule.users.service import Users

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  (a type's name)


class TokenExchangeGrant:
    """An access token for another one of the same person, in the organization of `scope`."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        liveness: Liveness,
        users: Users,
        organizations: Organizations,
        audit: Audit,
    ) -> None:
        self._tokens = tokens
        self._liveness = liveness
        self._users = users
        self._organizations = organizations
        self._audit = audit

    async def __call__(self, request: TokenRequest) -> Issued:
        """See `GrantHandler`.

        The new token belongs to the same session, so it ends with it, and never outlives the
        one that was sent: exchanging again and again extends nothing.
        """
        form, client = request.form, request.client
        for name in ("subject_token_type", "requested_token_type"):
            if getattr(form, name) not in (None, ACCESS_TOKEN):
                raise InvalidRequest(f"The {name} must be {ACCESS_TOKEN}", cause="token_type")
        required(form.subject_token_type, "subject_token_type")
        self._require_target(form)
        access, user, directory = await self._subject(request)
        request.attempt.user_id = user.id
        scopes, key = narrowed_scopes(access.subject.scope, form.scope)
        if key is None:
            raise InvalidRequest(
                "The scope must name an organization as org:KEY",
                cause="scope",
                oauth="invalid_scope",
            )
        memberships = await self._organizations.memberships_of(user.id)
        membership = organization_to_enter(client, user, memberships, key, directory=directory)
        request.attempt.org_id = membership.organization.id if membership else None
        subject = replace(
            access.subject,
            scope=" ".join(sorted(scopes)),
            org_id=membership.organization.id if membership else None,
            org_key=membership.organization.key if membership else None,
            org_role=membership.role.value if membership else None,
        )
        access_token = await self._tokens.access_token(subject, expires_at=access.expires_at)
        await self._audit.record(
            self._audit.event(
                request.attempt, result=Result.SUCCESS, cause="token_exchanged", status=200
            )
        )
        return Issued(
            access_token=access_token,
            expires_in=self._tokens.remaining(access.expires_at),
            scope=subject.scope,
            token_type="DPoP" if subject.jkt else "Bearer",
            issued_token_type=ACCESS_TOKEN,
        )

    def _require_target(self, form: TokenForm) -> None:
        """Refuse what would be another token than the one asked for (§2.1, §2.2.2)."""
        if form.actor_token is not None:
            raise InvalidRequest("An actor_token is not supported", cause="actor_token")
        for target in (form.audience, form.resource):
            if target not in (None, self._tokens.audience):
                raise InvalidRequest(
                    "Tokens for this target are not issued here",
                    cause="target",
                    oauth="invalid_target",
                )

    async def _subject(self, request: TokenRequest) -> tuple[AccessToken, User, str | None]:
        """The token that was sent, whose it is, and the directory they signed in through."""
        token = required(request.form.subject_token, "subject_token").get_secret_value()
        try:
            access = await self._tokens.verify(token)
        except AuthenticationFailed as error:
            raise _refused(error.cause) from None
        subject = access.subject
        if subject.user_id is None or subject.client_id != request.client.client_id:
            raise _refused("token_client")
        if subject.jkt != request.jkt:
            raise _refused("dpop_key")
        user = await self._users.get(subject.user_id)
        standing = await self._liveness.of(access)
        if user is None or standing is None or not standing.may_enter:
            raise _refused("token_ended")
        if standing.org_confined:
            # The person was asked for one organization: for another one they must be asked.
            raise _refused("org_confined")
        return access, user, standing.directory


def _refused(cause: str) -> InvalidGrant:
    # RFC 8693 §2.2.2 names the error: `invalid_request`, also for a token that has ended.
    return InvalidGrant("The subject token is not valid", cause=cause, oauth="invalid_request")
