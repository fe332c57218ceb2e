"""Sending in the background: whoever caused a message does not wait for it."""

from __future__ import annotations

import asyncio

from vestibule import logs
from vestibule.mail.mailer import Mail, Mailer, MailNotSent
from vestibule.metrics.service import Metrics

MAX_WAITING = 1000
"""Messages that wait or are under way; more than these are dropped, and the log says so."""

AT_ONCE = 4


class Outbox:
    """Sends each message once, in bounded time. What fails stands in the log, without its text.

    It lives in memory: what waits when the process ends is lost, and the link is sent again by
    inviting again.
    """

    def __init__(
        self, *, mailer: Mailer | None, timeout: float, metrics: Metrics | None = None
    ) -> None:
        self._mailer = mailer
        self._timeout = timeout
        self._metrics = metrics or Metrics()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = logs.get("mail")

    @property
    def is_configured(self) -> bool:
        """Whether there is anything to send through."""
        return self._mailer is not None

    @property
    def waiting(self) -> int:
        """Messages that wait or are under way."""
        return len(self._tasks)

    def send_soon(self, mail: Mail) -> None:
        """Begin to send, and return at once. Call it after the commit that it speaks of."""
        if self._mailer is None:
            return
        if len(self._tasks) >= MAX_WAITING:
            self._log.error("mail not sent", kind=mail.kind, reason="too many waiting")
            self._metrics.mail("dropped")
            return
        task = asyncio.create_task(self._send(self._mailer, mail))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give what is under way its time, then let it go."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._timeout)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _send(self, mailer: Mailer, mail: Mail) -> None:
        async with self._turns:
            try:
                async with asyncio.timeout(self._timeout):
                    await mailer.send(mail)
            except (MailNotSent, TimeoutError) as error:
                reason = error.reason if isinstance(error, MailNotSent) else "timeout"
                self._not_sent(mail, reason)
            except Exception as error:
                # No traceback: its frames' values could carry the text into the log.
                self._not_sent(mail, type(error).__name__)
            else:
                self._log.info("mail sent", kind=mail.kind)
                self._metrics.mail("sent")

    def _not_sent(self, mail: Mail, reason: str) -> None:
        self._log.error("mail not sent", kind=mail.kind, reason=reason)
        self._metrics.mail("failed")
