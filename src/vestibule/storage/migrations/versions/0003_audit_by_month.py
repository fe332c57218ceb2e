"""The audit trail in a partition for each month, on PostgreSQL.

A contraction by name, for the table is another one afterwards; what the former release asks of it
is answered as before. Rows from before stay where they are, in a partition of their own that ends
where the next month begins. Nothing is copied, and they are looked through while people sign in.
"""

from __future__ import annotations

from datetime import UTC, datetime

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KIND = "contract"

INDEX = "ix_audit_events_user_id_network_result"


def upgrade() -> None:
    if not _has_partitions():
        return
    now = datetime.now(UTC)
    months = [_month(now, number) for number in range(3)]
    before = f"audit_events_before_{_name(months[1])}"
    bound = _first_id(months[1])
    used = _is_used()
    if used:
        # Beforehand and apart, so that attaching it need not look through it under a lock.
        with op.get_context().autocommit_block():
            op.execute("SET lock_timeout = '2s'")
            op.execute("ALTER TABLE audit_events DROP CONSTRAINT IF EXISTS ck_audit_events_before")
            op.execute(
                "ALTER TABLE audit_events ADD CONSTRAINT ck_audit_events_before"
                f" CHECK (id < '{bound}') NOT VALID"
            )
            op.execute("ALTER TABLE audit_events VALIDATE CONSTRAINT ck_audit_events_before")
            op.execute("RESET lock_timeout")
    if "-YB-" not in _told():  # YugabyteDB has no such lock
        op.execute("LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE")
    used = used or _is_used()  # another instance may have written its first row meanwhile
    op.execute(f"ALTER TABLE audit_events RENAME TO {before}")
    op.execute(f"ALTER TABLE {before} RENAME CONSTRAINT pk_audit_events TO pk_{before}")
    op.execute(f"ALTER INDEX {INDEX} RENAME TO ix_{before}")
    op.execute(
        f"CREATE TABLE audit_events (LIKE {before}, CONSTRAINT pk_audit_events PRIMARY KEY (id))"
        " PARTITION BY RANGE (id)"
    )
    op.execute(f"CREATE INDEX {INDEX} ON audit_events (user_id, network, result)")
    if used:
        op.execute(
            f"ALTER TABLE audit_events ATTACH PARTITION {before}"
            f" FOR VALUES FROM (MINVALUE) TO ('{bound}')"
        )
        op.execute(f"ALTER TABLE {before} DROP CONSTRAINT IF EXISTS ck_audit_events_before")
    else:
        op.execute(f"DROP TABLE {before}")
        _create(months[0], months[1])
    _create(months[1], months[2])
    # For what no other takes: an insert never fails for lack of a partition.
    op.execute("CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT")


def downgrade() -> None:
    if not _has_partitions():
        return
    op.execute("ALTER TABLE audit_events RENAME TO audit_events_months")
    op.execute("ALTER TABLE audit_events_months RENAME CONSTRAINT pk_audit_events TO pk_months")
    op.execute(f"ALTER INDEX {INDEX} RENAME TO ix_months")
    op.execute(
        "CREATE TABLE audit_events"
        " (LIKE audit_events_months, CONSTRAINT pk_audit_events PRIMARY KEY (id))"
    )
    op.execute("INSERT INTO audit_events SELECT * FROM audit_events_months")
    op.execute(f"CREATE INDEX {INDEX} ON audit_events (user_id, network, result)")
    op.execute("DROP TABLE audit_events_months")


def _has_partitions() -> bool:
    """Whether this database can: SQLite and CockroachDB go on with the one table."""
    if op.get_bind().dialect.name != "postgresql":
        return False
    return "CockroachDB" not in _told()


def _told() -> str:
    return str(op.get_bind().execute(text("SELECT version()")).scalar_one())


def _is_used() -> bool:
    return op.get_bind().execute(text("SELECT 1 FROM audit_events LIMIT 1")).first() is not None


def _create(first: datetime, following: datetime) -> None:
    op.execute(
        f"CREATE TABLE audit_events_{_name(first)} PARTITION OF audit_events"
        f" FOR VALUES FROM ('{_first_id(first)}') TO ('{_first_id(following)}')"
    )


def _month(now: datetime, later: int) -> datetime:
    """The beginning of the month that is so much later."""
    years, month = divmod(now.month - 1 + later, 12)
    return datetime(now.year + years, month + 1, 1, tzinfo=UTC)


def _name(month: datetime) -> str:
    return f"y{month:%Y}m{month:%m}"


def _first_id(month: datetime) -> str:
    """The least UUIDv7 of that month, as in ids.py when this was written."""
    digits = f"{int(month.timestamp() * 1000) << 80:032x}"
    return "-".join(digits[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
