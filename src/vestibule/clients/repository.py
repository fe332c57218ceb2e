"""Which rows: clients."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from vestibule.clients.models import Client, ClientKind, clients

_by_id = select(clients).where(clients.c.client_id == bindparam("client_id"))


def by_id(connection: Connection, client_id: str) -> Client | None:
    """The client of this id."""
    row = connection.execute(_by_id, {"client_id": client_id}).one_or_none()
    return _client(row) if row else None


def list_clients(connection: Connection) -> list[Client]:
    """All clients by id: they are few."""
    return [_client(row) for row in connection.execute(select(clients).order_by("client_id"))]


def add(connection: Connection, client: Client) -> None:
    """Insert; `IntegrityError` where the id is taken."""
    connection.execute(insert(clients), {name: getattr(client, name) for name in Client.__slots__})


def change(
    connection: Connection, client_id: str, values: dict[str, Any], *, seen: datetime | None = None
) -> bool:
    """Set some columns, with `seen` only where it was not changed since; whether they were."""
    statement = update(clients).where(clients.c.client_id == client_id)
    if seen is not None:
        statement = statement.where(clients.c.updated_at == seen)
    return connection.execute(statement.values(**values)).rowcount == 1


def _client(row: Row[Any]) -> Client:
    return Client(**{**row._mapping, "kind": ClientKind(row.kind)})
