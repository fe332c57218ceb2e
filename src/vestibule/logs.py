"""Structured logs: one JSON object a line, on standard error."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Any, Literal, TextIO, cast

import structlog
from pydantic_core import to_json
from structlog.typing import FilteringBoundLogger, Processor

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(*, level: str, form: Literal["json", "console"], traces: bool = False) -> None:
    """Send the logs of Vestibule and of its libraries through one pipe.

    With `traces` each line names the trace and the span that it belongs to.
    """
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    if traces:
        from vestibule.tracing.otel import add_trace_ids

        shared.insert(0, add_trace_ids)
    renderer: Processor = (
        structlog.processors.JSONRenderer(serializer=_json)
        if form == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr is not None and sys.stderr.isatty(),
            # Quoted, a line break in a path can't pass for another line.
            repr_native_str=True,
        )
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(
            cast("TextIO", _Patient(sys.stderr or sys.stdout))
        ),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.root.handlers[:] = [handler]
    # The libraries' own chatter is not for operators: a start line of ours says more.
    logging.root.setLevel(max(LEVELS[level], logging.WARNING))
    # Its warnings are of requests that can't be parsed: anybody could fill the disk with them.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


class _Patient:
    """A stream on which lines are lost that can't be written, on a full disk or a closed pipe.

    Who signs in meanwhile has nothing to do with it.
    """

    def __init__(self, stream: TextIO | None) -> None:
        """None where the process was started without any."""
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.flush()


def _json(line: dict[str, Any], **_: Any) -> str:
    # Pydantic's serializer is a few times faster, and a login writes two lines.
    return to_json(line, fallback=repr).decode()


def get(name: str) -> FilteringBoundLogger:
    """The logger of one part of Vestibule, its name on every line."""
    return structlog.get_logger(component=name)  # type: ignore[no-any-return]
