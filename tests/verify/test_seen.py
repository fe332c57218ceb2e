"""Seen tokens cost a look, and no more than the look they are worth."""

from __future__ import annotations

import pytest

from tests.verify.issuer import Issuer
from tests.world import FakeClock
from vestibule.verify import ExpiredToken, Verifier
from vestibule.verify.seen import Entry, Seen


def test_a_seen_token_is_the_same_object(issuer: Issuer, verifier: Verifier) -> None:
    token = issuer.token()

    assert verifier.verify(token) is verifier.verify(token)


def test_a_seen_token_ends_on_time(issuer: Issuer, verifier: Verifier, clock: FakeClock) -> None:
    token = issuer.token()
    verifier.verify(token)

    clock.advance(900 + 9)
    assert verifier.verify(token)
    clock.advance(1)

    with pytest.raises(ExpiredToken):
        verifier.verify(token)


def test_what_was_longest_unused_is_forgotten_first(issuer: Issuer, verifier: Verifier) -> None:
    seen = Seen(size=3)
    token = verifier.verify(issuer.token())
    entry = Entry(token, 0, None, None, 0)
    for name in "abc":
        seen.put(name, entry)

    seen.get("a")
    seen.put("d", entry)

    assert len(seen) == 3
    assert [name for name in "abcd" if seen.get(name)] == ["a", "c", "d"]


def test_no_token_can_be_read_out_of_what_is_remembered(issuer: Issuer, verifier: Verifier) -> None:
    token = issuer.token()

    verifier.verify(token)

    assert token not in repr(vars(verifier._seen))
    assert token.rpartition(".")[2] not in repr(vars(verifier._seen))
