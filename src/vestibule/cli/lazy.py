"""Commands that are imported when they are asked for, and only where their extra is installed."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup

Command: TypeAlias = TyperCommand | TyperGroup


@dataclass(frozen=True, slots=True)
class Source:
    """Where a command, or a group's part, is defined, and which extra it needs."""

    name: str
    module: str
    attribute: str
    extra: str

    def load(self) -> Command | None:
        """The command; None where its extra is not installed."""
        try:
            with loading():
                found = getattr(import_module(self.module), self.attribute)
        except ModuleNotFoundError as error:
            if (error.name or "vestibule").partition(".")[0] == "vestibule":
                raise  # a defect of ours
            return None
        app = found
        if not isinstance(found, typer.Typer):
            app = typer.Typer(add_completion=False)
            app.command(self.name)(found)
        app._add_completion = False
        command: Any = typer.main.get_command(app)
        command.name = self.name
        return command  # type: ignore[no-any-return]


@contextmanager
def loading() -> Iterator[None]:
    """Import within it: to look for garbage among what stays takes an eighth of that time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class LazyGroup(TyperGroup):
    """A group whose commands come from `SOURCES`, besides those that were added to it."""

    sources: tuple[Source, ...] = ()

    def list_commands(self, ctx: Any) -> list[str]:
        names = dict.fromkeys(source.name for source in self.sources)
        return [*names, *(name for name in self.commands if name not in names)]

    def get_command(self, ctx: Any, cmd_name: str) -> Command | None:
        if cmd_name not in self.commands:
            parts = [source for source in self.sources if source.name == cmd_name]
            if parts:
                self.commands[cmd_name] = _join(cmd_name, parts)
        return self.commands.get(cmd_name)  # type: ignore[return-value]


class _Part(TyperGroup):
    """A group of which only a part is installed."""

    lacking: str = ""

    def get_command(self, ctx: Any, cmd_name: str) -> Command | None:
        found = super().get_command(ctx, cmd_name)
        return found or _absent(cmd_name, self.lacking)  # type: ignore[return-value]


def _join(name: str, sources: list[Source]) -> Command:
    """One command of what can be loaded; what can't says which extra to install."""
    loaded = [(source, source.load()) for source in sources]
    present = [command for _, command in loaded if command is not None]
    lacking = [source.extra for source, command in loaded if command is None]
    if not present:
        return _absent(name, lacking[0])
    first = present[0]
    for other in present[1:]:
        assert isinstance(first, TyperGroup)
        assert isinstance(other, TyperGroup)
        first.commands.update(other.commands)
    if lacking and isinstance(first, TyperGroup):
        part = _Part(
            name=name, commands=dict(first.commands), help=first.help, no_args_is_help=True,
            rich_markup_mode=first.rich_markup_mode,
        )  # fmt: skip
        part.lacking = lacking[0]
        return part
    return first


def _absent(name: str, extra: str) -> TyperCommand:
    def absent() -> None:
        typer.echo(
            f"`{name}` is not installed here; install it with: pip install 'vestibule[{extra}]'",
            err=True,
        )
        raise typer.Exit(2)

    return TyperCommand(
        name=name,
        callback=absent,
        hidden=True,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
