"""`vestibule doctor`: what is wrong, and how to mend it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import typer
from pydantic import ValidationError
from rich.markup import escape
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from vestibule.cli.doctor_directories import examine_directories
from vestibule.cli.doctor_hashing import examine_hashing
from vestibule.cli.doctor_postgres import examine_postgres
from vestibule.cli.doctor_redis import examine_redis
from vestibule.cli.finding import Finding, State
from vestibule.cli.output import AsJson, out, print_json
from vestibule.clock import SystemClock, utc
from vestibule.server.insecure import insecurities
from vestibule.settings import Settings
from vestibule.storage import schema
from vestibule.storage.database import is_embedded
from vestibule.storage.opening import run_once
from vestibule.tokens import repository as token_rows
from vestibule.tokens.vault import SECRET_FILE, Vault, WrongSecretKey, read_secret
from vestibule.users import repository as user_rows

STYLE: dict[State, str] = {"ok": "[green]ok[/]", "warning": "[yellow]!![/]", "error": "[red]no[/]"}


def doctor(as_json: AsJson = False) -> None:
    """Check settings, hashing, Redis, database, keys, clock and the rest; say how to mend each."""
    findings = list(_examine())
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            out.print(f"{STYLE[finding.state]}  {finding.check}: {escape(finding.found)}")
            if finding.mend:
                out.print(f"      → {escape(finding.mend)}")
    if any(finding.state == "error" for finding in findings):
        raise typer.Exit(1)


def _examine() -> Iterator[Finding]:
    try:
        settings = Settings()
    except ValidationError as error:
        for item in error.errors(include_input=False, include_context=False):
            name = "_".join(str(part) for part in item["loc"][:1]).upper()
            yield Finding("settings", "error", item["msg"], f"correct VESTIBULE_{name}")
        return
    yield from _settings(settings)
    yield from _permissions(settings)
    yield from examine_hashing(settings)
    yield from examine_redis(settings)
    checks: list[Callable[[Settings], Iterator[Finding]]] = [
        _database, examine_postgres, _keys, _accounts, examine_directories,
    ]  # fmt: skip
    for check in checks:
        found = list(check(settings))
        yield from found
        if any(finding.state == "error" for finding in found):
            return  # what follows looks at the same database


def _settings(settings: Settings) -> Iterator[Finding]:
    known = {f"VESTIBULE_{name}".upper() for name in Settings.model_fields}
    known.add("VESTIBULE_PROFILE")  # of a person's commands
    unknown = sorted(n for n in os.environ if n.startswith("VESTIBULE_") and n not in known)
    for name in unknown:
        yield Finding("settings", "warning", f"{name} is no option", "correct or unset it")
    for warning in insecurities(settings):
        yield Finding("settings", "warning", warning, "set it only where that is meant")
    if not unknown:
        yield Finding("settings", "ok", "all are valid")


def _permissions(settings: Settings) -> Iterator[Finding]:
    secret = settings.data_dir / SECRET_FILE
    for path in (settings.data_dir, secret):
        if not path.exists():
            continue
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            mode = "700" if path.is_dir() else "600"
            yield Finding(
                "permissions",
                "error" if path == secret else "warning",
                f"others may read {path}",
                f"chmod {mode} {path}",
            )
        else:
            yield Finding("permissions", "ok", f"{path} is the owner's alone")
    if not os.access(_nearest(settings.data_dir), os.W_OK):
        yield Finding(
            "permissions", "error", f"{settings.data_dir} can't be written",
            "give it to the user that runs the service, or set VESTIBULE_DATA_DIR",
        )  # fmt: skip


def _nearest(path: Path) -> Path:
    return path if path.exists() else _nearest(path.absolute().parent)


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        version = schema.current(settings.sqlalchemy_url)
        healthy = run_once(settings.sqlalchemy_url, _is_healthy)
    except (schema.Unusable, DBAPIError, OSError) as error:
        reason = str(getattr(error, "orig", error))
        mend = "look at VESTIBULE_DATABASE_URL, the disk and the file's owner"
        yield Finding("database", "error", reason, mend)
        return
    if not healthy:
        yield Finding("database", "error", "the file is damaged", "restore it from a backup")
    elif version is None:
        yield Finding("database", "error", "it is empty", "run `vestibule migrate`")
    elif version != schema.HEAD:
        found = f"it is at version {version}, this program at {schema.HEAD}"
        if schema.is_behind(version):
            yield Finding("database", "error", found, "run `vestibule migrate`")
        else:
            yield Finding("database", "warning", found, "update the program")
    else:
        yield Finding("database", "ok", f"it can be written and is at version {version}")


def _is_healthy(connection: Connection) -> bool:
    if not is_embedded(str(connection.engine.url)):
        return True  # PostgreSQL looks after its files itself
    return bool(connection.execute(text("PRAGMA quick_check(1)")).scalar_one() == "ok")


def _keys(settings: Settings) -> Iterator[Finding]:
    secret = settings.secret_key or read_secret(settings.data_dir)
    if secret is None:
        yield Finding(
            "keys", "error", "there is no secret key",
            f"set VESTIBULE_SECRET_KEY, or restore {settings.data_dir / SECRET_FILE}",
        )  # fmt: skip
        return
    clock = SystemClock()
    now = utc(clock)
    keys = run_once(settings.sqlalchemy_url, lambda c: token_rows.published_keys(c, now=now))
    vault = Vault([secret, *settings.previous_secret_keys])
    try:
        for key in keys:
            vault.open(key.private_encrypted)
    except WrongSecretKey as error:
        yield Finding("keys", "error", str(error), "set the secret key that they were made under")
        return
    active = [key for key in keys if key.activates_at <= now]
    if not active:
        yield Finding("keys", "error", "none signs", "run `vestibule keys rotate --now`")
    else:
        yield Finding("keys", "ok", f"{active[-1].kid} signs, {len(keys)} are published")
    # Whatever was made in the future shows a clock that has been set back.
    if any(key.created_at > now + timedelta(seconds=5) for key in keys):
        yield Finding(
            "clock", "error", "a key was made later than now",
            "set the clock, and let a time service keep it",
        )  # fmt: skip
    elif now.year < 2026:
        yield Finding("clock", "error", f"it says {now:%Y-%m-%d}", "set the clock")
    else:
        yield Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _accounts(settings: Settings) -> Iterator[Finding]:
    anybody, foreign = run_once(
        settings.sqlalchemy_url,
        lambda c: (user_rows.any_user(c), user_rows.count_foreign_hashes(c)),
    )
    if not anybody:
        yield Finding("accounts", "warning", "there is no user", "run `vestibule user create`")
    elif foreign and not settings.failure_floor:
        yield Finding(
            "accounts",
            "warning",
            f"{foreign} passwords are in imported formats: how long they take tells them apart",
            "set VESTIBULE_FAILURE_FLOOR above the slowest of them until they are replaced",
        )
    else:
        yield Finding("accounts", "ok", "somebody can sign in")
