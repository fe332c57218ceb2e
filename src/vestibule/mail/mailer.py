"""The seam through which mail leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from vestibule.ids import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One message to one person. Its text may hold a secret, so it never shows itself."""

    to: str
    subject: str = field(repr=False)
    text: str = field(repr=False)
    id: UUID = field(default_factory=new_id)
    """Tells two deliveries of one message from two messages."""
    kind: str
    """What it is about, for the log: the recipient and the text never stand there."""


class MailNotSent(Exception):
    """The message did not leave; `reason` is a short name of why, without any of it."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        """`is_final` where the next server will never take it."""
        self.reason = reason
        self.is_final = is_final
        super().__init__(reason)


class Mailer(Protocol):
    """What sends mail."""

    async def send(self, mail: Mail) -> None:
        """Returns once the next server has taken responsibility for it. Raises `MailNotSent`."""
        ...
