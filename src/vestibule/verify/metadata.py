"""Where the issuer's endpoints are (RFC 8414)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from vestibule.verify.http import Asker, FetchFailed, Question

WELL_KNOWN = "/.well-known/oauth-authorization-server"


class Metadata:
    """The issuer's own word on its endpoints, asked for once."""

    def __init__(self, *, issuer: str, given: dict[str, str]) -> None:
        """`given` are endpoints that need not be asked for, by their names in the document."""
        self._issuer = issuer
        self._given = given
        self._document: dict[str, Any] | None = None

    def locate(self, name: str) -> Asker[str]:
        """The URL of that name. Raises `FetchFailed`."""
        if name in self._given:
            return self._given[name]
        document = self._document
        if document is None:
            document = (yield Question(self._url())).body
            # RFC 8414 §3.3: or one issuer could speak for another.
            if document.get("issuer") != self._issuer:
                raise FetchFailed("the document is another issuer's")
            self._document = document
        url = document.get(name)
        if not isinstance(url, str):
            raise FetchFailed(f"the document names no {name}")
        return url

    def forget(self) -> None:
        """Ask again the next time: an endpoint may have moved."""
        self._document = None

    def _url(self) -> str:
        """RFC 8414 §3.1: the well-known part stands between host and path."""
        parts = urlsplit(self._issuer)
        return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{parts.path.rstrip('/')}"
