"""The extra `verify` needs no server."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import importlib.abc, sys

REFUSED = {"pydantic", "sqlalchemy", "fastapi", "starlette", "uvicorn", "structlog", "typer",
           "django"} - set(sys.argv[2:])

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ImportError(f"{name} is no dependency of this")
        return None

sys.meta_path.insert(0, Refuse())
__import__(sys.argv[1])
ours = {name for name in sys.modules if name.startswith("vestibule")}
others = {name for name in ours if not (name + ".").startswith("vestibule.verify.")}
assert others == {"vestibule"}, others
"""


def _imported(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=False
    )


def test_it_imports_neither_the_server_nor_a_framework() -> None:
    done = _imported("vestibule.verify")

    assert done.returncode == 0, done.stderr


def test_each_adapter_imports_its_own_framework_only() -> None:
    for arguments in (
        ("vestibule.verify.asgi",),
        ("vestibule.verify.fastapi", "fastapi", "starlette", "pydantic"),
        ("vestibule.verify.django", "django"),
    ):
        done = _imported(*arguments)

        assert done.returncode == 0, done.stderr


def test_the_hook_of_this_test_refuses() -> None:
    done = _imported("vestibule.verify.fastapi")

    assert "fastapi is no dependency of this" in done.stderr
