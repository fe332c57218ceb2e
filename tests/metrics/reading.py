"""The metrics of a service, read as Prometheus reads them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from vestibule.metrics.exposition import expose
from vestibule.metrics.service import Metrics
from vestibule.wiring import Services


def text_of(metrics: Metrics) -> str:
    return expose(metrics.registry, accept="").content.decode()


def value(of: Services | Metrics, name: str, **labels: str) -> float:
    """The sum of all series of that name with these labels; 0 where there is none."""
    metrics = of if isinstance(of, Metrics) else of.metrics
    return sum(
        sample.value
        for family in text_string_to_metric_families(text_of(metrics))
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
