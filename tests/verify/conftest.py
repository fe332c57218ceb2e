"""An issuer, and a verifier that believes it."""

from __future__ import annotations

import pytest

from tests.verify.issuer import Holder, Issuer
from tests.world import FakeClock
from vestibule.verify import Verifier


@pytest.fixture
def issuer(clock: FakeClock) -> Issuer:
    return Issuer(clock)


@pytest.fixture
def verifier(issuer: Issuer) -> Verifier:
    return issuer.verifier()


@pytest.fixture
def holder(clock: FakeClock) -> Holder:
    return Holder(clock)
