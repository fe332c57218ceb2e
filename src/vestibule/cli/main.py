"""`vestibule`: the commands put together."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from vestibule import __version__
from vestibule.cli.lazy import LazyGroup, Source


class Commands(LazyGroup):
    """All commands: for a person at any service, then for whoever runs one."""

    sources = (
        Source("login", "vestibule.cli.person.login", "login", "cli"),
        Source("whoami", "vestibule.cli.person.account", "whoami", "cli"),
        Source("token", "vestibule.cli.person.account", "token", "cli"),
        Source("logout", "vestibule.cli.person.account", "logout", "cli"),
        Source("org", "vestibule.cli.orgs", "app", "server"),
        Source("org", "vestibule.cli.person.organizations", "app", "cli"),
        Source("serve", "vestibule.cli.serve", "serve", "server"),
        Source("migrate", "vestibule.cli.serve", "migrate", "server"),
        Source("backup", "vestibule.cli.backup", "backup", "server"),
        Source("restore", "vestibule.cli.backup", "restore", "server"),
        Source("user", "vestibule.cli.users", "app", "server"),
        Source("client", "vestibule.cli.clients", "app", "server"),
        Source("directory", "vestibule.cli.directories", "app", "server"),
        Source("keys", "vestibule.cli.keys", "app", "server"),
        Source("passwords", "vestibule.cli.passwords", "app", "server"),
        Source("audit", "vestibule.cli.audit", "app", "server"),
        Source("health", "vestibule.cli.health", "health", "server"),
        Source("doctor", "vestibule.cli.doctor", "doctor", "server"),
    )


app = typer.Typer(
    name="vestibule",
    cls=Commands,
    help="The self-hosted sign-in service for platforms whose users belong to organizations.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it and end."),
    ] = False,
) -> None:
    """Options of all commands."""


def main() -> None:
    """The entry point of the `vestibule` command."""
    # Whatever it creates is the owner's alone: databases, secrets, logs.
    os.umask(0o077)
    app()
