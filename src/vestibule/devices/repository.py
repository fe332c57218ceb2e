"""Which rows: device logins."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from vestibule.devices.models import DeviceLogin, DeviceStatus, device_logins

_by_digest = select(device_logins).where(device_logins.c.digest == bindparam("digest"))
_by_user_code = select(device_logins).where(device_logins.c.user_code == bindparam("user_code"))


def add(connection: Connection, login: DeviceLogin) -> None:
    """Insert; `IntegrityError` where the user code is taken."""
    values = {name: getattr(login, name) for name in DeviceLogin.__slots__}
    connection.execute(insert(device_logins), values)


def by_digest(connection: Connection, digest: bytes) -> DeviceLogin | None:
    """The login of this device code."""
    row = connection.execute(_by_digest, {"digest": digest}).one_or_none()
    return _login(row) if row else None


def by_user_code(connection: Connection, user_code: str) -> DeviceLogin | None:
    """The login of this user code."""
    row = connection.execute(_by_user_code, {"user_code": user_code}).one_or_none()
    return _login(row) if row else None


def polled(connection: Connection, digest: bytes, *, now: datetime, interval: int) -> None:
    """Set when the device asked last, and how long it must wait from now on."""
    connection.execute(
        update(device_logins)
        .where(device_logins.c.digest == digest)
        .values(last_polled_at=now, interval=interval)
    )


def decide(
    connection: Connection,
    digest: bytes,
    *,
    status: DeviceStatus,
    user_id: UUID,
    org_id: UUID | None,
    auth_time: datetime,
    directory: str | None,
    now: datetime,
) -> bool:
    """Approve or refuse, if nobody has decided yet: of two at the same instant one gets True."""
    statement = (
        update(device_logins)
        .where(
            device_logins.c.digest == digest,
            device_logins.c.status == DeviceStatus.PENDING.value,
            device_logins.c.expires_at > now,
        )
        .values(
            status=status.value,
            user_id=user_id,
            org_id=org_id,
            auth_time=auth_time,
            directory=directory,
        )
    )
    return connection.execute(statement).rowcount == 1


def redeem(connection: Connection, digest: bytes) -> bool:
    """Mark its tokens as handed out, which only one request gets True for."""
    statement = (
        update(device_logins)
        .where(
            device_logins.c.digest == digest,
            device_logins.c.status == DeviceStatus.AUTHORIZED.value,
        )
        .values(status=DeviceStatus.REDEEMED.value)
    )
    return connection.execute(statement).rowcount == 1


def _login(row: Row[Any]) -> DeviceLogin:
    return DeviceLogin(**{**row._mapping, "status": DeviceStatus(row.status)})
