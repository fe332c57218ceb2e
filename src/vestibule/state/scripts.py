"""Lua that Redis runs: one decision, one round trip, and nobody in between."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A script, known to Redis by the SHA-1 of its text once it was sent."""

    text: str
    sha: str
    name: str
    """That of its last file, for metrics and traces."""

    @classmethod
    def load(cls, package: str, *names: str) -> Script:
        """The files of a package, one after the other, as one script."""
        text = "\n".join(files(package).joinpath(name).read_text("utf-8") for name in names)
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        return cls(text, sha, names[-1].removesuffix(".lua"))
