"""Token stores: private, whole after a crash, one at a time among processes."""

from __future__ import annotations

import stat
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest

from tests.client.fake import PASSWORD, FakeService, Time, make_client
from vestibule.client import (
    FileStore,
    KeyringStore,
    MemoryStore,
    Secret,
    ServiceUnavailable,
    SignInNeeded,
    StoreFailed,
    TokenStore,
)


class Ring(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def ring() -> Iterator[Ring]:
    former = keyring.get_keyring()
    made = Ring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(former)


@pytest.fixture(params=["memory", "file", "keyring"])
def store(request: pytest.FixtureRequest, tmp_path: Path, ring: Ring) -> TokenStore:
    made: dict[str, TokenStore] = {
        "memory": MemoryStore(),
        "file": FileStore(tmp_path / "tokens"),
        "keyring": KeyringStore(tmp_path / "locks"),
    }
    return made[request.param]


def test_a_store_keeps_replaces_and_forgets(store: TokenStore) -> None:
    nothing = store.load("a")
    store.save("a", Secret("first"))
    store.save("a", Secret("second"))
    store.save("b", Secret("other"))
    kept = store.load("a"), store.load("b")
    store.delete("a")
    store.delete("a")

    assert nothing is None
    assert kept == (Secret("second"), Secret("other"))
    assert (store.load("a"), store.load("b")) == (None, Secret("other"))


def test_a_lock_is_held_by_one_and_is_for_one_name(store: TokenStore) -> None:
    first = store.try_lock("a")
    second = store.try_lock("a")
    other = store.try_lock("b")
    assert first is not None
    first()
    again = store.try_lock("a")

    assert second is None
    assert other is not None
    assert again is not None
    other()
    again()


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "tokens")

    store.save("default", Secret("secret"))
    release = store.try_lock("default")

    assert release is not None
    release()
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "tokens").iterdir()}
    assert modes == {"default.json": 0o600, "default.lock": 0o600}
    assert stat.S_IMODE((tmp_path / "tokens").stat().st_mode) == 0o700


def test_a_failed_write_leaves_the_former_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path)
    store.save("default", Secret("former"))
    secret = Secret("new" * 10)

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StoreFailed, match="No space left") as caught:
        store.save("default", secret)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)

    assert [path.name for path in tmp_path.iterdir()] == ["default.json"]
    assert store.load("default") == Secret("former")
    assert secret.reveal() not in "".join(shown.format())


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"url": 1', "null", '{"url": "x"}'])
def test_a_damaged_record_is_no_sign_in(service: FakeService, time: Time, record: str) -> None:
    store = MemoryStore()
    store.save("default", Secret(record))

    with pytest.raises(SignInNeeded):
        make_client(service, time, store=store).session()


def test_a_lock_that_is_never_released_is_not_waited_for_forever(
    service: FakeService, time: Time
) -> None:
    store = MemoryStore()
    session = make_client(service, time, store=store).login("alice", PASSWORD)
    time.now += 900
    store.try_lock("default")

    with pytest.raises(ServiceUnavailable, match="too long"):
        session.access_token()

    assert service.spent == []


def test_a_locked_keyring_is_said_to_be_unreadable(tmp_path: Path, ring: Ring) -> None:
    store = KeyringStore(tmp_path)
    usable = store.works()

    ring.locked = True

    assert usable
    assert not store.works()
    with pytest.raises(StoreFailed, match="KeyringLocked"):
        store.load("default")
    assert ring.kept == {}


def test_a_lock_ends_with_the_process_that_held_it(tmp_path: Path) -> None:
    program = textwrap.dedent(
        f"""
        import os
        from pathlib import Path
        from vestibule.client import FileStore
        assert FileStore(Path({str(tmp_path)!r})).try_lock("default")
        print("held", flush=True)
        input()
        os._exit(9)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        meanwhile = FileStore(tmp_path).try_lock("default")
        process.communicate("\n")

    assert meanwhile is None
    assert FileStore(tmp_path).try_lock("default") is not None
