"""What may be used once only: client assertions (RFC 7523 §3) and DPoP proofs (RFC 9449 §11.1)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError

from vestibule.storage.database import Database
from vestibule.tokens import repository


class Replays:
    """Remembers in the database, so that no instance takes what another has taken."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def first_use(self, *parts: str, expires_at: float) -> bool:
        """Whether these parts never came before.

        They are remembered until `expires_at`, in seconds since the epoch, when what they stand
        for has expired by itself.
        """
        digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
        until = datetime.fromtimestamp(expires_at, UTC)
        try:
            # No error for what is there: it would undo what others write in the same commit.
            return await self._database.write_one(
                lambda c: repository.add_replay(c, digest=digest, expires_at=until)
            )
        except IntegrityError:
            return False
