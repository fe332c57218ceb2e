"""The queries of links."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from vestibule.recovery.models import Link, Purpose, mail_links


def add(connection: Connection, link: Link) -> None:
    """Insert."""
    connection.execute(insert(mail_links), {name: getattr(link, name) for name in Link.__slots__})


def usable(
    connection: Connection, *, digest: bytes, purpose: Purpose, now: datetime
) -> Link | None:
    """The link of this digest, where it is for this, unused and in time."""
    row = connection.execute(select(mail_links).where(mail_links.c.digest == digest)).one_or_none()
    link = Link(*row) if row else None
    if link is None or link.purpose != purpose or link.used_at is not None:
        return None
    return link if now < link.expires_at else None


def spend(connection: Connection, *, digest: bytes, now: datetime) -> bool:
    """Use it up; whether nobody else has meanwhile."""
    statement = (
        update(mail_links)
        .where(mail_links.c.digest == digest, mail_links.c.used_at.is_(None))
        .values(used_at=now)
    )
    return connection.execute(statement).rowcount == 1
