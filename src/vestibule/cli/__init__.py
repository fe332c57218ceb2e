"""The command line: one file a group of commands."""

from __future__ import annotations

from vestibule.cli.main import main

__all__ = ["main"]
