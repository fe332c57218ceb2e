"""Provisioning by SCIM."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KIND = "expand"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "scim_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_scim_tokens"),
    )
    op.create_index("ix_scim_tokens_org_id", "scim_tokens", ["org_id"])
    op.create_table(
        "scim_users",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("user_name", sa.String(320), nullable=False),
        sa.Column("external_id", sa.String(255), nullable=True),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("made_account", sa.Boolean(), nullable=False),
        sa.Column("disabled_account", sa.Boolean(), nullable=False),
        sa.Column("granted_role", sa.String(16), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "user_id", name="pk_scim_users"),
    )
    op.create_index(
        "ix_scim_users_org_id_user_name", "scim_users", ["org_id", "user_name"], unique=True
    )
    op.create_index("ix_scim_users_org_id_external_id", "scim_users", ["org_id", "external_id"])
    op.create_index("ix_scim_users_user_id", "scim_users", ["user_id"])
    op.create_table(
        "scim_groups",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("display_name", sa.String(255), nullable=False),
        sa.Column("external_id", sa.String(255), nullable=True),
        sa.Column("role", sa.String(16), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_scim_groups"),
    )
    op.create_index(
        "ix_scim_groups_org_id_display_name",
        "scim_groups",
        ["org_id", "display_name"],
        unique=True,
    )
    op.create_table(
        "scim_group_members",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "group_id", "user_id", name="pk_scim_group_members"),
    )
    op.create_index(
        "ix_scim_group_members_org_id_user_id", "scim_group_members", ["org_id", "user_id"]
    )


def downgrade() -> None:
    for name in ("scim_group_members", "scim_groups", "scim_users", "scim_tokens"):
        op.drop_table(name)
