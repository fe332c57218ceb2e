"""From claims to a profile."""

from __future__ import annotations

from typing import Any

from vestibule.errors import BadGateway
from vestibule.identity.connector import Profile
from vestibule.identity.oidc.configuration import OidcConfiguration

MOST_GROUPS = 10_000


def wanted(configuration: OidcConfiguration) -> set[str]:
    """The claims without which the provider is asked for more."""
    names = {configuration.username_claim, configuration.email_claim}
    return names | ({configuration.groups_claim} if configuration.groups_claim else set())


def profile_of(configuration: OidcConfiguration, claims: dict[str, Any]) -> Profile:
    """The person of these claims. Raises `BadGateway` where they name nobody."""
    subject = claims.get(configuration.subject_claim)
    if isinstance(subject, int) and not isinstance(subject, bool):
        subject = str(subject)  # providers without OpenID Connect number people
    if not isinstance(subject, str) or not subject:
        raise BadGateway(cause="directory_profile")
    address = _text(claims, configuration.email_claim)
    username = _text(claims, configuration.username_claim) or address
    if not username:
        raise BadGateway(cause="directory_profile")
    return Profile(
        subject=subject,
        username=username,
        email_address=address or None,
        email_verified=configuration.trust_addresses
        # Some providers write it as a text.
        or claims.get("email_verified") in (True, "true"),
        first_name=_text(claims, configuration.first_name_claim),
        last_name=_text(claims, configuration.last_name_claim),
        groups=_groups(claims, configuration.groups_claim),
    )


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _groups(claims: dict[str, Any], name: str | None) -> frozenset[str]:
    value = claims.get(name) if name is not None else None
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return frozenset()
    return frozenset(item for item in value[:MOST_GROUPS] if isinstance(item, str))
