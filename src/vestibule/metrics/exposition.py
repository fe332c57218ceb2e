"""The metrics as text, in the form that the reader asks for."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest

MAX_ACCEPT = 1024
"""Characters of `Accept` that are looked at; Prometheus sends about 300."""


@dataclass(frozen=True, slots=True)
class Exposition:
    """The text and its media type."""

    content: bytes
    media_type: str


def expose(registry: CollectorRegistry, *, accept: str) -> Exposition:
    """All metrics, as OpenMetrics where `Accept` asks for it, else in Prometheus' text format."""
    try:
        encode, media_type = choose_encoder(accept[:MAX_ACCEPT])
    except (ValueError, TypeError):  # a version that is none
        encode, media_type = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
    return Exposition(encode(registry), media_type)
