"""Upstream directories, mail that waits, and links that were mailed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KIND = "expand"

MOMENT = sa.DateTime(timezone=True)
NAMING_A_DIRECTORY = ("organizations", "sessions", "authorization_codes", "device_logins")


def upgrade() -> None:
    _directories()
    _mail()
    for name in NAMING_A_DIRECTORY:
        op.add_column(name, sa.Column("directory", sa.String(63), nullable=True))


def _directories() -> None:
    op.create_table(
        "directories",
        sa.Column("key", sa.String(63), nullable=False),
        sa.Column("configuration", sa.JSON(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_directories"),
    )
    op.create_table(
        "identities",
        sa.Column("directory", sa.String(63), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("granted", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("disabled_at", MOMENT, nullable=True),
        sa.Column("cached_hash", sa.String(1024), nullable=True),
        sa.Column("cached_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("directory", "subject", name="pk_identities"),
    )
    op.create_index("ix_identities_user_id", "identities", ["user_id", "directory"], unique=True)


def _mail() -> None:
    op.create_table(
        "mails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mails"),
    )
    op.create_index("ix_mails_due_at", "mails", ["due_at"])
    op.create_table(
        "mail_links",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email_address", sa.String(320), nullable=False),
        sa.Column("password_digest", sa.LargeBinary(32), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_mail_links"),
    )
    op.create_index("ix_mail_links_expires_at", "mail_links", ["expires_at"])


def downgrade() -> None:
    for name in NAMING_A_DIRECTORY:
        with op.batch_alter_table(name) as table:
            table.drop_column("directory")
    for name in ("mail_links", "mails", "identities", "directories"):
        op.drop_table(name)
