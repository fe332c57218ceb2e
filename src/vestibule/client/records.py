"""What a sign-in gives, and how it is written down."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from vestibule.client.secret import Secret

LEEWAY = 30.0
"""Seconds before its end at which a token is replaced."""


@dataclass(frozen=True, slots=True)
class OrgInfo:
    """An organization that the person may enter."""

    key: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The tokens of one sign-in, as they are now."""

    url: str
    """The service that gave them: they are never sent to another."""
    sign_in: str
    """Random name of the sign-in, the same through all refreshes."""
    access_token: Secret
    refresh_token: Secret | None
    expires_at: float
    """Seconds since the epoch, by the clock here."""
    renew_at: float
    """From when on the access token is replaced before it is used."""
    scope: str
    org: str | None
    """Key of the organization that was entered."""
    default_org: OrgInfo | None
    orgs: tuple[OrgInfo, ...]

    def usable(self, *, now: float, rejected: Secret | None) -> bool:
        """Whether the access token can be sent; not where it is the one the service rejected."""
        return now < self.renew_at and self.access_token != rejected

    def to_json(self) -> Secret:
        """All of it, for a token store."""
        text = json.dumps(
            {
                "url": self.url,
                "sign_in": self.sign_in,
                "access_token": self.access_token.reveal(),
                "refresh_token": self.refresh_token and self.refresh_token.reveal(),
                "expires_at": self.expires_at,
                "renew_at": self.renew_at,
                "scope": self.scope,
                "org": self.org,
                "default_org": self.default_org and [self.default_org.key, self.default_org.name],
                "orgs": [[org.key, org.name] for org in self.orgs],
            }
        )
        return Secret(text)


def tokens_from_json(text: Secret) -> Tokens | None:
    """What `to_json` has written; None where it is something else."""
    try:
        record = json.loads(text.reveal())
        refresh_token, default_org = record["refresh_token"], record["default_org"]
        return Tokens(
            url=str(record["url"]),
            sign_in=str(record["sign_in"]),
            access_token=Secret(str(record["access_token"])),
            refresh_token=Secret(str(refresh_token)) if refresh_token else None,
            expires_at=float(record["expires_at"]),
            renew_at=float(record["renew_at"]),
            scope=str(record["scope"]),
            org=record["org"],
            default_org=OrgInfo(*default_org) if default_org else None,
            orgs=tuple(OrgInfo(*org) for org in record["orgs"]),
        )
    except (ValueError, TypeError, KeyError):
        return None


def tokens_from_answer(
    body: Mapping[str, Any], *, url: str, sign_in: str, org: str | None, now: float
) -> Tokens:
    """The tokens of a login response. Raises `KeyError`, `TypeError` or `ValueError`."""
    default_org = _org_info(body.get("default_org"))
    orgs = tuple(
        OrgInfo(key=str(org["key"]), name=str(org["name"])) for org in body.get("orgs") or ()
    )
    refresh_token = body.get("refresh_token")
    # RFC 6749 §5.1: where the lifetime is not told, only the service's 401 shows the end.
    lifetime = float(body.get("expires_in") or 365 * 86400)
    return Tokens(
        url=url,
        sign_in=sign_in,
        access_token=Secret(str(body["access_token"])),
        refresh_token=Secret(str(refresh_token)) if refresh_token else None,
        expires_at=now + lifetime,
        # A token of less than a minute would otherwise never be used.
        renew_at=now + max(lifetime - LEEWAY, lifetime / 2),
        scope=str(body.get("scope") or ""),
        org=_entered(str(body["access_token"]), org or (default_org.key if default_org else None)),
        default_org=default_org,
        orgs=orgs,
    )


def successor(renewed: Tokens, *, former: Tokens) -> Tokens:
    """The renewed tokens, with what an answer need not repeat (RFC 6749 §6)."""
    return replace(renewed, refresh_token=renewed.refresh_token or former.refresh_token)


def _entered(access_token: str, expected: str | None) -> str | None:
    """The organization that a token is for, as it says itself, else the one that is expected.

    At a device login the person chooses, and no answer names it. Nothing is decided by this:
    it is shown, and the service is the judge of what its tokens are worth (RFC 9068 §6).
    """
    try:
        payload = access_token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        key = claims.get("org_key")
    except (ValueError, IndexError, AttributeError):
        return expected
    return key if isinstance(key, str) else None


def _org_info(value: Any) -> OrgInfo | None:
    return OrgInfo(key=str(value["key"]), name=str(value["name"])) if value else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """A device login that waits for somebody's yes (RFC 8628 §3.2): show the first two."""

    user_code: str
    verification_uri: str
    verification_uri_complete: str
    """The same page with the code filled in, for a link or a QR code."""
    expires_in: float
    """Seconds in which it can be approved."""
    interval: float
    """Seconds between two questions."""
    device_code: Secret = field(repr=False)
    url: str = field(repr=False)
    """The service that gave it."""
    org: str | None = None


def device_code_from_answer(body: Mapping[str, Any], *, url: str, org: str | None) -> DeviceCode:
    """The device code of an answer. Raises `KeyError`, `TypeError` or `ValueError`."""
    uri = str(body.get("verification_uri") or body["verification_url"])
    return DeviceCode(
        user_code=str(body["user_code"]),
        verification_uri=uri,
        verification_uri_complete=str(body.get("verification_uri_complete") or uri),
        expires_in=float(body["expires_in"]),
        interval=float(body.get("interval") or 5),  # RFC 8628 §3.2
        device_code=Secret(str(body["device_code"])),
        url=url,
        org=org,
    )
