"""`vestibule health`: whether the service on this machine answers.

Container engines ask every few seconds: it imports no more than it needs.
"""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from typing import Annotated

import typer

from vestibule.cli.loading import load_settings
from vestibule.cli.printing import AsJson, fail, print_done

TIMEOUT = 4.0
"""Seconds without a word from it: container engines give 5."""

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (where it listens, not we)


def health(
    ready: Annotated[
        bool, typer.Option("--ready", help="Ask whether it can do its work, not only lives.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the service that runs with these settings whether it lives; ends with 1 where not."""
    settings = load_settings()
    host = ANYWHERE.get(settings.host, settings.host)
    path = "/api/v1/ready" if ready else "/api/v1/health"
    connection = HTTPConnection(host, settings.port, timeout=TIMEOUT)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        fail(f"{host}:{settings.port} does not answer: {error or type(error).__name__}")
    finally:
        connection.close()
    if status != 200:
        fail(f"{path} answers {status}")
    print_done("It answers.", {"status": status}, as_json=as_json)
