"""Finding people by how their names begin: the same on every database, and by an index."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import Connection

from tests.plans import looked_through
from tests.postgres import PostgresServer
from tests.statements import statements
from tests.world import World
from vestibule.clock import SystemClock, utc
from vestibule.storage import schema
from vestibule.storage.opening import run_once
from vestibule.users import repository
from vestibule.users.models import User
from vestibule.wiring import Services

NAMES = ("a-b", "ab", "ab-c", "ab_c", "abc", "abd", "äb", "b", "zß")


@pytest.fixture
async def people(world: World) -> None:
    for name in NAMES:
        await world.user(name, email_address=f"m.{name.replace('_', '+')}@example.org")


async def names(services: Services, start: str, *, limit: int = 100) -> list[str]:
    """All that is found, page by page."""
    seen: list[str] = []
    after = ""
    while True:
        found, after = await services.users.search(start, after=after, limit=limit)
        seen += [user.username for user in found]
        if not after:
            return seen


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("start", "found"),
    [
        ("", sorted(NAMES)),
        ("AB", ["ab", "ab-c", "ab_c", "abc", "abd"]),
        ("ab_", ["ab_c"]),
        ("ab%", []),
        ("z", ["zß"]),
        ("m.b@", ["b"]),
        ("m.ab", ["ab@", "ab-c", "ab+c", "abc", "abd"]),
    ],
)
async def test_a_beginning_finds_all_that_begin_so_page_by_page(
    services: Services, start: str, found: list[str], limit: int
) -> None:
    seen = await names(services, start, limit=limit)

    assert sorted(seen) == sorted(n.replace("+", "_").removesuffix("@") for n in found)


@pytest.mark.usefixtures("people")
async def test_a_page_looks_at_so_many_addresses_and_no_more(
    services: Services, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.users.service.LOOK_THROUGH", 3)
    for number in range(7):
        await world.user(f"m.{number}")  # named as their addresses are

    found, after = await services.users.search("m.", limit=10)
    empty, further = await services.users.search("m.", after=after, limit=10)

    assert len(found) == 7
    assert (empty, further) == ([], "address:m.5@example.org")
    assert sorted((await names(services, "m.", limit=10))[7:]) == sorted(NAMES)


@pytest.mark.usefixtures("people")
async def test_whoever_is_named_so_is_not_told_twice_for_their_address(
    services: Services, world: World
) -> None:
    await world.user("m.x", email_address="m.x@example.org")

    seen = await names(services, "m.", limit=4)

    assert seen[0] == "m.x"
    assert len(seen) == len(set(seen)) == len(NAMES) + 1


@pytest.mark.usefixtures("people")
async def test_a_search_is_found_by_an_index(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.users.service.LOOK_THROUGH", 1)
    with statements() as sent:
        await services.users.search("m.", after="username:m.a")
        await services.users.search("m.", after="address:m.a")
    asked = [one for one in sent if "FROM users" in one[0]]

    assert len(asked) == 5
    for statement, _ in asked:
        # Of two bounds on one side SQLite looks up the first, and reads the rest through.
        assert statement.count(">") == 1
        assert statement.count("<") == 1
    assert await services.database.write(lambda c: looked_through(c, asked)) == set()


def test_a_language_of_the_database_changes_nothing(postgres: PostgresServer) -> None:
    url = postgres.new_database(options="LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
    schema.upgrade(url)
    now = utc(SystemClock())
    rows = [
        User(UUID(int=n), name, None, "", "", None, True, False, None, now, now)
        for n, name in enumerate(NAMES)
    ]
    run_once(url, lambda c: repository.add(c, rows))

    def look(connection: Connection) -> tuple[list[str], set[tuple[str, str]]]:
        with statements("postgresql") as sent:
            found = repository.named_like(connection, "ab")
        return [user.username for user in found], looked_through(connection, sent)

    assert run_once(url, look) == (["ab", "ab-c", "ab_c", "abc", "abd"], set())
