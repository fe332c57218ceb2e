"""Whom a forwarded address is believed from, and how far."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from vestibule.http.peer import Peer, resolve_peer

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("client", "headers", "expected"),
    [
        ("192.0.2.1", {}, ("192.0.2.1", "http")),
        ("192.0.2.1", {"x-forwarded-for": "1.2.3.4"}, ("192.0.2.1", "http")),
        ("192.0.2.1", {"x-forwarded-proto": "https"}, ("192.0.2.1", "http")),
        ("10.0.0.1", {}, ("10.0.0.1", "http")),
        ("10.0.0.1", {"x-forwarded-proto": "https"}, ("10.0.0.1", "https")),
        ("10.0.0.1", {"x-forwarded-for": "1.2.3.4"}, ("1.2.3.4", "http")),
        ("10.0.0.1", {"x-forwarded-for": "6.6.6.6, 1.2.3.4"}, ("1.2.3.4", "http")),
        ("10.0.0.1", {"x-forwarded-for": "6.6.6.6, 1.2.3.4, 10.0.0.2"}, ("1.2.3.4", "http")),
        ("10.0.0.1", {"x-forwarded-for": "127.0.0.1, 1.2.3.4"}, ("1.2.3.4", "http")),
        (
            "10.0.0.1",
            {"x-forwarded-for": "1.2.3.4, 10.0.0.2", "x-forwarded-proto": "https"},
            ("1.2.3.4", "https"),
        ),
        ("10.0.0.1", {"x-forwarded-for": "nonsense"}, ("10.0.0.1", "http")),
        ("10.0.0.1", {"x-forwarded-for": "1.2.3.4, nonsense"}, ("10.0.0.1", "http")),
        ("10.0.0.1", {"x-forwarded-proto": "javascript"}, ("10.0.0.1", "http")),
        ("10.0.0.1", {"forwarded": "for=1.2.3.4;proto=https"}, ("1.2.3.4", "https")),
        ("10.0.0.1", {"forwarded": 'for="[2001:db8::1]:4711"'}, ("2001:db8::1", "http")),
        ("10.0.0.1", {"forwarded": "for=6.6.6.6, for=1.2.3.4"}, ("1.2.3.4", "http")),
        (
            "10.0.0.1",
            {"forwarded": "for=1.2.3.4", "x-forwarded-for": "6.6.6.6"},
            ("1.2.3.4", "http"),
        ),
        ("10.0.0.1", {"forwarded": "for=_hidden;proto=https"}, ("10.0.0.1", "https")),
        ("fd00::1", {"x-forwarded-for": "::ffff:1.2.3.4"}, ("1.2.3.4", "http")),
        ("10.0.0.1", {"x-forwarded-for": "10.0.0.2," * 1000 + "1.2.3.4"}, ("1.2.3.4", "http")),
        (None, {"x-forwarded-for": "1.2.3.4"}, ("unknown", "http")),
    ],
)
def test_who_is_on_the_other_side(
    client: str | None, headers: dict[str, str], expected: tuple[str, str]
) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]

    peer = resolve_peer(client=client, scheme="http", headers=raw, trusted=TRUSTED)

    assert peer == Peer(*expected)
