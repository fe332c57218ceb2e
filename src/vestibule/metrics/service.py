"""Every metric that the service counts itself, by name.

Labels are bounded: routes are templates, types and causes come from lists in the code. No user,
client, organization or address is ever a label.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily

from vestibule import __version__
from vestibule.metrics.asked import Asked
from vestibule.metrics.children import OTHER, Children
from vestibule.metrics.history import History

# When a series began says nothing that `process_start_time_seconds` does not.
disable_created_metrics()  # type: ignore[no-untyped-call]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Those that are named; a stranger can make up any other."""

NO_ROUTE = "none"
"""What was asked for is no route of ours."""

NO_ERROR = "none"

REQUEST_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
HASH_SECONDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5)
WAIT_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
DATABASE_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5)
DIRECTORY_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)


class Metrics:
    """The metrics of one application, in a registry of its own.

    All may be called from any thread. An increment costs about half a microsecond.
    """

    def __init__(self, history: History | None = None) -> None:
        self.registry = registry = CollectorRegistry()
        self.history = history or History()
        ProcessCollector(registry=registry)
        Info("vestibule_build", "What runs.", registry=registry).info(
            {"version": __version__, "python_version": platform.python_version()}
        )

        self._requests = Children(Counter(
            "vestibule_http_requests_total", "Requests answered.",
            ("route", "method", "status"), registry=registry,
        ))  # fmt: skip
        self._request_seconds = Children(Histogram(
            "vestibule_http_request_duration_seconds", "From the head of a request to its answer.",
            ("route",), buckets=REQUEST_SECONDS, registry=registry,
        ))  # fmt: skip
        self._logins = Children(Counter(
            "vestibule_logins_total", "Logins with a password, by how they ended.",
            ("result", "type", "cause"), registry=registry,
        ))  # fmt: skip
        self._events = Children(Counter(
            "vestibule_events_total", "Events of the audit trail, written or not.",
            ("event", "result", "cause"), registry=registry,
        ))  # fmt: skip
        self._refusals = Children(Counter(
            "vestibule_limit_refusals_total", "Requests answered with 429, by the limit met.",
            ("policy",), registry=registry,
        ))  # fmt: skip
        self._tokens = Children(Counter(
            "vestibule_tokens_issued_total", "Answers that carried tokens.",
            ("grant",), registry=registry,
        ))  # fmt: skip
        self._introspections = Children(Counter(
            "vestibule_introspections_total", "Introspections answered.",
            ("active",), registry=registry,
        ))  # fmt: skip
        self._audit_left_out = Children(Counter(
            "vestibule_audit_rows_left_out_total", "Events that are in the log alone.",
            ("reason",), registry=registry,
        ))  # fmt: skip
        self._hash_seconds = Histogram(
            "vestibule_hash_seconds", "Verifying or making one password hash.",
            buckets=HASH_SECONDS, registry=registry,
        )  # fmt: skip
        self._hash_wait = Histogram(
            "vestibule_hash_wait_seconds", "From the place in the hashing queue to its turn.",
            buckets=WAIT_SECONDS, registry=registry,
        )  # fmt: skip
        self._database_seconds = Children(Histogram(
            "vestibule_database_operation_seconds", "Units of work, waiting included.",
            ("kind",), buckets=DATABASE_SECONDS, registry=registry,
        ))  # fmt: skip
        self._database_errors = Children(Counter(
            "vestibule_database_errors_total", "Units of work that the database did not do.",
            ("kind",), registry=registry,
        ))  # fmt: skip
        self._directory_requests = Children(Counter(
            "vestibule_directory_requests_total", "Questions to a directory of people.",
            ("directory", "operation", "outcome"), registry=registry,
        ))  # fmt: skip
        self._directory_seconds = Children(Histogram(
            "vestibule_directory_seconds", "Until a directory answered.",
            ("directory", "operation"), buckets=DIRECTORY_SECONDS, registry=registry,
        ))  # fmt: skip
        self._shared_state_seconds = Children(Histogram(
            "vestibule_shared_state_operation_seconds", "Until Redis answered, by the script.",
            ("operation",), buckets=DATABASE_SECONDS, registry=registry,
        ))  # fmt: skip
        self._mails = Children(Counter(
            "vestibule_mails_total", "Messages by what became of them.",
            ("outcome",), registry=registry,
        ))  # fmt: skip
        self._loop_lag = Histogram(
            "vestibule_event_loop_lag_seconds", "How late the event loop wakes who asked for it.",
            buckets=LAG_SECONDS, registry=registry,
        )  # fmt: skip

        # There from the start, because the first rise of a series that was not there is no rise:
        # what alerts watch and what hopefully never happens.
        for kind in ("read", "scan", "write"):
            self._database_errors(kind)
        for reason in ("strangers", "full", "database"):
            self._audit_left_out(reason)
        for outcome in ("sent", "failed", "dropped"):
            self._mails(outcome)
        for event in ("refresh", "token"):
            self._events(event, "failure", "refresh_replay")
        self._refusals("hashing")

    def request(self, *, route: str, method: str, status: int, seconds: float | None) -> None:
        """One request has been answered; `status` 0 where the client was gone before.

        Without `seconds` it is counted alone.
        """
        named = method if method in METHODS else OTHER
        self._requests(route, named, str(status)).inc()
        if seconds is not None:
            self._request_seconds(route).observe(seconds)

    def login(self, *, result: str, type: str, cause: str) -> None:
        """A login has ended; `type` is that of the error, or `none`."""
        self._logins(result, type, cause).inc()
        self.history.login(result)

    def event(self, *, event: str, result: str, cause: str) -> None:
        """Something stands in the trail."""
        self._events(event, result, cause).inc()

    def refused(self, policy: str) -> None:
        """A limit was met."""
        self._refusals(policy).inc()

    def issued(self, grant: str) -> None:
        """Tokens were handed out for this grant, by its short name."""
        self._tokens(grant).inc()

    def introspected(self, *, active: bool) -> None:
        """An introspection was answered."""
        self._introspections("true" if active else "false").inc()

    def left_out(self, reason: str, count: int) -> None:
        """So many events were not written to the table."""
        self._audit_left_out(reason).inc(count)

    def hashed(self, *, waited: float, took: float, depth: int) -> None:
        """One hash of so many under way has been verified or made; both in seconds."""
        self._hash_wait.observe(waited)
        self.history.hashed(waited=waited, depth=depth)
        self._hash_seconds.observe(took)

    def database(self, kind: str, seconds: float) -> None:
        """A unit of work has ended, well or not."""
        self._database_seconds(kind).observe(seconds)

    def database_failed(self, kind: str) -> None:
        """The database was out of reach, or did not answer in time."""
        self._database_errors(kind).inc()

    def directory(self, directory: str, operation: str, outcome: str, seconds: float) -> None:
        """A directory has answered, or failed to."""
        self.directory_answer(directory, operation, outcome)
        self.directory_seconds(directory, operation, seconds)

    def directory_answer(self, directory: str, operation: str, outcome: str) -> None:
        """What came of a question to a directory."""
        self._directory_requests(directory, operation, outcome).inc()
        self.history.directory(directory, outcome)

    def directory_seconds(self, directory: str, operation: str, seconds: float) -> None:
        """How long it took."""
        self._directory_seconds(directory, operation).observe(seconds)

    def shared_state(self, operation: str, seconds: float) -> None:
        """Redis has answered, or was found to be away."""
        self._shared_state_seconds(operation).observe(seconds)

    def mail(self, outcome: str) -> None:
        """A message was `sent`, `failed` or `dropped`."""
        self._mails(outcome).inc()

    def loop_lag(self, seconds: float) -> None:
        """The event loop woke somebody so late."""
        self._loop_lag.observe(seconds)

    def gauge(self, name: str, text: str, ask: Callable[[], float]) -> None:
        """A gauge that is asked whenever the metrics are read, from any thread."""
        Gauge(name, text, registry=self.registry).set_function(ask)

    def count(
        self, name: str, text: str, label: str | None, ask: Callable[[], Mapping[str, int]]
    ) -> None:
        """A counter that somebody else counts; with a label, its values by that of the label."""
        self.registry.register(Asked(name, text, label, ask))

    def gauges(
        self, name: str, text: str, label: str, ask: Callable[[], Mapping[str, int]]
    ) -> None:
        """Gauges that somebody else keeps, by the value of the label."""
        self.registry.register(Asked(name, text, label, ask, family=GaugeMetricFamily))
