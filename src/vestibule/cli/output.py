"""What the server's commands share: settings, services, and what `printing` has."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import typer
from argon2.exceptions import HashingError
from pydantic import SecretStr

from vestibule.cli.loading import load_settings
from vestibule.cli.printing import AsJson, err, fail, out, print_done, print_json, print_rows
from vestibule.errors import ApiError, DatabaseUnavailable
from vestibule.storage import schema
from vestibule.wiring import Services, running

__all__ = [
    "AsJson",
    "ask_password",
    "err",
    "explained",
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
    """Run a command on a migrated database; what goes wrong is `explained`."""
    settings = load_settings()

    async def go() -> T:
        await schema.upgrade_where_behind(settings.sqlalchemy_url)
        async with running(settings) as services:
            return await work(services)

    with explained():
        return asyncio.run(go())


@contextmanager
def explained() -> Iterator[None]:
    """A sentence for what goes wrong; exit code 1, or 2 where the database can't be used."""
    try:
        yield
    except DatabaseUnavailable as error:
        lacking = "Redis" if error.cause == "shared_state" else "The database"
        fail(f"{lacking} doesn't answer", code=2)
    except ApiError as error:
        fail(error.detail)
    except schema.Unusable as error:
        fail(f"The database can't be used: {error}", code=2)
    except HashingError as error:
        fail(f"A password can't be hashed: {error}")


def ask_password() -> SecretStr:
    """A password from a prompt, twice, or from the first line of standard input.

    Never from an argument: those stand in the shell's history and in the process list.
    """
    if not sys.stdin.isatty():
        return SecretStr(sys.stdin.readline().removesuffix("\n").removesuffix("\r"))
    return SecretStr(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
