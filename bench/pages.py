"""What pages cost: lists among a million users, and how soon a browser draws one."""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from sqlalchemy import update
from tests.e2e.browsing import chromium

from bench import service
from bench.load import percentile
from bench.scale import crowd, servers
from vestibule.settings import Settings
from vestibule.storage.opening import run_once
from vestibule.users.models import users

USERS = 1_000_000
ROUNDS = 200
PAINTS = 20
ADMINISTRATOR = "user0"
APPOINTED = update(users).where(users.c.username == ADMINISTRATOR).values(is_admin=True)
LISTS = {
    "the first page of users": "/admin/users",
    "users whose name or address begins with `user9`": "/admin/users?search=user9",
    "the one user `user777777`": "/admin/users?search=user777777",
    "a page in the middle": "/admin/users?after=username%3Auser5",
    "the last page, whose addresses are looked through": (
        "/admin/users?search=user&after=username%3Auser99999"
    ),
    "users whom nobody is": "/admin/users?search=nobody",
    "the first page of the trail": "/admin/audit",
    "what nobody did, in the trail": "/admin/audit?event=nothing",
}
DRAWN = ("/account", "/admin", "/admin/users")
CHEAP = {"VESTIBULE_ARGON2_MEMORY": "8", "VESTIBULE_ARGON2_TIME": "1"}
LIST_GOAL, PAINT_GOAL = 100, 200
"""Milliseconds."""


def pages() -> Iterator[str]:
    """(h): milliseconds until a list among a million users is there, and until a page is drawn."""
    yield "| database | list | median ms | p99 ms |"
    yield "|---|---|---|---|"
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        service.populate(data, USERS, hashing=Settings(argon2_memory=8, argon2_time=1))
        run_once(Settings(data_dir=data).sqlalchemy_url, lambda c: c.execute(APPOINTED))
        with service.started(data, CHEAP) as target:
            for line, slowest in _lists("SQLite", target.port):
                worst = max(worst, slowest)
                yield line
            paints = list(_paints(target.port))
    with servers.postgres() as server, tempfile.TemporaryDirectory() as folder:
        hashed = service.hash_of_password(Settings(argon2_memory=8, argon2_time=1))
        url = crowd.ensure(server, "pages", USERS, password_hash=hashed)
        run_once(url, lambda c: c.execute(APPOINTED))
        with service.started(Path(folder), {**CHEAP, "VESTIBULE_DATABASE_URL": url}) as target:
            for line, slowest in _lists("PostgreSQL", target.port):
                worst = max(worst, slowest)
                yield line
    yield ""
    yield "| page | first paint, median ms | slowest of " + f"{PAINTS} |"
    yield "|---|---|---|"
    for path, taken in paints:
        yield f"| `{path}` | {statistics.median(taken):.0f} | {max(taken):.0f} |"
    yield ""
    yield f"- a list among {USERS:,} users is there within {worst:.0f} ms (goal {LIST_GOAL})"
    slowest = max(max(taken) for _, taken in paints)
    yield f"- the first paint comes within {slowest:.0f} ms (goal {PAINT_GOAL})"


def _lists(database: str, port: int) -> Iterator[tuple[str, float]]:
    """A line for each list, and its 99th percentile in milliseconds."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        _sign_in(client)
        for name, path in LISTS.items():
            taken = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                answer = client.get(path)
                taken.append(1000 * (time.perf_counter() - began))
                if answer.status_code != 200 or '<body class="room">' not in answer.text:
                    raise RuntimeError(f"{path} was answered {answer.status_code}")
            taken.sort()
            slow = percentile(taken, 0.99)
            yield f"| {database} | {name} | {statistics.median(taken):.1f} | {slow:.1f} |", slow


def _sign_in(client: httpx.Client) -> None:
    page = client.get("/admin/users")
    (token,) = re.findall(r'name="form_token" value="([^"]*)"', page.text)
    form = {
        "action": "sign_in", "form_token": token, "username": ADMINISTRATOR,
        "password": service.PASSWORD,
    }  # fmt: skip
    answer = client.post("/admin/users", data=form)
    if answer.status_code != 303:
        raise RuntimeError(f"the sign-in was answered {answer.status_code}")


def _paints(port: int) -> Iterator[tuple[str, list[float]]]:
    """For each page the milliseconds from asking for it to its first paint, nothing cached."""
    with chromium() as browser:
        context = browser.new_context(bypass_csp=True)  # to ask the page, by a script
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/account")
        page.get_by_label("Username or e-mail address").fill(ADMINISTRATOR)
        page.get_by_label("Password").fill(service.PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", level=1).wait_for()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        for path in DRAWN:
            taken = []
            for _ in range(PAINTS):
                page.goto(f"http://127.0.0.1:{port}{path}", wait_until="load")
                page.wait_for_function("performance.getEntriesByType('paint').length > 0")
                taken.append(page.evaluate("performance.getEntriesByType('paint')[0].startTime"))
            yield path, taken
