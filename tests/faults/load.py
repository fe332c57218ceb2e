"""People who sign in, stay, leave and make keys while something breaks."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.e2e.server import Server
from tests.faults.ledger import Ledger, Line
from tests.faults.proofs import KINDS, TOKEN, Once, Worker

LOGIN = "/api/v1/auth/login"
REFRESH = "/api/v1/auth/refresh"
LOGOUT = "/api/v1/auth/logout"
KEYS = "/api/v1/user/api-keys"
HEALTH = "/api/v1/health"
PEOPLE = 4
PATIENCE = 15.0
"""Seconds after which an answer counts as never coming: three times the database's timeout."""
KEYS_AT_MOST = 40
AFTER = 0.02
"""Seconds that somebody waits after a failure."""
NOT_TAKEN = (400, 401)
"""How a proof is refused, or an assertion, that was taken already or may have been."""
SPENT = 400
"""How a refresh token is refused that is spent, or whose session has ended."""
REPEATED = 4
"""So many of the last proofs and assertions are tried again."""
BACK = 30.0
"""Seconds in which the service must work again."""


def claims_of(access_token: str) -> dict[str, Any]:
    """What an access token says."""
    body = access_token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


class Load:
    """Some people, each with one request at a time, against any of the servers."""

    def __init__(
        self,
        servers: Sequence[Server],
        *,
        password: str,
        worker: Worker | None = None,
        seed: int = 1,
    ) -> None:
        """With a `worker` what may be taken once is also sent to them, more than once."""
        self.servers = servers
        self.worker = worker
        self.ledger = Ledger()
        self.password = password
        self._random = random.Random(seed)
        self._stop = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Ledger]:
        """Load while the block lasts; those inside have finished when it ends."""
        limits = httpx.Limits(max_connections=PEOPLE * 3)
        async with httpx.AsyncClient(timeout=PATIENCE, limits=limits) as client:
            self.client = client
            async with asyncio.TaskGroup() as people:
                for _ in range(PEOPLE):
                    people.create_task(self._person())
                if self.worker is not None:
                    people.create_task(self._work(self.worker))
                try:
                    yield self.ledger
                finally:
                    self._stop.set()

    async def acknowledge(self, more: int) -> None:
        """Wait until so many further writes have been acknowledged: the service works."""
        goal = self.ledger.acknowledged + more
        await self.meet(lambda: self.ledger.acknowledged >= goal)

    async def taken(self, more: int) -> None:
        """Wait until so many further assertions and proofs have been taken."""
        goal = self._taken() + more
        await self.meet(lambda: self._taken() >= goal)

    async def refused(self, more: int) -> None:
        """Wait until so many further requests have failed: the service feels it."""
        goal = self.ledger.unknown + more
        await self.meet(lambda: self.ledger.unknown >= goal)

    async def meet(self, condition: Callable[[], bool]) -> None:
        """Wait until the people have come to see something."""
        async with asyncio.timeout(BACK):
            while not condition():  # noqa: ASYNC110  (written by many)
                await asyncio.sleep(0.02)

    async def _person(self) -> None:
        while not self._stop.is_set():
            line = await self._sign_in()
            if line is None:
                await asyncio.sleep(AFTER)
                continue
            for _ in range(self._random.randint(1, 4)):
                await self._spend(line)
                if line.unknown:
                    break
            if line.unknown:
                await asyncio.sleep(AFTER)
                continue
            choice = self._random.random()
            if choice < 0.3:
                await self._leave(line)
            elif choice < 0.5:
                await self._race(line)

    async def _work(self, worker: Worker) -> None:
        """Use one twice at once, and try the last ones again, as a thief would."""
        while not self._stop.is_set():
            once = worker.fresh(self._random.choice(KINDS))
            self.ledger.once.append(once)
            ends = (self.servers[0], self.servers[-1])
            await asyncio.gather(*(self._use(once, server) for server in ends))
            for earlier in self.ledger.once[-REPEATED:]:
                await self._use(earlier, self._random.choice(self.servers))

    async def _use(self, once: Once, server: Server) -> None:
        answer = await self.post(TOKEN, server=server, **once.request())
        if answer is None:
            return
        if answer.status_code == 200:
            once.taken += 1
        elif answer.status_code not in NOT_TAKEN:
            self.ledger.refused(once.kind, answer)

    def _taken(self) -> int:
        return sum(once.taken for once in self.ledger.once)

    async def post(
        self, path: str, *, server: Server | None = None, **sent: object
    ) -> httpx.Response | None:
        """Ask one of the servers; None where no whole answer came back."""
        url = (server or self._random.choice(self.servers)).url + path
        began = time.monotonic()
        try:
            return await self.client.post(url, **sent)  # type: ignore[arg-type]
        except httpx.TimeoutException:
            self.ledger.wrong.append(f"{path}: no answer within {PATIENCE} s")
        except httpx.TransportError:
            pass
        finally:
            self.ledger.slowest = max(self.ledger.slowest, time.monotonic() - began)
        self.ledger.unknown += 1
        return None

    async def _sign_in(self) -> Line | None:
        form = {"username": "admin", "password": self.password}
        answer = await self.post(LOGIN, data=form)
        if answer is None:
            return None
        if answer.status_code != 200:
            self.ledger.refused("login", answer)
            return None
        tokens = answer.json()
        line = Line(claims_of(tokens["access_token"])["sid"], tokens["refresh_token"])
        self.ledger.lines.append(line)
        self.ledger.acknowledged += 1
        if len(self.ledger.keys) < KEYS_AT_MOST and self._random.random() < 0.2:
            await self._make_key(tokens["access_token"])
        return line

    async def _make_key(self, access_token: str) -> None:
        answer = await self.post(
            KEYS,
            json={"name": "build"},
            headers={"Authorization": f"Bearer {access_token}"},
        )
        if answer is None:
            return
        if answer.status_code != 201:
            self.ledger.refused("key", answer)
            return
        made = answer.json()
        self.ledger.keys[made["id"]] = made["key"]
        self.ledger.acknowledged += 1

    async def _spend(self, line: Line) -> None:
        answer = await self.post(REFRESH, json={"refresh_token": line.token})
        if answer is None or answer.status_code != 200:
            line.unknown = "refresh"
            if answer is not None:
                self.ledger.refused("refresh", answer)
            return
        line.spent.append(line.token)
        line.token = answer.json()["refresh_token"]
        self.ledger.acknowledged += 1

    async def _leave(self, line: Line) -> None:
        answer = await self.post(LOGOUT, json={"refresh_token": line.token})
        if answer is not None and answer.is_success:
            line.ended = True
            self.ledger.acknowledged += 1
            return
        line.unknown = "logout"
        if answer is not None:
            self.ledger.refused("logout", answer)

    async def _race(self, line: Line) -> None:
        """Spend the same token at two places at once, as a thief and its owner would."""
        line.unknown = "race"
        self.ledger.races += 1
        answers = await asyncio.gather(
            *(
                self.post(REFRESH, server=server, json={"refresh_token": line.token})
                for server in (self.servers[0], self.servers[-1])
            )
        )
        given = [answer for answer in answers if answer is not None]
        if sum(answer.status_code == 200 for answer in given) > 1:
            self.ledger.wrong.append(f"spent twice: {line.sid}")
        for answer in given:
            if answer.status_code not in (200, SPENT):
                self.ledger.refused("race", answer)
