"""People who sign in, stay, leave and make keys while something breaks."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.e2e.server import Server
from tests.faults.asking import AFTER, LOGIN, Asking
from tests.faults.changing import Changer
from tests.faults.codes import Browser
from tests.faults.ledger import Ledger, Line
from tests.faults.proofs import KINDS, TOKEN, Kind, Once, Worker

REFRESH = "/api/v1/auth/refresh"
LOGOUT = "/api/v1/auth/logout"
KEYS = "/api/v1/user/api-keys"
PEOPLE = 4
KEYS_AT_MOST = 40
NOT_TAKEN = (400, 401)
"""How is refused what was taken already, or may have been."""
SPENT = 400
"""How a refresh token is refused that is spent, or whose session has ended."""
REPEATED = 4
"""So many of the last proofs, assertions and codes are tried again."""
BACK = 30.0
"""Seconds in which the service must work again."""


class Load(Asking):
    """Some people, each with one request at a time, against any of the servers.

    One of them has new passwords, and a client sends what may be taken once, more than once.
    """

    def __init__(self, servers: Sequence[Server], folder: Path) -> None:
        """What must be handed over in a file goes through the folder."""
        super().__init__(servers)
        self.password = servers[0].first["password"]
        self.worker = Worker(servers[0], folder)
        self.codes = Browser(servers[0], username="admin", password=self.password)
        self.changer = Changer(servers[0])
        self._stop = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Ledger]:
        """Load while the block lasts; those inside have finished when it ends."""
        async with self.connected(), asyncio.TaskGroup() as people:
            for _ in range(PEOPLE):
                people.create_task(self._person())
            people.create_task(self._change())
            people.create_task(self._work())
            try:
                yield self.ledger
            finally:
                self._stop.set()

    async def acknowledge(self, more: int) -> None:
        """Wait until so many further writes have been acknowledged: the service works."""
        goal = self.ledger.acknowledged + more
        await self.meet(lambda: self.ledger.acknowledged >= goal)

    async def everything(self) -> None:
        """Wait until one more of each kind has been taken, and a password changed."""
        goals = {kind: self._taken(kind) + 1 for kind in KINDS}
        changed = len(self.changer.former)
        await self.meet(
            lambda: (
                len(self.changer.former) > changed
                and all(self._taken(kind) >= goal for kind, goal in goals.items())
            )
        )

    async def refused(self, more: int) -> None:
        """Wait until so many further requests have failed: the service feels it."""
        goal = self.ledger.unknown + more
        await self.meet(lambda: self.ledger.unknown >= goal)

    async def meet(self, condition: Callable[[], bool]) -> None:
        """Wait until the people have come to see something."""
        async with asyncio.timeout(BACK):
            while not condition():
                assert not self.ledger.wrong, self.ledger.wrong[:5]
                await asyncio.sleep(0.02)

    async def _person(self) -> None:
        while not self._stop.is_set():
            line = await self._sign_in()
            if line is None:
                await asyncio.sleep(AFTER)
                continue
            for _ in range(self.random.randint(1, 4)):
                await self._spend(line)
                if line.unknown:
                    break
            if line.unknown:
                await asyncio.sleep(AFTER)
                continue
            choice = self.random.random()
            if choice < 0.3:
                await self._leave(line)
            elif choice < 0.5:
                await self._race(line)

    async def _change(self) -> None:
        while not self._stop.is_set():
            await self.changer.change(self)

    async def _work(self) -> None:
        """Use one twice at once, and try the last ones again, as a thief would."""
        for kind in itertools.cycle(KINDS):
            if self._stop.is_set():
                return
            once = await self._fresh(kind)
            if once is None:
                await asyncio.sleep(AFTER)
                continue
            self.ledger.once.append(once)
            ends = (self.servers[0], self.servers[-1])
            await asyncio.gather(*(self._use(once, server) for server in ends))
            for earlier in self.ledger.once[-REPEATED:]:
                await self._use(earlier, self.random.choice(self.servers))

    async def _fresh(self, kind: Kind) -> Once | None:
        if kind == "code":
            return await self.codes.fresh(self)
        return self.worker.fresh(kind)

    async def _use(self, once: Once, server: Server) -> None:
        answer = await self.post(TOKEN, server=server, **once.request())
        if answer is None:
            return
        if answer.status_code == 200:
            once.taken += 1
            once.refresh_token = answer.json().get("refresh_token", "")
            self.ledger.note(answer, "token")
        elif answer.status_code not in NOT_TAKEN:
            self.ledger.refused(once.kind, answer)

    def _taken(self, kind: Kind) -> int:
        return sum(once.taken for once in self.ledger.once if once.kind == kind)

    async def _sign_in(self) -> Line | None:
        form = {"username": "admin", "password": self.password}
        answer = await self.post(LOGIN, data=form)
        if answer is None:
            return None
        if answer.status_code != 200:
            self.ledger.refused("login", answer)
            return None
        line, access_token = self.signed_in(answer)
        if len(self.ledger.keys) < KEYS_AT_MOST and self.random.random() < 0.2:
            await self._make_key(access_token)
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
        self.ledger.note(answer, "api_key_create")

    async def _spend(self, line: Line) -> None:
        answer = await self.post(REFRESH, json={"refresh_token": line.token})
        if answer is None or answer.status_code != 200:
            line.unknown = "refresh"
            if answer is not None:
                self.ledger.refused("refresh", answer)
            return
        line.spent.append(line.token)
        line.token = answer.json()["refresh_token"]
        self.ledger.note(answer)

    async def _leave(self, line: Line) -> None:
        answer = await self.post(LOGOUT, json={"refresh_token": line.token})
        if answer is not None and answer.is_success:
            line.ended = True
            self.ledger.note(answer, "logout")
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
