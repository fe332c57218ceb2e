"""Bringing users in: everything that fits, once; everything else refused by line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.world import PASSWORD, World, log_in
from vestibule.users.importfile import open_rows
from vestibule.users.importing import Importer, Refusal, Summary
from vestibule.wiring import Services

HASH = "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44"


async def load(services: Services, rows: Any) -> tuple[Summary, list[Refusal]]:
    refused: list[Refusal] = []
    importer = Importer(
        database=services.database,
        users=services.users,
        organizations=services.organizations,
        passwords=services.passwords,
    )
    summary = await importer.run(rows, refused=refused.append, progress=lambda _: None)
    return summary, refused


async def load_file(
    services: Services, path: Path, content: str | bytes
) -> tuple[Summary, list[Refusal]]:
    raw = content if isinstance(content, bytes) else content.encode()
    await asyncio.to_thread(path.write_bytes, raw)
    with open_rows(path) as rows:
        return await load(services, rows)


def counts(summary: Summary) -> tuple[int, int, int]:
    return (summary.created, summary.unchanged, summary.refused)


async def test_jsonl_with_hashes_organizations_and_roles(
    services: Services, world: World, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    await world.org("acme")
    lines = [
        {"username": "Alice", "email": "A@example.org", "password_hash": HASH,
         "first_name": "Alice", "email_verified": True, "organizations": ["acme:owner"]},
        {"username": "bob", "password": PASSWORD},
        {"username": "carol", "is_active": False, "password_hash": HASH},
    ]  # fmt: skip

    summary, refused = await load_file(
        services, tmp_path / "u.jsonl", "\n\n".join(map(json.dumps, lines))
    )

    assert (counts(summary), refused) == ((3, 0, 0), [])
    alice = await log_in(client, "alice", "password")
    assert alice.json()["default_org"] == {"key": "acme", "name": "Acme"}
    assert (await log_in(client, "bob")).status_code == 200
    assert (await log_in(client, "carol", "password")).status_code == 403


async def test_an_imported_hash_is_replaced_at_the_first_login(
    services: Services, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    line = json.dumps({"username": "alice", "password_hash": HASH})
    await load_file(services, tmp_path / "u.jsonl", line)

    assert (await log_in(client, "alice", "password")).status_code == 200

    user = await services.users.named("alice")
    assert user.password_hash
    assert user.password_hash.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert (await log_in(client, "alice", "password")).status_code == 200


async def test_csv(services: Services, world: World, tmp_path: Path) -> None:
    await world.org("acme")
    await world.org("beta")
    content = (
        "\ufeffusername,email_address,first_name,is_active,organizations,password_hash\r\n"
        f'alice,a@example.org,"Alice, the first",true,acme:admin; beta,{HASH}\r\n'
        "bob,,,false,,\r\n"
    )

    summary, refused = await load_file(services, tmp_path / "u.csv", content)

    assert (counts(summary), refused) == ((2, 0, 0), [])
    alice = await services.users.named("alice")
    assert alice.first_name == "Alice, the first"
    memberships = await services.organizations.memberships_of(alice.id)
    assert [(m.organization.key, m.role) for m in memberships] == [
        ("acme", "admin"), ("beta", "member"),
    ]  # fmt: skip
    bob = await services.users.named("bob")
    assert (bob.is_active, bob.email_address, bob.password_hash) == (False, None, None)


async def test_each_refused_line_is_named_with_its_reason_and_the_rest_goes_in(
    services: Services, world: World, tmp_path: Path
) -> None:
    await world.user("taken", email_address="taken@example.org")
    await world.org("acme")
    secret = "secret-that-must-not-be-told"
    lines: list[tuple[Any, str]] = [
        ({"username": "good"}, ""),
        ({"username": ""}, "username"),
        ({"username": "bad\u0000name"}, "username"),
        ({"username": "x@example.org", "email": "y@example.org"}, "own address"),
        ({"username": "a", "email": "nonsense"}, "e-mail"),
        ({"username": "b", "password_hash": secret}, "not a known hash format"),
        ({"username": "c", "password_hash": "$2b$31$" + "a" * 53}, "too expensive"),
        ({"username": "d", "password": "short"}, "at least 8"),
        ({"username": "e", "password": PASSWORD, "password_hash": HASH}, "not both"),
        ({"username": "f", "organizations": ["none"]}, "organization that does not exist"),
        ({"username": "f", "organizations": ["acme", "acme:owner"]}, "named twice"),
        ({"username": "taken"}, "username belongs"),
        ({"username": "g", "email": "taken@example.org"}, "e-mail address belongs"),
        ({"username": "h", secret: "1"}, "not known"),
        ({"first_name": "No Name"}, "username"),
        (["not", "an", "object"], "not a JSON object"),
        ({"username": "GOOD", "email": "other@example.org"}, "username belongs"),
        ({"username": "last"}, ""),
    ]

    summary, refused = await load_file(
        services, tmp_path / "u.jsonl", "\n".join(json.dumps(line) for line, _ in lines)
    )

    wrong = {i: reason for i, (_, reason) in enumerate(lines, 1) if reason}
    assert counts(summary) == (2, 0, len(wrong))
    told = {refusal.line: refusal.reason for refusal in refused}
    assert set(told) == set(wrong)
    for line, reason in wrong.items():
        assert reason in told[line]
    assert secret not in repr(refused)


async def test_rubbish_is_refused_line_by_line(services: Services, tmp_path: Path) -> None:
    content = (
        b'{"username": "one"}\n'
        b"\xff\xfe\n"
        b'{"username": "\xff"}\n' + b'{"username": "' + b"x" * 300_000 + b'"}\n'
        b'{"username": "two"}\n'
    )

    summary, refused = await load_file(services, tmp_path / "u.jsonl", content)

    assert counts(summary) == (2, 0, 3)
    assert [refusal.line for refusal in refused] == [2, 3, 4]


async def test_an_unclosed_quote_swallows_no_other_line(services: Services, tmp_path: Path) -> None:
    content = 'username,first_name\none,One\ntwo,"Two\nthree,Three\nfour\nfive,"Five, V."\n'

    summary, refused = await load_file(services, tmp_path / "u.csv", content)

    assert counts(summary) == (3, 0, 2)
    assert [refusal.line for refusal in refused] == [3, 5]


async def test_an_import_that_was_cut_off_is_run_again_and_loses_none(
    services: Services, tmp_path: Path
) -> None:
    lines = [{"username": f"user{i}", "email": f"u{i}@example.org"} for i in range(2500)]
    content = "\n".join(map(json.dumps, lines))

    def cut_off() -> Iterator[tuple[int, Any]]:
        for i, line in enumerate(lines, 1):
            if i > 1800:
                raise KeyboardInterrupt
            yield i, line

    with pytest.raises(KeyboardInterrupt):
        await load(services, cut_off())
    summary, refused = await load_file(services, tmp_path / "u.jsonl", content)
    again, _ = await load_file(services, tmp_path / "u.jsonl", content)

    assert (counts(summary), refused) == ((1500, 1000, 0), [])
    assert counts(again) == (0, 2500, 0)
    count = text("SELECT count(*) FROM users")
    assert await services.database.read(lambda c: c.execute(count).scalar_one()) == 2500


async def test_two_imports_at_once_make_each_user_once(services: Services, tmp_path: Path) -> None:
    lines = [(i, {"username": f"user{i}"}) for i in range(3000)]

    both = await asyncio.gather(load(services, iter(lines)), load(services, iter(lines)))

    assert sum(summary.created for summary, _ in both) == 3000
    assert sum(summary.unchanged for summary, _ in both) == 3000
