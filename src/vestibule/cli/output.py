"""What the server's commands share: settings, services, and what `printing` has."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer
from pydantic import SecretStr

from vestibule.cli.loading import load_settings
from vestibule.cli.printing import AsJson, err, fail, out, print_done, print_json, print_rows
from vestibule.errors import ApiError
from vestibule.storage import schema
from vestibule.wiring import Services, running

__all__ = [
    "AsJson",
    "ask_password",
    "err",
    "fail",
    "load_settings",
    "out",
    "print_done",
    "print_json",
    "print_rows",
    "run",
]

T = TypeVar("T")


def run(work: Callable[[Services], Awaitable[T]]) -> T:
    """Run a command on a migrated database; our errors become a sentence and exit code 1."""
    settings = load_settings()

    async def go() -> T:
        await schema.upgrade_where_behind(settings.sqlalchemy_url)
        async with running(settings) as services:
            return await work(services)

    try:
        return asyncio.run(go())
    except ApiError as error:
        fail(error.detail)


def ask_password() -> SecretStr:
    """A password from a prompt, twice, or from the first line of standard input.

    Never from an argument: those stand in the shell's history and in the process list.
    """
    if not sys.stdin.isatty():
        return SecretStr(sys.stdin.readline().removesuffix("\n").removesuffix("\r"))
    return SecretStr(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
