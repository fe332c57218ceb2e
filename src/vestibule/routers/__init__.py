"""Every route there is."""

from __future__ import annotations

from vestibule.routers.api import routers
from vestibule.routers.pages import page_routes

__all__ = ["page_routes", "routers"]
