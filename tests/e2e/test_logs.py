"""A log that can't be written is no reason to turn people away."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from tests.e2e.server import Server
from vestibule import logs


@pytest.mark.parametrize("where", ["2>/dev/full", "2>&-"], ids=["full", "none"])
def test_people_sign_in_while_the_log_goes_nowhere(tmp_path: Path, where: str) -> None:
    without_log = ("sh", "-c", f'exec "$@" {where}', "sh")
    with Server(tmp_path / "data", within=without_log).running() as server:
        own = {"username": "admin", "password": server.first["password"]}
        url = f"{server.url}/api/v1/auth/login"

        signed_in = httpx.post(url, data=own)
        refused = httpx.post(url, data={**own, "password": "another"})
        page = httpx.get(f"{server.url}/account")

    assert signed_in.status_code == page.status_code == 200
    assert refused.status_code == 401
    assert refused.json()["type"] == "authentication_error"


class Moody(io.StringIO):
    """A stream that fails while somebody says so."""

    failure: Exception | None = None

    def write(self, text: str) -> int:
        if self.failure is not None:
            raise self.failure
        return super().write(text)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Moody]:
    moody, former = Moody(), structlog.get_config()
    root = logging.root
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", moody)
    logs.configure(level="info", form="json")
    yield moody
    structlog.configure(**former)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("failure", [BrokenPipeError(), OSError(28, "full"), ValueError("closed")])
def test_what_is_lost_is_lost_and_the_rest_is_written(stream: Moody, failure: Exception) -> None:
    log = logs.get("test")

    log.info("before")
    stream.failure = failure
    log.info("lost")
    stream.failure = None
    log.info("after")

    written = stream.getvalue()
    assert [word in written for word in ("before", "lost", "after")] == [True, False, True]
