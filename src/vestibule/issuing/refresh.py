"""The grant `refresh_token` (RFC 6749 §6), with rotation (RFC 9700 §4.14.2)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pydantic import SecretStr

from vestibule.audit.service import Attempt
from vestibule.clients.models import Client, ClientKind, Grant
from vestibule.clients.scopes import narrowed_scopes
from vestibule.clients.service import require_grant, require_organization, require_proof
from vestibule.errors import AccessForbidden, ApiError, InvalidGrant
from vestibule.issuing import repository
from vestibule.issuing.service import Granted, Issued, Issuer
from vestibule.orgs.models import Membership
from vestibule.orgs.service import entered
from vestibule.sessions.models import Session, SessionKind
from vestibule.sessions.service import Origin, Sessions, Spent
from vestibule.storage.database import Database

SPENT = {
    Spent.ENDED: "session_ended",
    Spent.REPLAYED: "refresh_replay",
    Spent.OTHER_KEY: "refresh_key",
}
"""Why nothing was given, for the trail."""


class Refresh:
    """Gives a live session its next tokens."""

    def __init__(self, *, issuer: Issuer, sessions: Sessions, database: Database) -> None:
        self._issuer = issuer
        self._sessions = sessions
        self._database = database

    async def renew(
        self,
        *,
        client: Client,
        refresh_token: SecretStr,
        scope: str,
        jkt: str | None,
        origin: Origin,
        attempt: Attempt,
        id_token: bool = False,
    ) -> Issued:
        """The next tokens, and the next refresh token in place of this one.

        `scope` may ask for less than was granted, and for another of the user's organizations by
        `org:KEY`. Raises `InvalidGrant` for a token that is not to be spent by this client now;
        nothing is spent then, unless it had been spent before: that ends the session.
        """
        require_grant(client, Grant.REFRESH_TOKEN)
        require_proof(client, jkt)
        presented = self._sessions.refresh_tokens.parse(refresh_token.get_secret_value())
        standing = await self._standing(presented.session_id) if presented else None
        if presented is None or standing is None:
            raise _refused("refresh_unknown")
        session, user, memberships = standing.session, standing.user, standing.memberships
        attempt.user_id, attempt.org_id = session.user_id, session.org_id
        self._require_usable(session, client, jkt)
        if user is None or not user.is_active:
            raise _refused("user_disabled")
        scopes, key = narrowed_scopes(session.scope, scope)
        membership = _membership(client, memberships, session=session, key=key)
        if session.org_confined and membership and membership.organization.id != session.org_id:
            # The person was asked for one organization: for another one they must be asked.
            raise AccessForbidden("This client may not enter this organization", cause="client_org")
        attempt.org_id = membership.organization.id if membership else None
        # RFC 9449 §5: from a public client's first proof on, its refresh token is bound.
        bound = jkt if client.kind is ClientKind.PUBLIC else None
        successor = await self._sessions.rotate(
            presented, org_id=attempt.org_id, origin=origin, dpop_jkt=bound
        )
        if isinstance(successor, Spent):
            raise _refused(SPENT[successor])
        return await self._issuer.mint(
            Granted(
                client=client,
                user=user,
                scopes=scopes,
                memberships=memberships,
                membership=membership,
                auth_time=session.auth_time,
                origin=origin,
                jkt=session.dpop_jkt or jkt,
                id_token=id_token,
                org_confined=session.org_confined,
                directory=session.directory,
            ),
            session=session,
            refresh_token=successor,
        )

    def _require_usable(self, session: Session, client: Client, jkt: str | None) -> None:
        if session.kind is not SessionKind.TOKEN:
            raise _refused("refresh_kind")
        if session.client_id != client.client_id:
            raise _refused("refresh_client")
        if not self._sessions.alive(session):
            raise _refused("session_ended")
        if session.dpop_jkt is not None and session.dpop_jkt != jkt:
            raise _refused("refresh_key")

    async def _standing(self, session_id: UUID) -> repository.Standing | None:
        return await self._database.look_up(repository.STANDING, session_id)


def _membership(
    client: Client, memberships: Sequence[Membership], *, session: Session, key: str | None
) -> Membership | None:
    """The organization that the next tokens are for: the one asked for, else the same as before."""
    asked = key is not None
    if key is None:
        if session.org_id is None:
            return None
        ours = (m.organization for m in memberships if m.organization.id == session.org_id)
        key = next((organization.key for organization in ours), None)
        if key is None:
            raise _refused("org_unknown")
    try:
        membership = entered(memberships, key=key, directory=session.directory)
        require_organization(client, key)
    except ApiError as error:
        if asked:
            raise
        # It could be entered before: to go on, the client asks for another one.
        raise _refused(error.cause) from None
    return membership


def _refused(cause: str) -> InvalidGrant:
    return InvalidGrant("The refresh token is not valid", cause=cause)
