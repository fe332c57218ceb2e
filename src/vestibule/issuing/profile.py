"""What an account says of its person, by scope (OpenID Connect Core §5.4)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from vestibule.users.models import User


def profile_claims(user: User, scopes: Collection[str]) -> dict[str, Any]:
    """The standard claims (§5.1) that these scopes open; what is not known is left out."""
    claims: dict[str, Any] = {}
    if "profile" in scopes:
        claims["preferred_username"] = user.username
        claims["name"] = user.full_name
        claims["given_name"] = user.first_name
        claims["family_name"] = user.last_name
        claims["updated_at"] = int(user.updated_at.timestamp())
    if "email" in scopes and user.email_address:
        claims["email"] = user.email_address
        claims["email_verified"] = user.email_verified
    return {name: value for name, value in claims.items() if value != ""}
