"""The settings that a command goes by, without what only some commands need."""

from __future__ import annotations

import typer
from pydantic import ValidationError
from rich.markup import escape

from vestibule.cli.printing import err
from vestibule.settings import Settings


def load_settings() -> Settings:
    """The settings of the environment; where they are wrong, say which and end with 2."""
    try:
        return Settings()
    except ValidationError as error:
        for item in error.errors(include_input=False, include_context=False):
            name = "_".join(str(part) for part in item["loc"][:1]).upper()
            err.print(f"[red]VESTIBULE_{escape(name)}[/]: {escape(item['msg'])}")
        raise typer.Exit(2) from None
