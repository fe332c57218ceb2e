"""Any number of users on PostgreSQL, each with a membership, a session and a login in the trail.

The server makes the rows itself, which is quicker than sending them, from the users' numbers. They
came one after the other in the last thirty days: what is older might be cleared away meanwhile.
"""

from __future__ import annotations

import asyncio
import time

import asyncpg
from tests.postgres import PostgresServer

from vestibule.storage import schema

MEMBERS = 1000
"""Users of one organization."""
SPAN = 30 * 86400 * 1000
"""Milliseconds within which they came."""
TABLES = ("organizations", "users", "memberships", "sessions", "audit_events")


def ensure(server: PostgresServer, name: str, count: int, *, password_hash: str) -> str:
    """The URL of a database with so many users; it is filled where it is not there yet."""
    parameters = password_hash.rpartition("$")[0].rpartition("$")[0]  # the salt is another
    made_of = f"{count} users, tables {schema.HEAD}, {parameters}"
    found = server.sql(
        "SELECT coalesce(shobj_description(oid, 'pg_database'), '') "
        f"FROM pg_database WHERE datname = '{name}'"
    )
    if found == made_of:
        return server.url(name)
    server.sql(f"DROP DATABASE IF EXISTS {name}")
    server.sql(f"CREATE DATABASE {name} TEMPLATE template0")
    schema.upgrade(server.url(name))
    asyncio.run(_fill(server.url(name), count, password_hash))
    server.sql(f"COMMENT ON DATABASE {name} IS '{made_of}'")
    return server.url(name)


async def _fill(url: str, count: int, password_hash: str) -> None:
    statements = _statements(count, password_hash, beginning=int(time.time() * 1000) - SPAN)
    await _execute(url, statements["organizations"])
    await asyncio.gather(
        _execute(url, statements["users"], statements["memberships"]),
        _execute(url, statements["sessions"], statements["audit_events"]),
    )
    for table in TABLES:
        await _execute(url, f"VACUUM (FREEZE, ANALYZE) {table}")
    await _execute(url, "CHECKPOINT")


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        # A key that refers to another table is looked up row by row otherwise.
        await connection.execute("SET session_replication_role = replica")
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _statements(count: int, password_hash: str, *, beginning: int) -> dict[str, str]:
    """`beginning`: milliseconds since 1970 at which the first user came."""

    def uuid(kind: str, number: str = "n") -> str:
        """An UUIDv7 as SQL: random but for the time, and the same for the same number."""
        came = f"{beginning} + {number} * {SPAN} / {count}"
        return (
            f"overlay(overlay(overlay(md5('{kind}' || {number}) "
            f"PLACING lpad(to_hex({came}), 12, '0') FROM 1 FOR 12) "
            "PLACING '7' FROM 13 FOR 1) PLACING '8' FROM 17 FOR 1)::uuid"
        )

    organization = uuid("organization", f"(n / {MEMBERS})")
    every_user = f"FROM generate_series(0::bigint, {count - 1}) AS n"
    every_organization = f"FROM generate_series(0::bigint, {(count - 1) // MEMBERS}) AS n"
    scope = "email offline_access openid profile"
    return {
        "organizations": (
            "INSERT INTO organizations (id, key, name, description, is_active, password_sign_in, "
            f"created_at, updated_at) SELECT {uuid('organization')}, 'org-' || n, 'Org ' || n, '', "
            f"true, true, now(), now() {every_organization}"
        ),
        "users": (
            "INSERT INTO users (id, username, email_address, first_name, last_name, password_hash, "
            f"is_active, email_verified, created_at, updated_at) SELECT {uuid('user')}, "
            "'user' || n, 'user' || n || '@example.org', 'Given' || n, 'Family' || n, "
            f"'{password_hash}', true, true, now(), now() {every_user}"
        ),
        "memberships": (
            "INSERT INTO memberships (user_id, org_id, role, joined_at) "
            f"SELECT {uuid('user')}, {organization}, 'member', now() {every_user}"
        ),
        "sessions": (
            "INSERT INTO sessions (id, kind, user_id, client_id, org_id, scope, digest, salt, "
            "generation, auth_time, created_at, last_seen_at, expires_at, address, user_agent, "
            f"org_confined) SELECT {uuid('session')}, 'token', {uuid('user')}, 'vestibule', "
            f"{organization}, '{scope}', decode(md5('a' || n) || md5('b' || n), 'hex'), "
            "decode(md5('salt' || n), 'hex'), 0, now(), now(), now(), now() + interval '30 days', "
            f"'192.0.2.1', 'Portal/2.1 (Linux)', false {every_user}"
        ),
        "audit_events": (
            "INSERT INTO audit_events (id, occurred_at, event, result, cause, status, user_id, "
            "identifier_digest, client_id, org_id, address, network, request_id) SELECT "
            f"{uuid('event')}, now(), 'login', 'success', 'signed_in', 200, {uuid('user')}, "
            f"left(md5('name' || n), 16), 'vestibule', {organization}, '192.0.2.1', '192.0.2.1', "
            f"md5('request' || n) {every_user}"
        ),
    }


async def warm(url: str, numbers: list[int]) -> None:
    """Read the rows of these users once, by the indexes that a login uses.

    So each database has as many of its pages in memory, whatever its size.
    """
    names = [f"user{number}" for number in numbers]
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET enable_seqscan = off")
        ids = [
            row["id"]
            for row in await connection.fetch(
                "SELECT id, password_hash FROM users WHERE username = ANY($1::text[])", names
            )
        ]
        if len(ids) != len(numbers):
            raise RuntimeError(f"of {len(numbers)} users {len(ids)} were found")
        for table in ("memberships", "sessions", "audit_events"):
            await connection.fetch(f"SELECT * FROM {table} WHERE user_id = ANY($1::uuid[])", ids)
    finally:
        await connection.close()
