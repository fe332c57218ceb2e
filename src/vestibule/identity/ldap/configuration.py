"""How an LDAP directory is reached and read."""

from __future__ import annotations

import re
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

USERNAME = "{username}"
DN = "{dn}"
ATTRIBUTE = r"^[A-Za-z][A-Za-z0-9-]{0,63}$"
PRESETS: dict[str, dict[str, Any]] = {
    "openldap": {},
    "active_directory": {
        "user_filter": "(&(objectClass=user)(!(objectClass=computer))"
        "(|(sAMAccountName={username})(userPrincipalName={username})(mail={username})))",
        "subject_attribute": "objectGUID",
        "username_attribute": "sAMAccountName",
        # Active Directory walks the groups itself: LDAP_MATCHING_RULE_IN_CHAIN.
        "group_filter": "(&(objectClass=group)(member:1.2.840.113556.1.4.1941:={dn}))",
        "nested_groups": False,
    },
}
"""What stands for a field that is not given."""


class LdapConfiguration(BaseModel):
    """An LDAP directory (RFC 4511)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["ldap"]
    preset: Literal["openldap", "active_directory"] = "openldap"
    urls: tuple[str, ...] = Field(
        min_length=1,
        max_length=16,
        description="Servers, `ldaps://HOST:636` or `ldap://HOST:389`; the next is asked where one "
        "can't be reached",
    )
    start_tls: bool = Field(
        default=True, description="Whether TLS is demanded of `ldap://` (RFC 4511 §4.14)"
    )
    insecure: bool = Field(
        default=False,
        description="Whether passwords may travel unencrypted where `start_tls` is off",
    )
    ca_certificates: str | None = Field(
        default=None,
        max_length=1_000_000,
        description="Certificates of the authorities that may vouch for the servers, in PEM; by "
        "default those of the system",
    )
    bind_dn: str | None = Field(
        default=None, max_length=1000, description="Whom we search as; by default nobody"
    )
    bind_password: SecretStr | None = Field(
        default=None, max_length=1024, json_schema_extra={"format": "password"}
    )
    user_base: str = Field(min_length=1, max_length=1000, description="Where people are")
    user_filter: str = Field(
        default="(&(objectClass=person)(|(uid={username})(mail={username})))",
        max_length=2000,
        description="Finds a person; `{username}` is what was typed, escaped (RFC 4515)",
    )
    subject_attribute: str = Field(default="entryUUID", pattern=ATTRIBUTE)
    username_attribute: str = Field(default="uid", pattern=ATTRIBUTE)
    email_attribute: str = Field(default="mail", pattern=ATTRIBUTE)
    first_name_attribute: str = Field(default="givenName", pattern=ATTRIBUTE)
    last_name_attribute: str = Field(default="sn", pattern=ATTRIBUTE)
    trust_addresses: bool = Field(
        default=True, description="Whether the directory vouches for the addresses in it"
    )
    group_base: str | None = Field(
        default=None, max_length=1000, description="Where groups are; by default none is read"
    )
    group_filter: str = Field(
        default="(&(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))"
        "(|(member={dn})(uniqueMember={dn})))",
        max_length=2000,
        description="Finds the groups of somebody; `{dn}` is their name, `{username}` that of "
        "`username_attribute`",
    )
    group_attribute: str = Field(
        default="cn",
        pattern=ATTRIBUTE,
        description="What a group is called in the mapping; `dn` for its whole name",
    )
    nested_groups: bool = Field(
        default=True, description="Whether groups of groups count, by asking for each level"
    )
    follow_referrals: bool = Field(
        default=False, description="Whether a server may send us to another one"
    )
    timeout: float = Field(
        default=5, gt=0, le=60, description="Seconds for all that one question takes"
    )
    pool_size: int = Field(default=8, ge=1, le=100, description="Connections of each kind at most")
    page_size: int = Field(default=500, ge=1, le=10_000, description="Entries in one answer")

    @property
    def lacks(self) -> str | None:
        """The secret without which it is of no use, where that was not given."""
        return "bind_password" if self.bind_dn and self.bind_password is None else None

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, given: Any) -> Any:
        preset = given.get("preset") if isinstance(given, dict) else None
        if isinstance(preset, str) and preset in PRESETS:
            return {**PRESETS[preset], **given}
        return given

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for url in self.urls:
            try:
                parts = urlsplit(url)
                usable = bool(parts.hostname) and parts.port != 0 and not parts.path.strip("/")
            except ValueError:
                usable = False
            if not usable or parts.scheme not in ("ldap", "ldaps") or parts.query or parts.username:
                raise ValueError("urls must be of the form ldaps://host:636")
            if parts.scheme == "ldap" and not self.start_tls and not self.insecure:
                raise ValueError("ldap:// without start_tls needs insecure, by name")
        if self.bind_password is not None and not self.bind_password.get_secret_value():
            # RFC 4513 §5.1.2: a name without a password would be let in as nobody.
            raise ValueError("bind_password is empty")
        if self.bind_password is not None and not self.bind_dn:
            raise ValueError("bind_password is for a bind_dn")
        if USERNAME not in self.user_filter:
            raise ValueError("user_filter must hold {username}")
        if DN not in self.group_filter and USERNAME not in self.group_filter:
            raise ValueError("group_filter must hold {dn} or {username}")
        for text in (self.user_filter, self.group_filter):
            if not re.fullmatch(r"\(.*\)", text) or text.count("(") != text.count(")"):
                raise ValueError("a filter must be in parentheses that match")
        if self.ca_certificates is not None and "BEGIN CERTIFICATE" not in self.ca_certificates:
            raise ValueError("ca_certificates must be PEM")
        return self
