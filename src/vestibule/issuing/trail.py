"""The beginning of a row in the trail."""

from __future__ import annotations

from vestibule.audit.service import Attempt
from vestibule.http.visit import Visit


def attempt_of(visit: Visit, event: str) -> Attempt:
    """What is known of a try when it arrives."""
    return Attempt(
        event=event,
        address=visit.address,
        network=visit.network,
        request_id=visit.request_id,
    )
