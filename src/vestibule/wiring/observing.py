"""How the service is looked at: metrics, traces, readiness."""

from __future__ import annotations

from vestibule.clock import Clock, utc
from vestibule.guard.service import Guard
from vestibule.http.draining import Draining
from vestibule.mail.outbox import Outbox
from vestibule.metrics.service import Metrics
from vestibule.passwords.pool import HashPool
from vestibule.settings import Settings
from vestibule.state.service import SharedState
from vestibule.status.checks import checks
from vestibule.status.readers import MetricsReaders
from vestibule.status.readiness import Readiness
from vestibule.storage.database import Database
from vestibule.storage.metered import MeteredDatabase
from vestibule.tokens.keys import KeyRing
from vestibule.tracing.spans import NO_TRACING, Tracing


def make_tracing(settings: Settings) -> Tracing:
    """Traces, where there is anybody to send them to; OpenTelemetry is imported only then."""
    if not settings.traces:
        return NO_TRACING
    from vestibule.tracing.otel import OtelTracing

    return OtelTracing(endpoint=settings.otlp_endpoint, sample_ratio=settings.otlp_sample_ratio)


def make_pool(settings: Settings, clock: Clock, metrics: Metrics, tracing: Tracing) -> HashPool:
    """The threads that hash, watched."""
    return HashPool(
        threads=settings.hash_threads,
        deadline=settings.hash_deadline,
        clock=clock,
        metrics=metrics,
        tracing=tracing,
    )


def make_readiness(
    database: Database,
    keys: KeyRing,
    shared: SharedState,
    draining: Draining,
    clock: Clock,
    metrics: Metrics,
) -> Readiness:
    """What `/api/v1/ready` asks, and the metrics."""
    readiness = Readiness(
        checks(database=database, keys=keys, shared=shared), draining=draining, clock=clock
    )
    text = "Whether it should be sent requests."
    metrics.gauge("vestibule_ready", text, lambda: readiness.is_ready)
    return readiness


def make_readers(settings: Settings, guard: Guard) -> MetricsReaders:
    """Who may read `/metrics`."""
    return MetricsReaders(
        guard=guard,
        networks=settings.metrics_networks,
        token=settings.metrics_token,
        trusted_proxies=settings.trusted_proxies,
        public_url=settings.public_url,
    )


def add_gauges(
    metrics: Metrics,
    *,
    pool: HashPool,
    database: MeteredDatabase,
    outbox: Outbox,
    keys: KeyRing,
    shared: SharedState,
    draining: Draining,
    clock: Clock,
) -> None:
    """Let the metrics ask these parts, at the moment in which they are read."""

    def key_age() -> float:
        since = keys.signing_since
        return (utc(clock) - since).total_seconds() if since else float("nan")

    for name, text, ask in (
        ("vestibule_hash_queue_depth", "Hashes that run or wait.", lambda: pool.pending),
        ("vestibule_hash_queue_capacity", "How many fit in time.", lambda: pool.capacity),
        ("vestibule_hash_threads", "Hashes computed at once.", lambda: pool.threads),
        ("vestibule_database_pool_size", "Connections at most.", lambda: database.load.size),
        ("vestibule_database_pool_in_use", "Connections in use.", lambda: database.load.in_use),
        ("vestibule_database_pool_waiting", "Units that wait.", lambda: database.load.waiting),
        ("vestibule_mail_queue_depth", "Messages under way.", lambda: outbox.under_way),
        ("vestibule_signing_key_age_seconds", "Since the key that signs began to.", key_age),
        (
            "vestibule_shared_state_available",
            "Whether the shared state answers; 1 where none is configured.",
            lambda: shared.status().available,
        ),
        (
            "vestibule_shared_state_degraded",
            "Whether each instance counts alone because the shared state is away.",
            lambda: shared.status().mode == "degraded",
        ),
        ("vestibule_draining", "Whether it is about to end.", lambda: draining.has_begun),
    ):
        metrics.gauge(name, text, ask)
    metrics.count(
        "vestibule_database_retries_total",
        "Units that were run again, because of others or of an outage.",
        "reason",
        lambda: database.retries,
    )
    metrics.count(
        "vestibule_shared_state_outages_total",
        "How often the shared state went away.",
        None,
        lambda: {"": shared.status().outages},
    )
