"""Traces by OpenTelemetry, sent over OTLP/HTTP. Imported only where they are switched on."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from vestibule import __version__
from vestibule.tracing.spans import SILENCE, Caller, Span, Value

EXPORT_TIMEOUT = 5.0
"""Seconds that sending one batch may take, trying again included."""
CLOSE_WITHIN = 5.0
"""Seconds that the end of the process waits for the collector; the library's own bound is 30."""
TRACES = "/v1/traces"
"""Where OTLP/HTTP takes traces, below the collector's address."""

_propagator = TraceContextTextMapPropagator()
_nowhere = Context()
"""A context without a span: what begins here begins a trace."""


class OtelTracing:
    """`Tracing` that sends spans to a collector, a batch at a time, from a thread of its own.

    Spans that can't be sent are dropped: no request ever waits for the collector.
    """

    enabled = True

    def __init__(self, *, endpoint: str | None, sample_ratio: float) -> None:
        """`endpoint` is the collector's address; None for what OTEL_EXPORTER_OTLP_* say."""
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
            resource=_resource(),
            shutdown_on_exit=False,
        )
        self._exporter = OTLPSpanExporter(
            endpoint=endpoint and endpoint.rstrip("/") + TRACES, timeout=EXPORT_TIMEOUT
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("vestibule", __version__)

    def request(
        self, name: str, caller: Caller, attributes: Mapping[str, Value]
    ) -> AbstractContextManager[Span]:
        """A server span: a child of the caller's where it is believed, else one linked to it."""
        context, links = _nowhere, []
        theirs = _context_of(caller)
        if theirs is not None and caller.trusted:
            context = theirs
        elif theirs is not None:
            links = [trace.Link(trace.get_current_span(theirs).get_span_context())]
        span = self._tracer.start_span(
            name,
            context=context,
            kind=trace.SpanKind.SERVER,
            attributes=dict(attributes),
            links=links,
        )
        return _current(span)

    def step(
        self, name: str, attributes: Mapping[str, Value] | None = None, *, remote: bool = False
    ) -> AbstractContextManager[Span]:
        """A child of the present span, where that is recorded."""
        if not trace.get_current_span().is_recording():
            return SILENCE
        kind = trace.SpanKind.CLIENT if remote else trace.SpanKind.INTERNAL
        return _current(self._tracer.start_span(name, kind=kind, attributes=attributes))

    def close(self) -> None:
        """Send what waits, as far as the collector takes it in time."""
        ending = threading.Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        ending.start()
        ending.join(CLOSE_WITHIN)
        if ending.is_alive():
            # No further batch, and no further try.
            self._exporter.shutdown()  # type: ignore[no-untyped-call]


class _OtelSpan:
    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def failed(self, error_type: str) -> None:
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(trace.StatusCode.ERROR)


@contextmanager
def _current(span: trace.Span) -> Iterator[Span]:
    ours = _OtelSpan(span)
    # The library would write down the exception's text and its stack.
    with trace.use_span(
        span, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ):
        try:
            yield ours
        except BaseException as error:
            ours.failed(type(error).__name__)
            raise


def _context_of(caller: Caller) -> Context | None:
    """The caller's span as a parent; None where it names none, or none that can be read."""
    if caller.traceparent is None:
        return None
    carrier = {"traceparent": caller.traceparent}
    if caller.trusted and caller.tracestate is not None:
        # Of others it would be free text of theirs in our spans.
        carrier["tracestate"] = caller.tracestate
    context = _propagator.extract(carrier, context=Context())
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def _resource() -> Resource:
    # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say stands above ours.
    ours = {SERVICE_NAME: "vestibule", SERVICE_VERSION: __version__}
    theirs = Resource.create().attributes
    named = not str(theirs.get(SERVICE_NAME, "")).startswith("unknown_service")
    return Resource({**ours, **{k: v for k, v in theirs.items() if named or k != SERVICE_NAME}})


def add_trace_ids(
    _logger: Any, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A processor of log lines: which trace and span this one belongs to."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        line["trace_id"] = trace.format_trace_id(context.trace_id)
        line["span_id"] = trace.format_span_id(context.span_id)
    return line
