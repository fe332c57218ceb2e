"""Every service, made once from the settings and handed what it needs."""

from __future__ import annotations

from vestibule.wiring.services import Services
from vestibule.wiring.wire import running, wire

__all__ = ["Services", "running", "wire"]
