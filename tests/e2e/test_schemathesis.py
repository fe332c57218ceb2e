"""Schemathesis over the OpenAPI document: what it generates is answered as documented."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx

from tests.e2e.conftest import MakeServer

CASES = 5_000


def test_no_generated_case_is_answered_otherwise_than_documented(
    make_server: MakeServer, tmp_path: Path
) -> None:
    # Thousands of wrong passwords from one address are what the limits are for.
    server = make_server(
        failure_delays="false", limit_address="1000000/minute", limit_client="1000000/minute",
        limit_account="1000000/minute",
    )  # fmt: skip
    own = {"username": server.first["username"], "password": server.first["password"]}
    token = httpx.post(f"{server.url}/api/v1/auth/login", data=own).json()["access_token"]
    config = tmp_path / "schemathesis.toml"
    config.write_text(
        # Whether a client may ask for a scope is not in the schema: 400 is right for most.
        "[[operations]]\n"
        'include-operation-id = "login"\n'
        "[operations.checks.positive_data_acceptance]\n"
        "expected-statuses = [200, 400, 401]\n"
    )

    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"),
            "--config-file", str(config),
            "run", f"{server.url}/api/v1/openapi.json",
            "--checks", "all",
            "--max-examples", "5500",
            "--phases", "examples,coverage,fuzzing,stateful",
            "--header", f"Authorization: Bearer {token}",
            "--seed", "1",
            "--generation-database", "none",
            "--continue-on-failure",
            "--no-color",
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    report = done.stdout + done.stderr
    assert done.returncode == 0, report[-8000:]
    generated = re.search(r"(\d+) generated", report)
    assert generated, report[-2000:]
    assert int(generated[1]) >= CASES, report[-2000:]
