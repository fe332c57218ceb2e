"""Invitations, imports and tokens of identity providers are found by when they ended."""

from __future__ import annotations

from alembic import op

from vestibule.storage.upgrading import drop_broken_index

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KIND = "expand"

ENDS = (
    ("invitations", "expires_at"),
    ("invitations", "accepted_at"),
    ("invitations", "revoked_at"),
    ("scim_tokens", "expires_at"),
    ("scim_tokens", "revoked_at"),
    ("user_imports", "seen_at"),
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        _create()
        return
    with op.get_context().autocommit_block():
        for table, column in ENDS:
            drop_broken_index(op.get_bind(), f"ix_{table}_{column}")
        _create()


def downgrade() -> None:
    for table, column in ENDS:
        op.drop_index(f"ix_{table}_{column}", table, if_exists=True)


def _create() -> None:
    for table, column in ENDS:
        op.create_index(
            f"ix_{table}_{column}",
            table,
            [column],
            if_not_exists=True,
            postgresql_concurrently=True,
        )
