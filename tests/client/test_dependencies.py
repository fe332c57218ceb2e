"""The SDK needs httpx and nothing of the server."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import vestibule.client

FOLDER = Path(vestibule.client.__file__).parent


def test_it_runs_where_nothing_of_the_server_is_installed() -> None:
    program = textwrap.dedent(
        """
        import sys

        class Refuse:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in {
                    "pydantic", "pydantic_settings", "sqlalchemy", "fastapi", "starlette",
                    "uvicorn", "structlog", "typer", "rich", "joserfc", "alembic", "argon2",
                    "cryptography", "limits", "keyring", "platformdirs",
                }:
                    raise ModuleNotFoundError(name)

        sys.meta_path.insert(0, Refuse())
        import httpx
        from vestibule.client import Client

        def answer(request):
            return httpx.Response(200, json={"access_token": "t", "orgs": [], "default_org": None})

        http = httpx.Client(transport=httpx.MockTransport(answer))
        print(Client("https://x.example", http=http).login("alice", "x").access_token())
        print([n for n in sys.modules if n.startswith("vestibule.") and ".client" not in n])
        """
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert done.stdout == "t\n[]\n"


def test_it_imports_no_other_module_of_ours() -> None:
    imported = {
        name
        for path in FOLDER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
        if name.startswith("vestibule")
    }

    assert {name for name in imported if not name.startswith("vestibule.client")} == set()
