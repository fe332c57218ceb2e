"""What administration pages look for: people by how their names begin, what an act was done to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from vestibule.storage.upgrading import drop_broken_index

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KIND = "expand"

MOMENT = sa.DateTime(timezone=True)
NAMES = ("username", "email_address")


def upgrade() -> None:
    # First, because it commits what came before it: what fails here can be begun again.
    if _sorts_by_locale():
        with op.get_context().autocommit_block():
            for name in NAMES:
                drop_broken_index(op.get_bind(), f"ix_users_{name}_bytes")
                op.create_index(
                    f"ix_users_{name}_bytes",
                    "users",
                    [sa.text(f'{name} COLLATE "C"')],
                    if_not_exists=True,
                    postgresql_concurrently=True,
                )
    op.add_column("audit_events", sa.Column("target", sa.String(100), nullable=True))
    op.create_table(
        "user_imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("started_by", sa.Uuid(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("refusals", sa.JSON(), nullable=False),
        sa.Column("failure", sa.String(200), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_user_imports"),
    )


def downgrade() -> None:
    if _sorts_by_locale():
        for name in NAMES:
            op.drop_index(f"ix_users_{name}_bytes", "users", if_exists=True)
    op.drop_table("user_imports")
    op.drop_column("audit_events", "target")


def _sorts_by_locale() -> bool:
    """PostgreSQL does, where the beginnings of names are no range; others compare bytes."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return False
    version = str(connection.scalar(sa.text("SELECT version()")))
    return "CockroachDB" not in version
