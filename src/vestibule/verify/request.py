"""From the header fields of a request to the token, whatever the framework."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from vestibule.verify.errors import InvalidProof, InvalidRequest, MissingToken, VerifyError
from vestibule.verify.token import AccessToken
from vestibule.verify.verifier import Verifier

BEARER, DPOP = "Bearer", "DPoP"
_SCHEMES = {"bearer": BEARER, "dpop": DPOP}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says that bears on who sent it."""

    method: str
    url: str
    """As the client called it."""
    authorization: list[str]
    dpop: list[str]
    api_key: list[str]

    @property
    def scheme(self) -> str:
        """The scheme that an answer is to be a challenge of."""
        told = self.authorization[0].partition(" ")[0].lower() if self.authorization else ""
        return _SCHEMES.get(told, BEARER)


def authenticate(verifier: Verifier, asked: Asked, *, scopes: tuple[str, ...] = ()) -> AccessToken:
    """The token of the request. Raises `VerifyError`, `InsufficientScope` among them."""
    scheme, credential = _credential(asked)
    if scheme == DPOP:
        proof = _proof(asked)
        token = verifier.verify_dpop(credential, proof, method=asked.method, url=asked.url)
    else:
        token = verifier.verify(credential)
    token.require_scopes(*scopes)
    return token


async def aauthenticate(
    verifier: Verifier, asked: Asked, *, scopes: tuple[str, ...] = ()
) -> AccessToken:
    """The same on an event loop."""
    scheme, credential = _credential(asked)
    if scheme == DPOP:
        proof = _proof(asked)
        token = await verifier.averify_dpop(credential, proof, method=asked.method, url=asked.url)
    else:
        token = await verifier.averify(credential)
    token.require_scopes(*scopes)
    return token


def refusal(error: VerifyError, *, scheme: str) -> tuple[int, dict[str, str], bytes]:
    """Status, header fields and body of the answer, in the canonical envelope."""
    body = json.dumps(error.payload(), separators=(",", ":")).encode()
    fields = {"Content-Type": "application/json", **error.headers(scheme=scheme)}
    return error.status, fields, body


def from_outside(url: str, *, base_url: str | None) -> str:
    """The URL as the client called it, where a proxy stands before us: `base_url` and the path."""
    if base_url is None:
        return url
    return base_url.rstrip("/") + urlsplit(url).path


class Excluded:
    """The paths that need no token."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Each is one path, or with `/` at its end all below it."""
        if isinstance(paths, str):
            raise TypeError("paths must be several, not one text")
        listed = tuple(paths)
        if not all(path.startswith("/") for path in listed):
            raise ValueError("a path begins with /")
        self._exact = frozenset(listed)
        self._below = tuple(path for path in listed if path.endswith("/"))

    def __contains__(self, path: str) -> bool:
        if path in self._exact:
            return True
        # What another layer might read as a path elsewhere is never let through.
        odd = "\\" in path or "//" in path or any(part in (".", "..") for part in path.split("/"))
        return not odd and bool(self._below) and path.startswith(self._below)


def _credential(asked: Asked) -> tuple[str, str]:
    if len(asked.authorization) + len(asked.api_key) > 1:
        raise InvalidRequest
    if asked.api_key:
        return BEARER, asked.api_key[0].strip()
    if not asked.authorization:
        raise MissingToken
    told, _, credential = asked.authorization[0].strip().partition(" ")
    scheme = _SCHEMES.get(told.lower())
    if scheme is None or not credential.strip():
        raise MissingToken
    return scheme, credential.strip()


def _proof(asked: Asked) -> str:
    """The one proof (RFC 9449 §4.3 no. 1)."""
    if len(asked.dpop) != 1:
        raise InvalidProof("The request must carry one DPoP proof")
    return asked.dpop[0].strip()
