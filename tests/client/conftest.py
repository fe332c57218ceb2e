"""A fake service and a clock for the tests of what the SDK decides."""

from __future__ import annotations

import pytest

from tests.client.fake import AsyncTime, FakeService, Time


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def async_time() -> AsyncTime:
    return AsyncTime()
