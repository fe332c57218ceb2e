"""A log that can't be written is no reason to turn people away."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.e2e.server import Server


def test_people_sign_in_while_the_disk_of_the_log_is_full(tmp_path: Path) -> None:
    without_log = ("sh", "-c", 'exec "$@" 2>/dev/full', "sh")
    with Server(tmp_path / "data", within=without_log).running() as server:
        own = {"username": "admin", "password": server.first["password"]}
        url = f"{server.url}/api/v1/auth/login"

        signed_in = httpx.post(url, data=own)
        refused = httpx.post(url, data={**own, "password": "another"})
        page = httpx.get(f"{server.url}/account")

    assert signed_in.status_code == page.status_code == 200
    assert refused.status_code == 401
    assert refused.json()["type"] == "authentication_error"
