"""A counter or gauge whose values somebody else keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class Asked(Collector):
    """Asks when it is read."""

    def __init__(
        self,
        name: str,
        text: str,
        label: str | None,
        ask: Callable[[], Mapping[str, int]],
        *,
        family: type[CounterMetricFamily | GaugeMetricFamily] = CounterMetricFamily,
    ) -> None:
        """`ask` gives the values by that of the label; without a label, there is one."""
        self._name = name
        self._text = text
        self._labels = [label] if label is not None else []
        self._ask = ask
        self._kind = family

    def describe(self) -> Iterable[Metric]:
        """Its name, for the registry; nobody is asked yet."""
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        """Its present values."""
        family = self._family()
        for value, count in self._ask().items():
            family.add_metric([value] if self._labels else [], count)
        return [family]

    def _family(self) -> CounterMetricFamily | GaugeMetricFamily:
        return self._kind(self._name, self._text, labels=self._labels)
