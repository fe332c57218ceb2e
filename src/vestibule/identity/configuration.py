"""What an operator says of an upstream directory: whom it answers for, and what its groups mean."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from vestibule.identity.ldap.configuration import LdapConfiguration
from vestibule.identity.oidc.configuration import OidcConfiguration
from vestibule.orgs.models import Role

KEY = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
NEW = "new"
LOCAL = "local"
"""The name of our own directory, which no other one may have."""
DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")

Connection = Annotated[LdapConfiguration | OidcConfiguration, Field(discriminator="kind")]


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Domain = Annotated[str, BeforeValidator(_lower), Field(max_length=253)]
Suffix = Annotated[str, BeforeValidator(_lower), Field(min_length=2, max_length=64)]


class Standing(BaseModel):
    """A membership that the directory gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    organization: str = Field(description="The organization's key", pattern=KEY)
    role: Role = Role.MEMBER


class GroupStanding(Standing):
    """A membership that a group of the directory gives."""

    group: str = Field(description="The group, as the directory spells it", max_length=1000)


class DirectoryConfiguration(BaseModel):
    """A directory of people somewhere else."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    key: str = Field(pattern=KEY, description="What it is known by, in settings, logs and metrics")
    name: str = Field(min_length=1, max_length=200, description="What people are shown")
    connection: Connection
    is_active: bool = Field(default=True, description="Whether it is asked at all")
    domains: frozenset[Domain] = Field(
        default=frozenset(),
        max_length=1000,
        description="E-mail domains whose people it answers for and whose addresses it vouches for",
    )
    suffixes: frozenset[Suffix] = Field(
        default=frozenset(),
        max_length=100,
        description="Endings of typed usernames that it answers for; the directory is asked for "
        "the name without the ending",
    )
    is_default: bool = Field(
        default=False, description="Whether it answers for everybody whom nobody else knows"
    )
    exclusive: bool = Field(
        default=True,
        description="Whether it answers for its domains and suffixes even where an account has a "
        "local password; administrators of the service keep theirs",
    )
    create_accounts: bool = Field(
        default=True, description="Whether a first sign-in makes an account"
    )
    organizations: tuple[Standing, ...] = Field(
        default=(), max_length=100, description="Memberships of everybody who signs in through it"
    )
    groups: tuple[GroupStanding, ...] = Field(
        default=(), max_length=10_000, description="Memberships by group; the highest role counts"
    )
    cache_seconds: int = Field(
        default=0,
        ge=0,
        le=7 * 86400,
        description="How long a password that it took is still taken while it is out of reach",
    )
    max_concurrent: int = Field(
        default=32, ge=1, le=1000, description="Questions at once; more are refused with 429"
    )
    breaker_failures: int = Field(
        default=5, ge=1, le=100, description="Failures in a row after which it is left alone"
    )
    breaker_seconds: float = Field(
        default=10, gt=0, le=3600, description="Seconds that it is left alone then"
    )
    sync_seconds: int = Field(
        default=3600,
        ge=0,
        le=30 * 86400,
        description="Seconds after which a person is looked up again, where the directory can be "
        "asked so; 0 for never",
    )

    @field_validator("key")
    @classmethod
    def _is_no_name_of_ours(cls, value: str) -> str:
        if value == LOCAL:
            raise ValueError("is the name of our own directory")
        if value == NEW:
            raise ValueError("is the name of a page")
        return value

    @field_validator("domains")
    @classmethod
    def _are_domains(cls, value: frozenset[str]) -> frozenset[str]:
        if not all(DOMAIN.fullmatch(domain) for domain in value):
            raise ValueError("must be domains such as example.org")
        return value

    @model_validator(mode="after")
    def _vouches_for_nothing_unasked(self) -> Self:
        if any("@" in suffix and suffix[1:] in self.domains for suffix in self.suffixes):
            raise ValueError("a suffix is one of the domains")
        return self

    def standings(self, groups: frozenset[str]) -> dict[str, Role]:
        """The role in each organization, by its key, of somebody in these groups."""
        # Names of groups are compared as directories do, whatever the letters' case.
        folded = {group.casefold() for group in groups}
        given: list[Standing] = list(self.organizations)
        given += [item for item in self.groups if item.group.casefold() in folded]
        found: dict[str, Role] = {}
        for item in given:
            former = found.get(item.organization, Role.MEMBER)
            found[item.organization] = min(former, item.role, key=list(Role).index)
        return found

    def plain(self) -> dict[str, Any]:
        """All of it but its secrets, as JSON."""
        return self.model_dump(
            mode="json", exclude={"connection": set(self.secrets())}, exclude_defaults=False
        )

    def secrets(self) -> dict[str, str]:
        """The secrets by which we sign in there."""
        return {
            name: value.get_secret_value()
            for name, value in self.connection
            if isinstance(value, SecretStr)
        }
