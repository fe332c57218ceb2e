"""Whether the process is about to end."""

from __future__ import annotations


class Draining:
    """Begins once, and never ends but with the process.

    From then on readiness says no, and every answer ends its connection, so that clients and load
    balancers go elsewhere while everything is still answered.
    """

    def __init__(self) -> None:
        self.has_begun = False

    def begin(self) -> None:
        """Say that the process is about to end."""
        self.has_begun = True
