"""Sessions, devices, API keys, authorization codes, workspaces, projects and invitations."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from uuid_utils.compat import uuid7

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KIND = "contract"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _sessions()
    _single_use()
    _organizations()
    with op.batch_alter_table("users") as table:
        table.add_column(
            sa.Column("is_admin", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("clients") as table:
        table.add_column(sa.Column("redirect_uris", sa.JSON(), nullable=False, server_default="[]"))
        table.add_column(sa.Column("jwks", sa.JSON(), nullable=True))
        for name in ("first_party", "dpop_bound"):
            table.add_column(
                sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
            )
    # No release could exchange them: what they stood for begins with `sessions`.
    op.drop_table("refresh_tokens")
    _give_organizations_their_defaults()


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.String(100), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("scope", sa.String(2000), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=True),
        sa.Column("previous_digest", sa.LargeBinary(32), nullable=True),
        sa.Column("salt", sa.LargeBinary(16), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("rotated_at", MOMENT, nullable=True),
        sa.Column("auth_time", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("user_agent", sa.String(400), nullable=False),
        sa.Column("dpop_jkt", sa.String(64), nullable=True),
        sa.Column("org_confined", sa.Boolean(), nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("end_cause", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    ended = sa.text("ended_at IS NOT NULL")
    op.create_index(
        "ix_sessions_ended_at",
        "sessions",
        ["ended_at"],
        sqlite_where=ended,
        postgresql_where=ended,
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("hint", sa.String(8), nullable=False),
        sa.Column("allowed_scopes", sa.JSON(), nullable=True),
        sa.Column("allow_self_revoke", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )
    for column in ("user_id", "revoked_at", "expires_at"):
        op.create_index(f"ix_api_keys_{column}", "api_keys", [column])


def _single_use() -> None:
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", sa.String(64), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("jti", name="pk_revoked_tokens"),
    )
    op.create_table(
        "replays",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_replays"),
    )
    op.create_table(
        "authorization_codes",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("client_id", sa.String(100), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("redirect_uri", sa.String(2000), nullable=False),
        sa.Column("scope", sa.String(2000), nullable=False),
        sa.Column("nonce", sa.String(400), nullable=True),
        sa.Column("code_challenge", sa.String(43), nullable=False),
        sa.Column("dpop_jkt", sa.String(64), nullable=True),
        sa.Column("auth_time", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("redeemed_at", MOMENT, nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_authorization_codes"),
    )
    op.create_table(
        "device_logins",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("user_code", sa.String(16), nullable=False),
        sa.Column("client_id", sa.String(100), nullable=False),
        sa.Column("scope", sa.String(2000), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("auth_time", MOMENT, nullable=True),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("user_agent", sa.String(400), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("interval", sa.SmallInteger(), nullable=False),
        sa.Column("last_polled_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_device_logins"),
        sa.UniqueConstraint("user_code", name="uq_device_logins_user_code"),
    )
    for table in ("revoked_tokens", "replays", "authorization_codes", "device_logins"):
        op.create_index(f"ix_{table}_expires_at", table, ["expires_at"])
    op.create_table(
        "consents",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.String(100), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("granted_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "client_id", "org_id", name="pk_consents"),
    )


def _organizations() -> None:
    op.create_table(
        "workspaces",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(63), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_workspaces_org_id"),
        sa.PrimaryKeyConstraint("id", name="pk_workspaces"),
        sa.UniqueConstraint("org_id", "key", name="uq_workspaces_org_id_key"),
    )
    op.create_table(
        "projects",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(63), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_projects_org_id"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_projects_workspace_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
        sa.UniqueConstraint("workspace_id", "key", name="uq_projects_workspace_id_key"),
    )
    op.create_index("ix_projects_org_id", "projects", ["org_id"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("email_address", sa.String(320), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("accepted_at", MOMENT, nullable=True),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["organizations.id"], name="fk_invitations_org_id"),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("digest", name="uq_invitations_digest"),
    )
    op.create_index("ix_invitations_org_id", "invitations", ["org_id"])


def _give_organizations_their_defaults() -> None:
    """Organizations from before get the workspace and project that new ones begin with."""

    def shared() -> list[sa.ColumnClause[Any]]:
        # Made anew each time: a column belongs to one table.
        return [
            sa.column("id", sa.Uuid()), sa.column("org_id", sa.Uuid()), sa.column("key"),
            sa.column("name"), sa.column("is_default", sa.Boolean()),
            sa.column("created_at", MOMENT), sa.column("updated_at", MOMENT),
        ]  # fmt: skip

    workspaces = sa.table("workspaces", *shared())
    projects = sa.table("projects", sa.column("workspace_id", sa.Uuid()), *shared())
    organizations = sa.table(
        "organizations", sa.column("id", sa.Uuid()), sa.column("created_at", MOMENT)
    )
    connection = op.get_bind()
    for org_id, created_at in connection.execute(sa.select(organizations)).all():
        values = {
            "org_id": org_id, "key": "default", "name": "Default", "is_default": True,
            "created_at": created_at, "updated_at": created_at,
        }  # fmt: skip
        workspace_id = uuid7()
        connection.execute(sa.insert(workspaces), {"id": workspace_id, **values})
        connection.execute(
            sa.insert(projects), {"id": uuid7(), "workspace_id": workspace_id, **values}
        )


def downgrade() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.String(100), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("scope", sa.String(2000), nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_refresh_tokens"),
        sa.UniqueConstraint("digest", name="uq_refresh_tokens_digest"),
    )
    op.create_index("ix_refresh_tokens_user_id", "refresh_tokens", ["user_id"])
    with op.batch_alter_table("clients") as table:
        for name in ("redirect_uris", "jwks", "first_party", "dpop_bound"):
            table.drop_column(name)
    with op.batch_alter_table("users") as table:
        table.drop_column("is_admin")
    for name in (
        "invitations", "projects", "workspaces", "consents", "device_logins",
        "authorization_codes", "replays", "revoked_tokens", "api_keys", "sessions",
    ):  # fmt: skip
        op.drop_table(name)
