"""What of a directory's profile an account takes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vestibule.errors import BadGateway, ValidationFailed
from vestibule.identity.configuration import DirectoryConfiguration
from vestibule.identity.connector import Profile
from vestibule.identity.models import Identity
from vestibule.text import canonical_email
from vestibule.users.models import User
from vestibule.users.service import checked_names

MAX_SUBJECT = 255
MAX_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A profile as it fits an account."""

    subject: str
    username: str
    email_address: str | None
    """An address that the directory vouches for; None where it has none. One that it does not
    vouch for could be somebody else's."""
    first_name: str
    last_name: str


def person_of(configuration: DirectoryConfiguration, profile: Profile) -> Person:
    """The person. Raises `BadGateway` for a profile that no account can have."""
    address = _vouched(configuration, profile)
    username = profile.username
    if "@" in username and _address(username) != address:
        # Only the account's own address may be a name with an @.
        username = username.replace("@", ".")
    try:
        username, address = checked_names(username, address)
    except ValidationFailed:
        raise BadGateway(cause="directory_profile") from None
    subject = profile.subject
    if not subject or len(subject) > MAX_SUBJECT or not subject.isprintable():
        raise BadGateway(cause="directory_profile")
    return Person(
        subject=subject,
        username=username,
        email_address=address,
        first_name=_fitting(profile.first_name),
        last_name=_fitting(profile.last_name),
    )


def changes_of(user: User, person: Person, identity: Identity) -> dict[str, Any]:
    """What of the account is not yet as the directory has it, by column."""
    values: dict[str, Any] = {}
    for name in ("first_name", "last_name"):
        if getattr(person, name) != getattr(user, name):
            values[name] = getattr(person, name)
    # A username that is the own address stays: it would have to change with it.
    if person.email_address and "@" not in user.username:
        if person.email_address != user.email_address:
            values["email_address"] = person.email_address
        if person.email_address != user.email_address or not user.email_verified:
            values["email_verified"] = True
    if not user.is_active and identity.disabled_at is not None:
        values["is_active"] = True  # the directory took it away, and gives it back
    return values


def _vouched(configuration: DirectoryConfiguration, profile: Profile) -> str | None:
    address = _address(profile.email_address or "")
    if address is None:
        return None
    domain = address.rpartition("@")[2]
    return address if profile.email_verified or domain in configuration.domains else None


def _address(text: str) -> str | None:
    try:
        return canonical_email(text)
    except ValueError:
        return None


def _fitting(text: str) -> str:
    """A name as it may be stored: what can't be shown is left out, what is too long is cut."""
    return "".join(letter for letter in text if letter.isprintable()).strip()[:MAX_NAME].strip()
