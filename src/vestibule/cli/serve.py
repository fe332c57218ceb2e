"""`vestibule serve` and `vestibule migrate`."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from vestibule import logs
from vestibule.cli.lazy import loading
from vestibule.cli.output import AsJson, explained, load_settings, out, print_done, print_json
from vestibule.server.first_start import FirstStart
from vestibule.settings import Settings
from vestibule.storage import schema


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", min=0, max=65535)] = None,
    as_json: AsJson = False,
) -> None:
    """Run the service; the first start makes the database, the keys and an administrator."""
    # Here, because the other commands need no web server.
    with loading():
        from vestibule.server.run import serve as run_server

    settings = load_settings()
    changes = {"host": host, "port": port}
    given = {name: value for name, value in changes.items() if value is not None}
    settings = settings.model_copy(update=given)
    logs.configure(level=settings.log_level, form=settings.log_format, traces=settings.traces)

    with contextlib.suppress(KeyboardInterrupt), explained():
        run_server(settings, observer=_Announcer(settings, as_json=as_json))


class _Announcer:
    """Tells people, or programs, what they need to sign in."""

    def __init__(self, settings: Settings, *, as_json: bool) -> None:
        self._url = settings.public_url
        self._host = settings.host
        self._as_json = as_json

    def made(self, first_start: FirstStart) -> None:
        """Show the administrator's password, this once."""
        password = first_start.password.get_secret_value()
        url = f"{self._url}/api/v1/auth/login"
        if self._as_json:
            print_json(
                {
                    "username": first_start.username,
                    "password": password,
                    "organization": first_start.organization,
                    "login_url": url,
                }
            )
        else:
            out.print(
                f"\n[bold]An administrator was made. The password is shown this once:[/]\n\n"
                f"  username  {first_start.username}\n  password  {password}\n\n"
                f"[bold]Sign in with:[/]\n\n"
                f"  curl --request POST {url} \\\n"
                f"    --data username={first_start.username} --data 'password={password}'\n",
                soft_wrap=True,
            )
        sys.stdout.flush()

    def listening(self, port: int) -> None:
        """Say that requests are answered from now on."""
        if self._as_json:
            print_json({"listening": True, "host": self._host, "port": port})
        else:
            out.print(f"Listening on http://{self._host}:{port} (Ctrl-C ends it)", soft_wrap=True)
        sys.stdout.flush()


def migrate(as_json: AsJson = False) -> None:
    """Bring the database to the version of this program."""
    settings = load_settings()
    with explained():
        former = schema.current(settings.sqlalchemy_url)
        schema.upgrade(settings.sqlalchemy_url)
        present = schema.current(settings.sqlalchemy_url)
    print_done(
        f"The database is at version {present}.",
        {"from": former, "to": present},
        as_json=as_json,
    )
