"""Where the tokens of a sign-in are kept between two uses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Protocol
from urllib.parse import quote

from vestibule.client import files
from vestibule.client.failures import StoreFailed
from vestibule.client.secret import Secret

Release = Callable[[], None]


class TokenStore(Protocol):
    """Keeps one record a name. Methods raise `StoreFailed`."""

    def load(self, name: str) -> Secret | None:
        """The record; None where there is none."""
        ...

    def save(self, name: str, record: Secret) -> None:
        """Keep a record in place of the former; it is kept once this returns."""
        ...

    def delete(self, name: str) -> None:
        """Forget the record, where there is one."""
        ...

    def try_lock(self, name: str) -> Release | None:
        """Keep everybody else from changing the record, without waiting; None where it is taken.

        What is returned releases it, from any thread.
        """
        ...


class MemoryStore:
    """In this process, for as long as it lives."""

    def __init__(self) -> None:
        self._records: dict[str, Secret] = {}
        self._locks: dict[str, threading.Lock] = {}

    def load(self, name: str) -> Secret | None:
        return self._records.get(name)

    def save(self, name: str, record: Secret) -> None:
        self._records[name] = record

    def delete(self, name: str) -> None:
        self._records.pop(name, None)

    def try_lock(self, name: str) -> Release | None:
        lock = self._locks.setdefault(name, threading.Lock())
        return lock.release if lock.acquire(blocking=False) else None


class FileStore:
    """Files in a folder that only their owner can read, one a name, shared by processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, name: str) -> Secret | None:
        with _told(f"The tokens in {self._folder} can't be read"):
            found = files.read(self._path(name, "json"))
        return Secret(found) if found is not None else None

    def save(self, name: str, record: Secret) -> None:
        with _told(f"The tokens can't be written to {self._folder}"):
            files.write(self._path(name, "json"), record.reveal())

    def delete(self, name: str) -> None:
        with _told(f"The tokens in {self._folder} can't be removed"):
            files.remove(self._path(name, "json"))

    def try_lock(self, name: str) -> Release | None:
        with _told(f"The tokens in {self._folder} can't be locked"):
            return files.try_lock(self._path(name, "lock"))

    def _path(self, name: str, ending: str) -> Path:
        # Quoted, a name is no path whatever stands in it.
        return self._folder / f"{quote(name, safe='')}.{ending}"


class KeyringStore:
    """The keyring of the desktop, through the `keyring` library (extra `cli`).

    A keyring has no locks: those are files in `lock_folder`.
    """

    def __init__(self, lock_folder: Path, *, service: str = "vestibule") -> None:
        self._locks = FileStore(lock_folder)
        self._service = service

    def load(self, name: str) -> Secret | None:
        keyring = _keyring()
        with _told("The keyring can't be read", keyring.errors.KeyringError):
            found = keyring.get_password(self._service, name)
        return Secret(found) if found is not None else None

    def save(self, name: str, record: Secret) -> None:
        keyring = _keyring()
        with _told("The keyring can't be written", keyring.errors.KeyringError):
            keyring.set_password(self._service, name, record.reveal())

    def delete(self, name: str) -> None:
        keyring = _keyring()
        if self.load(name) is not None:
            with _told("The keyring can't be written", keyring.errors.KeyringError):
                keyring.delete_password(self._service, name)

    def try_lock(self, name: str) -> Release | None:
        return self._locks.try_lock(name)

    def works(self) -> bool:
        """Whether there is a keyring that keeps what it is given; servers have none."""
        name = "is there a keyring?"
        try:
            self.save(name, Secret("yes"))
            kept = self.load(name) == Secret("yes")
            self.delete(name)
        except Exception:  # backends raise what their systems do, D-Bus above all
            return False
        return kept


def _keyring() -> ModuleType:
    # Here, because looking for backends takes longer than all else that the SDK does at start.
    import keyring.errors

    return keyring


@contextmanager
def _told(sentence: str, *kinds: type[Exception]) -> Iterator[None]:
    """Turn the system's errors into ours, which say what failed without what was kept."""
    expected: tuple[type[Exception], ...] = (OSError, UnicodeError, *kinds)
    try:
        yield
    except expected as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        raise StoreFailed(f"{sentence}: {reason}") from None
