"""The resources that are spoken of, and what the service says of itself (RFC 7643)."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    EnterpriseUser,
    ETag,
    Filter,
    Group,
    GroupMember,
    GroupMembership,
    InvalidValueException,
    Meta,
    Patch,
    ResourceType,
    Schema,
    ServiceProviderConfig,
    Sort,
    User,
)

from vestibule.scim.models import ProvisionedGroup, ProvisionedUser
from vestibule.text import comparable

MOST = 200
"""Resources in one answer."""
LONGEST = 255
"""Characters of `displayName` of a group and of `externalId`."""

ScimUser = User[EnterpriseUser]
ScimGroup = Group
RESOURCES: tuple[Any, ...] = (ScimUser, ScimGroup)

NOT_STORED = ("id", "meta", "groups", "password", "schemas")
"""Attributes of a user that are ours to say, or nobody's."""


def user_resource(
    user: ProvisionedUser, groups: list[ProvisionedGroup], *, base: str
) -> User[EnterpriseUser]:
    """A user as it travels; `base` is the URL of the service."""
    resource = ScimUser.model_validate(user.attributes)
    resource.id = str(user.user_id)
    resource.groups = [
        GroupMembership(
            value=str(group.id),
            display=group.display_name,
            ref=f"{base}/Groups/{group.id}",
            type="direct",
        )
        for group in groups
    ] or None
    resource.meta = Meta(
        resource_type="User",
        created=user.created_at,
        last_modified=user.updated_at,
        location=f"{base}/Users/{user.user_id}",
        version=etag(user.version),
    )
    return resource


def group_resource(group: ProvisionedGroup, members: set[UUID], *, base: str) -> Group:
    """A group as it travels."""
    return Group(
        id=str(group.id),
        external_id=group.external_id,
        display_name=group.display_name,
        members=[
            GroupMember(value=str(user_id), ref=f"{base}/Users/{user_id}", type="User")
            for user_id in sorted(members)
        ]
        or None,
        meta=Meta(
            resource_type="Group",
            created=group.created_at,
            last_modified=group.updated_at,
            location=f"{base}/Groups/{group.id}",
            version=etag(group.version),
        ),
    )


def stored(resource: User[EnterpriseUser]) -> dict[str, Any]:
    """What is kept of a user."""
    plain: dict[str, Any] = resource.model_dump(mode="json")
    return {name: value for name, value in plain.items() if name not in NOT_STORED}


def name_of(resource: User[EnterpriseUser]) -> str:
    """`userName` as it is compared: it is not case-exact."""
    return comparable(resource.user_name or "")


def address_of(resource: User[EnterpriseUser]) -> str | None:
    """The primary address, or else the first."""
    emails = [email for email in resource.emails or () if email.value]
    primary = next((email for email in emails if email.primary), None)
    chosen = primary or (emails[0] if emails else None)
    return chosen.value if chosen else None


def external_id_of(resource: User[EnterpriseUser] | Group) -> str | None:
    """What the provider knows it by. Raises `InvalidValueException` for what can't be kept."""
    value = resource.external_id
    if value is not None and (len(value) > LONGEST or not value.isprintable()):
        raise InvalidValueException(detail="externalId: at most 255 printable characters")
    return value


def etag(version: int) -> str:
    """The weak validator of this version (RFC 7644 §3.14)."""
    return f'W/"{version}"'


def service_provider_config(base: str) -> ServiceProviderConfig:
    """What can be asked for (RFC 7643 §5)."""
    return ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MOST),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=False),
        etag=ETag(supported=True),
        authentication_schemes=[
            AuthenticationScheme(
                type="oauthbearertoken",
                name="Bearer token",
                description="A token of the organization (RFC 6750)",
                primary=True,
            )
        ],
        meta=Meta(resource_type="ServiceProviderConfig", location=f"{base}/ServiceProviderConfig"),
    )


@cache
def resource_types(base: str) -> list[ResourceType]:
    """The kinds of resources (RFC 7643 §6)."""
    found = []
    for resource in RESOURCES:
        described = ResourceType.from_resource(resource)
        described.meta = Meta(
            resource_type="ResourceType", location=f"{base}/ResourceTypes/{described.id}"
        )
        found.append(described)
    return found


@cache
def schemas(base: str) -> list[Schema]:
    """What they are made of (RFC 7643 §7)."""
    found = [ScimUser.to_schema(), ScimGroup.to_schema(), EnterpriseUser.to_schema()]
    for schema in found:
        schema.meta = Meta(resource_type="Schema", location=f"{base}/Schemas/{schema.id}")
    return found
