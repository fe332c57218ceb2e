"""A witness of an attack: what was answered, logged and written down, and that no secret is there.

Used through the fixture `watch`. What must stay secret is named with `keep`; everything else is
looked at when the test ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from vestibule.audit.models import AuditEvent, Result
from vestibule.wiring import Services


class Watch:
    """Sees every answer of one client, every log line and the trail."""

    def __init__(self, services: Services, lines: list[Any]) -> None:
        self.lines = lines
        self._services = services
        self._answers: list[httpx.Response] = []
        self._secrets: set[str] = set()

    async def see(self, response: httpx.Response) -> None:
        """An event hook of the client."""
        await response.aread()
        self._answers.append(response)

    def keep(self, *secrets: str) -> None:
        """Name what may stand in no refusal, no log line and no row."""
        self._secrets.update(secret for secret in secrets if secret)

    async def trail(self) -> list[AuditEvent]:
        """All rows, oldest first."""
        await self._services.audit.flush()
        return await self._services.audit.latest(limit=1000)

    async def says(self, event: str, cause: str, *, status: int | None = None) -> AuditEvent:
        """The newest refusal of this event for this cause; fails where there is none."""
        rows = await self.trail()
        for row in reversed(rows):
            if (row.event, row.cause) == (event, cause) and row.result is not Result.SUCCESS:
                assert status is None or row.status == status, row
                return row
        raise AssertionError(f"no {event}/{cause} among {[(r.event, r.cause) for r in rows]}")

    async def refused(self, response: httpx.Response, status: int, event: str, cause: str) -> None:
        """Assert that this was answered so, and that the trail says why."""
        assert response.status_code == status, (response.status_code, response.text)
        row = await self.says(event, cause, status=status)
        assert row.request_id == response.headers["x-request-id"]

    async def assert_silent(self) -> None:
        """No secret that was named is in a refusal, the log or the trail."""
        written = [f"{line}" for line in self.lines] + [f"{row}" for row in await self.trail()]
        for secret in self._secrets:
            for answer in self._refusals():
                assert secret not in answer.text, f"{answer.request.url.path} tells a secret"
                assert secret not in f"{answer.headers.get('www-authenticate')}"
            for text in written:
                assert secret not in text, f"a secret was written down: {text[:200]}"

    def _refusals(self) -> Iterator[httpx.Response]:
        return (answer for answer in self._answers if answer.status_code >= 400)
