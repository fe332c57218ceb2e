"""Mail that waits in the database: what was committed is sent, whoever is killed meanwhile."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta

from sqlalchemy import Connection

from vestibule import logs
from vestibule.clock import Clock, utc
from vestibule.mail import repository
from vestibule.mail.mailer import Mail, Mailer, MailNotSent
from vestibule.mail.repository import Waiting
from vestibule.metrics.service import Metrics
from vestibule.storage.database import Database
from vestibule.tokens.vault import Vault, WrongSecretKey

EVERY = 10.0
"""Seconds between two looks at what waits: what this instance has put there is sent at once."""
AT_ONCE = 4
BATCH = 100
DELAYS = (60, 300, 900, 3600, 4 * 3600)
"""Seconds to wait after each try that failed, the last of them after all later ones."""
LEASE = 60
"""Seconds beyond the time of one try after which another instance may take the message on."""


class Outbox:
    """Sends each message at least once, unless it expires first.

    Twice only where an instance ends between the server's yes and the database's: both then have
    the same Message-ID. What fails stands in the log, without recipient and text.
    """

    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        mailer: Mailer,
        clock: Clock,
        timeout: float,
        metrics: Metrics,
        is_configured: bool,
    ) -> None:
        """`timeout` of one try in seconds; `is_configured` where mail reaches people."""
        self.is_configured = is_configured
        self._database = database
        self._vault = vault
        self._mailer = mailer
        self._clock = clock
        self._timeout = timeout
        self._metrics = metrics
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._looking = asyncio.Lock()
        self._tasks: set[asyncio.Task[int]] = set()
        self._under_way = 0
        self._log = logs.get("mail")

    @property
    def under_way(self) -> int:
        """Messages that this instance is sending now."""
        return self._under_way

    def put(self, connection: Connection, mail: Mail, *, expires_at: datetime) -> None:
        """Let it wait, in the transaction of what it speaks of; call `wake` after the commit.

        It is not sent after `expires_at`, when its links are worth nothing.
        """
        now = utc(self._clock)
        content = json.dumps({"to": mail.to, "subject": mail.subject, "text": mail.text})
        row = Waiting(
            id=mail.id,
            kind=mail.kind,
            # It holds links that let somebody in, and addresses.
            sealed=self._vault.seal(content.encode()).encode(),
            attempts=0,
            due_at=now,
            expires_at=expires_at,
            created_at=now,
        )
        repository.add(connection, row)

    def wake(self) -> None:
        """Begin to send what is due, and return at once."""
        task = asyncio.create_task(self.send_due())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self) -> None:
        """Look without end: for what failed before, and what other instances left."""
        while True:
            await self.send_due()
            await asyncio.sleep(EVERY)

    async def send_due(self) -> int:
        """Send what is due now; how many left. Nothing is raised: what fails is tried later."""
        sent = 0
        async with self._looking:
            try:
                while batch := await self._due():
                    sent += sum(await asyncio.gather(*(self._take_on(row) for row in batch)))
            except Exception as error:
                self._log.error("mail not looked at", error=type(error).__name__)
        return sent

    async def close(self) -> None:
        """Give what is under way its time, then let it go: it waits for the next start."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._timeout)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _due(self) -> list[Waiting]:
        return await self._database.read(
            lambda c: repository.due(c, now=utc(self._clock), limit=BATCH)
        )

    async def _take_on(self, row: Waiting) -> bool:
        async with self._turns:
            until = utc(self._clock) + timedelta(seconds=self._timeout + LEASE)
            if not await self._database.write(lambda c: repository.claim(c, row, until=until)):
                return False
            self._under_way += 1
            try:
                return await self._send(row)
            finally:
                self._under_way -= 1

    async def _send(self, row: Waiting) -> bool:
        if row.expires_at <= utc(self._clock):
            await self._gave_up(row, "expired")
            return False
        reason, is_final = "timeout", False
        try:
            content = json.loads(self._vault.open(row.sealed.decode()))
            async with asyncio.timeout(self._timeout):
                await self._mailer.send(Mail(id=row.id, kind=row.kind, **content))
        except MailNotSent as error:
            reason, is_final = error.reason, error.is_final
        except WrongSecretKey:
            reason = "secret key"
        except TimeoutError:
            pass
        except Exception as error:
            # No traceback: its frames' values could carry the text into the log.
            reason = type(error).__name__
        else:
            await self._database.write(lambda c: repository.remove(c, row.id))
            self._log.info("mail sent", kind=row.kind)
            self._metrics.mail("sent")
            return True
        again = utc(self._clock) + timedelta(seconds=DELAYS[min(row.attempts, len(DELAYS) - 1)])
        if is_final or again >= row.expires_at:
            await self._gave_up(row, reason)
        else:
            await self._database.write(lambda c: repository.put_off(c, row.id, until=again))
            self._log.warning("mail not sent", kind=row.kind, reason=reason, tries=row.attempts + 1)
            self._metrics.mail("failed")
        return False

    async def _gave_up(self, row: Waiting, reason: str) -> None:
        await self._database.write(lambda c: repository.remove(c, row.id))
        self._log.error("mail given up", kind=row.kind, reason=reason, tries=row.attempts + 1)
        self._metrics.mail("dropped")
