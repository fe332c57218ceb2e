"""Role by route: what each caller is told by each route of an organization."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

# Least first, so that what one may do does not spoil what the next may not.
CALLERS = (
    "nobody",  # sends no credential
    "stranger",  # owns globex
    "elsewhere",  # acme's owner, through a client that enters globex alone
    "member",
    "reader",  # acme's admin, with a token that may only read
    "in_workspace",  # acme's admin, with a key for its default workspace
    "admin",
    "owner",
    "root",  # runs the service, and is a member of nothing
)

ANY_MEMBER = (401, 404, 404, 200, 200, 200, 200, 200, 200)
ANY_ADMIN = (401, 404, 404, 403, 200, 403, 200, 200, 200)


def admins(ok: int, *, in_workspace: int = 403) -> tuple[int, ...]:
    return (401, 404, 404, 403, 403, in_workspace, ok, ok, ok)


def owners(ok: int) -> tuple[int, ...]:
    return (401, 404, 404, 403, 403, 403, 403, ok, ok)


def root(ok: int) -> tuple[int, ...]:
    return (401, 404, 404, 403, 403, 403, 403, 403, ok)


@dataclass(frozen=True)
class Row:
    method: str
    route: str
    statuses: tuple[int, ...]
    body: dict[str, Any] | None = None
    targets: dict[str, str] = field(default_factory=dict)
    """Which kind of thing stands for a parameter of the route or the body."""

    alone: bool = False
    """Whether it changes what other rows stand on."""

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.targets or ''} {self.body or ''}"


ORG = "/api/v1/org/{org}"
WS = f"{ORG}/ws/{{workspace}}"
PROJECT = f"{WS}/projects/{{project}}"
MEMBER = f"{ORG}/members/{{user_id}}"
INVITATION = f"{ORG}/invitations/{{invitation_id}}"
SCIM_TOKEN = f"{ORG}/scim/tokens/{{token_id}}"
SCIM_GROUP = f"{ORG}/scim/groups/{{group_id}}"
NEW = {"key": "{key}", "name": "New"}
PARTS = ("org", "workspace", "project", "user_id", "invitation_id", "token_id", "group_id")

TABLE = [
    Row("POST", "/api/v1/org", (401, 403, 403, 403, 403, 403, 403, 403, 201), NEW),
    Row("GET", ORG, ANY_MEMBER),
    Row("PATCH", ORG, admins(200), {"name": "Renamed"}, alone=True),
    Row("POST", f"{ORG}/suspend", root(204), alone=True),
    Row("POST", f"{ORG}/resume", root(204), alone=True),
    Row("POST", f"{ORG}/transfer", owners(204), {"user_id": "{member}"}, alone=True),
    Row("GET", f"{ORG}/ws", ANY_MEMBER),
    Row("POST", f"{ORG}/ws", admins(201), NEW),
    Row("GET", WS, ANY_MEMBER),
    Row("GET", WS, (401, 404, 404, 200, 200, 404, 200, 200, 200), None, {"workspace": "new_ws"}),
    Row("PATCH", WS, admins(200, in_workspace=200), {"name": "Renamed"}, alone=True),
    Row("PATCH", WS, admins(200, in_workspace=404), {"name": "X"}, {"workspace": "new_ws"}),
    Row("DELETE", WS, admins(204, in_workspace=404), None, {"workspace": "new_ws"}),
    Row("DELETE", WS, admins(409, in_workspace=409)),
    Row("GET", f"{WS}/projects", ANY_MEMBER),
    Row("POST", f"{WS}/projects", admins(201, in_workspace=201), NEW),
    Row("GET", PROJECT, ANY_MEMBER),
    Row("DELETE", PROJECT, admins(204, in_workspace=204), None, {"project": "new_project"}),
    Row("DELETE", PROJECT, admins(409, in_workspace=409)),
    Row("GET", f"{ORG}/members", ANY_MEMBER),
    Row("PATCH", MEMBER, admins(200), {"role": "admin"}, {"user_id": "member"}),
    Row("PATCH", MEMBER, owners(200), {"role": "owner"}, {"user_id": "member"}),
    Row("PATCH", MEMBER, owners(200), {"role": "member"}, {"user_id": "co_owner"}),
    Row("DELETE", MEMBER, admins(204), None, {"user_id": "member"}),
    Row("DELETE", MEMBER, owners(204), None, {"user_id": "co_owner"}),
    Row("GET", f"{ORG}/invitations", ANY_ADMIN),
    Row("POST", f"{ORG}/invitations", admins(201), {"email_address": "{email}", "role": "admin"}),
    Row("POST", f"{ORG}/invitations", owners(201), {"email_address": "{email}", "role": "owner"}),
    Row("DELETE", INVITATION, admins(204), None, {"invitation_id": "invitation"}),
    Row("DELETE", INVITATION, owners(204), None, {"invitation_id": "owner_invitation"}),
    Row("GET", f"{ORG}/scim/tokens", ANY_ADMIN),
    Row("POST", f"{ORG}/scim/tokens", admins(201), {"name": "directory"}),
    Row("DELETE", SCIM_TOKEN, admins(204), None, {"token_id": "scim_token"}),
    Row("GET", f"{ORG}/scim/groups", ANY_ADMIN),
    Row("PUT", SCIM_GROUP, admins(200), {"role": "admin"}, {"group_id": "scim_group"}),
    Row(
        "POST", "/api/v1/invitations/accept",
        (401, 404, 404, 404, 403, 404, 404, 404, 404), {"token": "unknown"},
    ),
]  # fmt: skip
WITHIN = [row for row in TABLE if "{org}" in row.route]


def rounds(table: list[Row]) -> list[Any]:
    """Rows to ask about in one test, because setting a test up takes longer than several rows."""
    shared = [row for row in table if not row.alone]
    return [
        pytest.param([row for row in shared if row.method == "GET"], id="reads"),
        pytest.param([row for row in shared if row.method != "GET"], id="what is made anew"),
        *(pytest.param([row], id=str(row)) for row in table if row.alone),
    ]
