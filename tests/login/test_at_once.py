"""Several logins of one moment: what happens to one is nobody else's."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, func, select

from tests.statements import statements
from tests.waiting import until
from tests.world import World, log_in
from vestibule.identity.local import LocalDirectory
from vestibule.passwords.pool import Reservation
from vestibule.sessions.models import sessions
from vestibule.users import repository as users
from vestibule.users.models import User
from vestibule.wiring import Services


async def test_an_account_that_is_disabled_while_its_password_is_looked_at_gets_no_session(
    client: httpx.AsyncClient,
    world: World,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people = {name: await world.user(name) for name in ("alice", "bob", "carol")}
    verify = LocalDirectory.verify

    async def and_disable_bob(
        self: LocalDirectory, *, user: User | None, password: SecretStr, reservation: Reservation
    ) -> User | None:
        verified = await verify(self, user=user, password=password, reservation=reservation)
        if verified is not None and verified.username == "bob":
            await services.database.write(
                lambda c: users.change(c, verified.id, {"is_active": False})
            )
        return verified

    monkeypatch.setattr(LocalDirectory, "verify", and_disable_bob)
    await services.registry.reload()

    answers = await asyncio.gather(*(log_in(client, name) for name in people))

    assert [answer.status_code for answer in answers] == [200, 401, 200]
    causes = {(row.user_id, row.cause) for row in await services.audit.latest(limit=9)}
    assert (people["bob"].id, "account_changed") in causes

    def begun(connection: Connection) -> int:
        statement = select(func.count()).where(sessions.c.user_id == people["bob"].id)
        return connection.execute(statement).scalar_one()

    assert await services.database.read(begun) == 0


async def test_while_many_wait_for_a_hash_nobody_is_looked_up(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.user()
    await services.registry.reload()
    pool, gate = services.pool, threading.Event()
    waiting = [
        asyncio.create_task(_hashing(pool.reserve(), gate)) for _ in range(pool.capacity - 2)
    ]
    await until(lambda: pool._jobs.qsize() > pool._batch() + pool.threads)

    with statements() as sent:
        login = asyncio.create_task(log_in(client))
        await until(lambda: bool(pool._early))
        before = [statement for statement, _ in sent if "FROM users" in statement]
    gate.set()

    assert before == []
    assert (await login).status_code == 200
    await asyncio.gather(*waiting)


async def _hashing(reservation: Reservation, gate: threading.Event) -> None:
    with reservation:
        await reservation.run(gate.wait)
