"""Whether a password is somebody's: a simple bind (RFC 4513 §5.1.3), and what its refusal means."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Any

import ldap
from ldap.controls import DecodeControlTuples
from ldap.controls.ppolicy import PasswordPolicyControl
from ldap.ldapobject import SimpleLDAPObject
from pydantic import SecretStr

from vestibule.identity.ldap.servers import Deadline, within

PASSWORD_EXPIRED, CHANGE_AFTER_RESET = 0, 2
"""Errors of the password policy control that only the right password is told."""
RIGHT_BUT_REFUSED = {"530", "531", "532", "533", "701", "773"}
"""The same of Active Directory: at this hour, at this workstation, password expired, account
disabled, account expired, password must be changed. That it is locked (775) tells nothing."""
SUBCODE = re.compile(r"\bdata ([0-9a-f]{3,4})\b")
NO = (
    ldap.INVALID_CREDENTIALS,
    ldap.INAPPROPRIATE_AUTH,
    ldap.NO_SUCH_OBJECT,
    ldap.UNWILLING_TO_PERFORM,
    ldap.CONSTRAINT_VIOLATION,
    ldap.INSUFFICIENT_ACCESS,
    ldap.INVALID_DN_SYNTAX,
)
"""How servers refuse a person, and not us."""


class Bound(Enum):
    """What came of it."""

    RIGHT = auto()
    WRONG = auto()
    REFUSED = auto()
    """The password is right, and the account may not be used."""


def bind(connection: SimpleLDAPObject, dn: str, password: SecretStr, deadline: Deadline) -> Bound:
    """Bind as this entry. Raises `ldap.LDAPError`, and `ValueError` for nothing to bind with.

    A name without a password would be let in as nobody (RFC 4513 §5.1.2).
    """
    secret = password.get_secret_value()
    if not dn or not secret:
        raise ValueError("a bind needs a name and a password")
    try:
        message = connection.simple_bind(dn, secret, serverctrls=[PasswordPolicyControl()])
        _, controls = within(connection, message, deadline)
    except NO as error:
        told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        return Bound.REFUSED if _only_the_right_one(told) else Bound.WRONG
    return Bound.REFUSED if _policy_error(controls) == CHANGE_AFTER_RESET else Bound.RIGHT


def _only_the_right_one(told: dict[str, Any]) -> bool:
    subcode = SUBCODE.search(str(told.get("info", "")))
    if subcode is not None and subcode[1] in RIGHT_BUT_REFUSED:
        return True
    return _policy_error(DecodeControlTuples(told.get("ctrls") or [])) == PASSWORD_EXPIRED


def _policy_error(controls: Any) -> int | None:
    errors = [c.error for c in controls or () if isinstance(c, PasswordPolicyControl)]
    return errors[0] if errors else None
