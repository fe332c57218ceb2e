"""`vestibule keys`: the keys that sign tokens."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from vestibule.cli.output import AsJson, print_done, print_rows, run
from vestibule.clock import utc
from vestibule.tokens.models import SigningKey
from vestibule.wiring import Services

app = typer.Typer(help="The keys that sign tokens.", no_args_is_help=True)


@app.command()
def rotate(
    now: Annotated[
        bool, typer.Option("--now", help="Sign with it at once, before caches know it.")
    ] = False,
    revoke: Annotated[
        str | None,
        typer.Option(
            metavar="KID",
            help="Unpublish this key, and sign with the new one, at once: it was compromised.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a signing key; the former ones stay published until all they signed has expired."""

    async def work(services: Services) -> dict[str, Any]:
        if revoke is not None:
            return _shown(await services.keys.revoke(revoke))
        return _shown(await services.keys.rotate(now=now))

    done = run(work)
    print_done(
        f"The key {done['kid']} is published and signs from {done['activates_at']}.",
        done,
        as_json=as_json,
    )


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the published keys, oldest first."""

    async def work(services: Services) -> list[dict[str, Any]]:
        now = utc(services.clock)
        rows = [_shown(key) for key in await services.keys.list()]
        active = [row for row in rows if row["activates_at"] <= now]
        for row in rows:
            waiting = row["activates_at"] > now
            row["state"] = "next" if waiting else "signs" if row is active[-1] else "verifies"
        return rows

    print_rows(
        run(work),
        columns=["kid", "algorithm", "state", "activates_at", "expires_at"],
        as_json=as_json,
    )


def _shown(key: SigningKey) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "algorithm": key.algorithm,
        "created_at": key.created_at,
        "activates_at": key.activates_at,
        "expires_at": key.expires_at,
    }
