"""How lists are cut: `after` the last that was seen, at most `limit`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

AfterKey = Annotated[str, Query(max_length=63, description="Only what comes behind this key")]
AfterId = Annotated[UUID | None, Query(description="Only what comes behind this id")]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most")]
