"""`vestibule directory`: upstream directories."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from vestibule.cli.output import AsJson, fail, print_done, print_rows, run
from vestibule.identity.sync import Synced
from vestibule.wiring import Services

app = typer.Typer(help="Upstream directories.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(help="The directory's key.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the directories by key, those of the settings and those of the routes."""

    async def work(services: Services) -> list[dict[str, Any]]:
        await services.registry.reload()
        return [
            {
                "key": key,
                "name": upstream.configuration.name,
                "kind": upstream.configuration.connection.kind,
                "is_active": upstream.configuration.is_active,
                "source": "settings" if key in services.registry.configured else "routes",
            }
            for key, upstream in sorted(services.registry.latest.by_key.items())
        ]

    print_rows(run(work), columns=["key", "name", "kind", "is_active", "source"], as_json=as_json)


@app.command()
def check(key: Key, as_json: AsJson = False) -> None:
    """Try a directory: whether it can be reached and takes our own credentials."""

    async def work(services: Services) -> float:
        upstream = await services.registry.get(key)
        began = services.clock.monotonic()
        await upstream.check()
        return round(1000 * (services.clock.monotonic() - began), 1)

    milliseconds = run(work)
    print_done(
        f"{key} answers in {milliseconds} ms.", {"milliseconds": milliseconds}, as_json=as_json
    )


@app.command()
def sync(
    key: Key,
    force: Annotated[
        bool, typer.Option("--force", help="Disable whoever is gone, however many they are.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look everybody up again whom a directory knew, and disable whom it no longer has."""

    async def work(services: Services) -> Synced:
        upstream = await services.registry.get(key)
        if not upstream.connector.can_look_up:
            fail(f"{key} can't look people up without their password")
        return await services.synchronization.run(upstream, older_than=0, force=force)

    done = run(work)
    print_done(
        f"Asked {key} for {done.asked}: {done.gone} are gone, {done.disabled} disabled.",
        asdict(done),
        as_json=as_json,
    )
    if done.stopped:
        fail(f"It ended early: {done.stopped}")
