"""Schemathesis over the OpenAPI document: what it generates is answered as documented."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import MakeServer
from tests.e2e.scim_document import document
from tests.e2e.server import Server

UNLIMITED = {
    "failure_delays": "false",
    **{
        f"limit_{name}": "1000000/minute"
        for name in ("address", "client", "account", "failures", "devices", "user_codes", "mails")
    },
}
"""Thousands of wrong passwords from one address are what the limits are for."""

CONFIG = """
[[operations]]
include-operation-id = "login"
[operations.checks.positive_data_acceptance]
# Whether a client may ask for a scope is not in the schema: 400 is right for most.
expected-statuses = [200, 400, 401]
"""

PLACES = """
[parameters]
"path.org" = "main"
"path.workspace" = "default"
"path.project" = "default"
"""
"""What is there after the first start, so that cases come to more than 404."""


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    return make_server(**UNLIMITED)


def run(
    server: Server,
    folder: Path,
    config: str,
    *arguments: str,
    authorization: str,
    location: str | None = None,
    checks: str = "all",
) -> int:
    """Run it; how many cases it generated."""
    file = folder / "schemathesis.toml"
    file.write_text(config)

    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"),
            "--config-file", str(file),
            "run", location or f"{server.url}/api/v1/openapi.json",
            "--checks", checks,
            "--header", f"Authorization: {authorization}",
            "--seed", "1",
            "--generation-database", "none",
            "--continue-on-failure",
            "--no-color",
            *arguments,
        ],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip

    # Generated bodies are long; the first part of a line says what it is about.
    report = "\n".join(line[:300] for line in (done.stdout + done.stderr).splitlines())
    assert done.returncode == 0, report[-12000:]
    generated = re.search(r"(\d+) generated", report)
    assert generated, report[-2000:]
    return int(generated[1])


def access_token(server: Server) -> str:
    own = {"username": server.first["username"], "password": server.first["password"]}
    token: str = httpx.post(f"{server.url}/api/v1/auth/login", data=own).json()["access_token"]
    return token


def test_no_generated_login_is_answered_otherwise_than_documented(
    server: Server, tmp_path: Path
) -> None:
    cases = run(
        server, tmp_path, CONFIG, "--include-operation-id", "login", "--max-examples", "5500",
        "--phases", "examples,coverage,fuzzing",
        authorization=f"Bearer {access_token(server)}",
    )  # fmt: skip

    assert cases >= 5_000


def test_no_other_generated_case_is_answered_otherwise_than_documented(
    server: Server, tmp_path: Path
) -> None:
    # A key: unlike a token's session, nothing that is generated can end it by chance.
    made = httpx.post(
        f"{server.url}/api/v1/user/api-keys",
        json={"name": "generated cases"},
        headers={"Authorization": f"Bearer {access_token(server)}"},
    )

    cases = run(
        # That a made-up name, code, token or member is nobody's is not in the schema.
        server, tmp_path, PLACES, "--exclude-checks", "positive_data_acceptance",
        "--exclude-operation-id", "login",
        "--max-examples", "20", "--phases", "examples,coverage,fuzzing,stateful",
        authorization=f"Bearer {made.json()['key']}",
    )  # fmt: skip

    assert cases >= 2_000


def test_no_generated_case_breaks_provisioning(server: Server, tmp_path: Path) -> None:
    made = httpx.post(
        f"{server.url}/api/v1/org/main/scim/tokens",
        json={"name": "generated cases"},
        headers={"Authorization": f"Bearer {access_token(server)}"},
    )
    (tmp_path / "scim.json").write_text(json.dumps(document()))

    cases = run(
        server, tmp_path, "", "--url", server.url, "--max-examples", "40",
        "--phases", "coverage,fuzzing",
        authorization=f"Bearer {made.json()['token']}",
        location="scim.json",
        checks="not_a_server_error,status_code_conformance,content_type_conformance",
    )  # fmt: skip

    assert cases >= 500
