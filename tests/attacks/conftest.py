"""Every attack is watched: what it is told, what the log says, what the trail says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from structlog.testing import capture_logs

from tests.attacks.watch import Watch
from vestibule.wiring import Services


@pytest.fixture
async def watch(services: Services, client: httpx.AsyncClient) -> AsyncIterator[Watch]:
    with capture_logs() as lines:
        seen = Watch(services, lines)
        client.event_hooks["response"].append(seen.see)
        yield seen
        await seen.assert_silent()
