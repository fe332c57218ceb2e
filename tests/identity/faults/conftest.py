"""Connectors are real here."""

from __future__ import annotations

import pytest


@pytest.fixture
def _before_services() -> None:
    """Nothing takes their place."""
