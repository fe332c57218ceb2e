"""Metrics and traces."""

from __future__ import annotations

import os
import re
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from vestibule.settings.group import CommaSeparated, Group, split
from vestibule.settings.listening import IPNetwork

COLLECTOR = re.compile(r"https?://[^/@?#\s]+(/[^?#\s]*)?")
STANDARD = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""The variables that OpenTelemetry's own libraries read."""


class Observability(Group):
    """Metrics and traces."""

    # Metrics and traces
    metrics_networks: Annotated[tuple[IPNetwork, ...], CommaSeparated] = Field(
        default=(),
        description="Networks that may read `/metrics`; with neither these nor a token, this "
        "machine alone.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        min_length=20,
        description="Bearer token that `/metrics` asks for; where networks are set too, both must "
        "hold.",
    )
    otlp_endpoint: str | None = Field(
        default=None,
        description="Collector that traces are sent to over OTLP/HTTP, `http://HOST:4318`. Unset, "
        "`OTEL_EXPORTER_OTLP_ENDPOINT` counts; without either there are none.",
    )
    otlp_sample_ratio: float = Field(
        default=1, ge=0, le=1, description="Share of requests that are traced."
    )

    _split_readers = field_validator("metrics_networks", mode="before")(split)

    @field_validator("otlp_endpoint")
    @classmethod
    def _is_collector(cls, value: str | None) -> str | None:
        # What a collector wants to see of us goes into OTEL_EXPORTER_OTLP_HEADERS: an address
        # stands in logs.
        if value is not None and not COLLECTOR.fullmatch(value):
            raise ValueError("must be of the form http://host:4318, without credentials")
        return value

    @property
    def traces(self) -> bool:
        """Whether there is anybody to send traces to."""
        return bool(self.otlp_endpoint or any(os.environ.get(name) for name in STANDARD))
