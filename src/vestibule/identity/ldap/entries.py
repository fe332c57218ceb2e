"""From an entry of the directory to a person."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ldap.filter import escape_filter_chars

from vestibule.identity.connector import Profile
from vestibule.identity.ldap.configuration import LdapConfiguration

GUID = "objectguid"
ESCAPED = "\\{:02x}"
"""A byte in a filter (RFC 4515 §3)."""
DISABLED = 2
"""Bit of `userAccountControl`: ADS_UF_ACCOUNTDISABLE."""
NEVER = (0, 0x7FFFFFFFFFFFFFFF)
"""Values of `accountExpires` that mean that it does not."""
BEFORE_1970 = 11_644_473_600
"""Seconds from 1601, where Active Directory's time begins, to 1970."""
STATES = ("userAccountControl", "accountExpires", "shadowExpire")
"""Attributes that say whether an account may be used."""


class Entry:
    """An entry as it was found."""

    def __init__(self, dn: str, attributes: Mapping[str, Sequence[bytes]]) -> None:
        self.dn = dn
        # Names of attributes are the same in any letter case (RFC 4512 §2.5).
        self._attributes = {name.lower(): values for name, values in attributes.items()}

    def text(self, name: str) -> str:
        """The first value, empty where there is none or it is no text."""
        values = self._attributes.get(name.lower()) or [b""]
        return values[0].decode("utf-8", "replace")

    def number(self, name: str) -> int | None:
        """The first value as a number."""
        text = self.text(name)
        try:
            return int(text)
        except ValueError:
            return None

    def subject(self, name: str) -> str:
        """What the person is known by for good."""
        values = self._attributes.get(name.lower()) or [b""]
        if name.lower() == GUID and len(values[0]) == 16:
            return str(uuid.UUID(bytes_le=values[0]))
        return self.text(name)


def attributes_of(configuration: LdapConfiguration) -> list[str]:
    """What is asked for of a person."""
    return [
        configuration.subject_attribute,
        configuration.username_attribute,
        configuration.email_attribute,
        configuration.first_name_attribute,
        configuration.last_name_attribute,
        *STATES,
    ]


def subject_filter(name: str, subject: str) -> str:
    """The part of a filter that finds this subject."""
    if name.lower() == GUID:
        try:
            raw = uuid.UUID(subject).bytes_le
        except ValueError:
            return f"({name}=)"
        return f"({name}={''.join(map(ESCAPED.format, raw))})"
    return f"({name}={escape_filter_chars(subject)})"


def may_be_used(entry: Entry, *, now: float) -> bool:
    """Whether the directory has neither disabled the account nor let it expire."""
    control = entry.number("userAccountControl")
    if control is not None and control & DISABLED:
        return False
    expires = entry.number("accountExpires")
    if expires is not None and expires not in NEVER and expires / 1e7 - BEFORE_1970 <= now:
        return False
    days = entry.number("shadowExpire")
    return days is None or days < 0 or days * 86400 > now


def profile_of(
    configuration: LdapConfiguration, entry: Entry, *, groups: frozenset[str], is_active: bool
) -> Profile:
    """The person."""
    fields: dict[str, Any] = {
        "username": entry.text(configuration.username_attribute),
        "email_address": entry.text(configuration.email_attribute) or None,
        "first_name": entry.text(configuration.first_name_attribute),
        "last_name": entry.text(configuration.last_name_attribute),
    }
    return Profile(
        subject=entry.subject(configuration.subject_attribute),
        email_verified=configuration.trust_addresses,
        groups=groups,
        is_active=is_active,
        **fields,
    )
