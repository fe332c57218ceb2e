"""Our own directory, whose answers are counted, measured and traced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from vestibule.clock import Clock
from vestibule.errors import ApiError
from vestibule.identity.directory import Accounts
from vestibule.metrics.service import Metrics
from vestibule.passwords.pool import Reservation
from vestibule.tracing.spans import Tracing
from vestibule.users.models import User


class MeteredAccounts:
    """`Accounts` around others, by the name that metrics know them by.

    Outcomes are `found` and `unknown`, `right` and `wrong`, and for what raised, the type of the
    error without its ending: `rate_limit`, `database`, `bad_gateway`, `gateway_timeout`.
    """

    def __init__(
        self, directory: Accounts, *, name: str, metrics: Metrics, tracing: Tracing, clock: Clock
    ) -> None:
        self._directory = directory
        self._name = name
        self._metrics = metrics
        self._tracing = tracing
        self._clock = clock

    async def find(self, identifier: str) -> User | None:
        """As `Accounts.find`."""
        with self._measured("find") as answer:
            user = await self._directory.find(identifier)
            answer.outcome = "unknown" if user is None else "found"
        return user

    async def verify(
        self, *, user: User | None, password: SecretStr, reservation: Reservation
    ) -> User | None:
        """As `Accounts.verify`."""
        with self._measured("verify") as answer:
            verified = await self._directory.verify(
                user=user, password=password, reservation=reservation
            )
            answer.outcome = "wrong" if verified is None else "right"
        return verified

    @contextmanager
    def _measured(self, operation: str) -> Iterator[_Answer]:
        answer = _Answer()
        began = self._clock.monotonic()
        try:
            with self._tracing.step(
                f"directory {operation}", {"vestibule.directory": self._name}
            ) as span:
                yield answer
                if answer.outcome in ("right", "wrong"):
                    # Whether there is such a user, a trace need not tell.
                    span.set("vestibule.outcome", answer.outcome)
        except ApiError as error:
            answer.outcome = error.type.value.removesuffix("_error")
            raise
        finally:
            self._metrics.directory(
                self._name, operation, answer.outcome, self._clock.monotonic() - began
            )


class _Answer:
    """What came of a question; left as it is, it was broken off by a defect or the client."""

    __slots__ = ("outcome",)

    def __init__(self) -> None:
        self.outcome = "broken_off"
