"""Profiles: which service, as whom, in which organization. Secrets are kept elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from vestibule.client import StoreFailed, files

PATIENCE = 5.0
"""Seconds to wait for another command that changes the profiles."""

Place = Literal["keyring", "file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of one sign-in besides its tokens."""

    url: str
    username: str | None = None
    org: str | None = None
    store: Place = "keyring"
    """Where the tokens are."""
    allow_insecure_http: bool = False


class Profiles:
    """The profiles in a JSON file. Methods raise `StoreFailed`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str) -> Profile | None:
        """The profile of a name; None where there is none."""
        found = self._all().get(name)
        return _profile(found) if isinstance(found, dict) else None

    def put(self, name: str, profile: Profile) -> None:
        """Keep a profile in place of the former."""
        release = self._lock()
        try:
            content = {"profiles": {**self._all(), name: asdict(profile)}}
            files.write(self._path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        except OSError as error:
            raise StoreFailed(f"{self._path} can't be written: {error.strerror}") from None
        finally:
            release()

    def _all(self) -> dict[str, Any]:
        try:
            found = json.loads(files.read(self._path) or "{}")["profiles"]
        except KeyError:
            return {}
        except OSError as error:
            raise StoreFailed(f"{self._path} can't be read: {error.strerror}") from None
        except (ValueError, TypeError):
            raise StoreFailed(f"{self._path} is damaged: correct it or remove it") from None
        return found if isinstance(found, dict) else {}

    def _lock(self) -> Callable[[], None]:
        path = self._path.with_suffix(".lock")
        until = time.monotonic() + PATIENCE
        try:
            while (release := files.try_lock(path)) is None:
                if time.monotonic() > until:
                    raise StoreFailed("Another command has held the profiles for too long")
                time.sleep(0.02)
        except OSError as error:
            raise StoreFailed(f"{path} can't be written: {error.strerror}") from None
        return release


def _profile(found: dict[str, Any]) -> Profile | None:
    known = {field.name for field in fields(Profile)}
    if not isinstance(found.get("url"), str):
        return None
    return Profile(**{name: value for name, value in found.items() if name in known})
