"""Texts with a NUL, which PostgreSQL can't hold."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, event


def without_nul(engine: Engine) -> Engine:
    """The engine with each NUL replaced, which PostgreSQL can't hold: it is equal to nothing.

    Only where one was refused: nobody but an attacker pays for looking at each text.
    """
    careful = engine.execution_options()

    @event.listens_for(careful, "before_cursor_execute", retval=True)
    def _replace(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, context: Any, *_: Any
    ) -> tuple[str, Any]:
        if context is not None and context.executemany:
            return statement, [_replaced(row) for row in parameters]
        return statement, _replaced(parameters)

    return careful


def _replaced(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(v.replace("\0", "\ufffd") if type(v) is str else v for v in row)
