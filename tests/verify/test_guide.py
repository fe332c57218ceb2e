"""What the guide prints works as printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.verify.issuer import Issuer
from vestibule.verify import Verifier

GUIDE = Path(__file__).parents[2] / "docs" / "src" / "content" / "docs" / "protect-your-api.md"
BASE = "https://api.example.org"


def _block(heading: str) -> str:
    section = GUIDE.read_text().split(f"## {heading}\n", 1)[1]
    found = re.search(r"```python[^\n]*\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.fixture
def scope(monkeypatch: pytest.MonkeyPatch, issuer: Issuer) -> dict[str, Any]:
    """What stands in an example's file; its issuer is the one of these tests."""
    made = Verifier.__init__

    def init(self: Verifier, **options: Any) -> None:
        client = httpx.AsyncClient(transport=httpx.MockTransport(issuer.aanswer))
        made(self, **options, async_client=client, clock=issuer.clock)

    monkeypatch.setattr(Verifier, "__init__", init)
    return {}


async def test_the_lines_for_fastapi(scope: dict[str, Any], issuer: Issuer) -> None:
    exec(_block("FastAPI"), scope)

    transport = httpx.ASGITransport(app=scope["app"])
    headers = {"Authorization": f"Bearer {issuer.token(aud='https://auth.example.org')}"}
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as api:
        missing = await api.get("/projects")
        found = await api.get("/projects", headers=headers)
        made = await api.post("/projects", headers=headers)

    assert missing.status_code == 401
    assert found.json() == {"subject": "alice", "organization": "acme"}
    assert made.json() == {"created_by": "alice"}


async def test_the_lines_for_asgi(scope: dict[str, Any], issuer: Issuer) -> None:
    exec(_block("FastAPI"), scope)
    exec(_block("Any ASGI application"), scope)

    transport = httpx.ASGITransport(app=scope["app"])
    headers = {"Authorization": f"Bearer {issuer.token(aud='https://auth.example.org')}"}
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as api:
        codes = [
            (await api.get("/openapi.json")).status_code,
            (await api.get("/openapi.json", headers=headers)).status_code,
            (await api.get("/public/none")).status_code,
        ]

    assert codes == [401, 200, 404]


def test_every_exception_stands_in_the_guide_with_its_status_and_type() -> None:
    import vestibule.verify as package

    rows = dict(re.findall(r"\| `(\w+)` \| (\d+ \| `\w+`)", GUIDE.read_text()))
    told = {
        name: f"{kind.status} | `{kind.type}`"
        for name in package.__all__
        if isinstance(kind := getattr(package, name), type)
        and issubclass(kind, package.VerifyError)
        and kind not in (package.VerifyError, package.Unavailable)
    }

    assert rows == told
