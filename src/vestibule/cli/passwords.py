"""`vestibule passwords`: how they are hashed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from vestibule.cli.output import AsJson, load_settings, print_done
from vestibule.passwords.calibrate import calibrate as find_parameters

app = typer.Typer(help="How passwords are hashed.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """How passwords are hashed."""


@app.command()
def calibrate(
    milliseconds: Annotated[
        int, typer.Option(help="How long one hash should take.", min=1, max=10_000)
    ] = 50,
    memory: Annotated[
        int | None, typer.Option(help="Keep to this memory, in KiB.", min=8 * 1024)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find the Argon2id parameters that take a given time on this machine."""
    settings = load_settings()
    found = find_parameters(
        milliseconds / 1000, memory_kib=memory, parallelism=settings.argon2_parallelism
    )
    print_done(
        f"One hash takes {1000 * found.seconds:.1f} ms with:\n"
        f"VESTIBULE_ARGON2_MEMORY={found.memory_kib}\n"
        f"VESTIBULE_ARGON2_TIME={found.time_cost}\n"
        f"VESTIBULE_ARGON2_PARALLELISM={found.parallelism}",
        asdict(found),
        as_json=as_json,
    )
