"""What the service has promised, written down by those whom it promised."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx

from tests.faults.proofs import Once

FAULTS_TYPES = {429: {"rate_limit_error"}, 500: {"database_error"}, 503: {"not_ready_error"}}
"""How a service may refuse while something is broken: status, and the types of its envelope."""


@dataclass(slots=True)
class Line:
    """One session as its holder knows it."""

    sid: str
    token: str
    """The refresh token that was answered last."""
    spent: list[str] = field(default_factory=list)
    """Those that have had an acknowledged successor."""
    ended: bool = False
    """Whether its end was acknowledged."""
    unknown: str = ""
    """What was asked last and never acknowledged, so that either may be so."""


@dataclass(slots=True)
class Ledger:
    """All of it, and what should not have been answered."""

    lines: list[Line] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    """Id and secret of each key."""
    trail: dict[str, str] = field(default_factory=dict)
    """The event of each request whose row in the trail was to be committed before its answer."""
    acknowledged: int = 0
    unknown: int = 0
    once: list[Once] = field(default_factory=list)
    """Assertions, proofs and codes that may be taken once."""
    races: int = 0
    """Tokens that were spent in two places at once."""
    slowest: float = 0.0
    """Seconds until the slowest answer, or until a connection was given up."""
    wrong: list[str] = field(default_factory=list)
    excused: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    """Further refusals that a test expects, by what was asked: status, and types but of pages."""

    def note(self, answer: httpx.Response, event: str = "") -> None:
        """Write down an acknowledged write, and the event that the trail must have of it."""
        self.acknowledged += 1
        if event:
            self.trail[answer.headers["x-request-id"]] = event

    def refused(self, what: str, answer: httpx.Response) -> None:
        """Write down a request that failed; its error must be one that a fault excuses."""
        self.unknown += 1
        try:
            body = answer.json()
        except ValueError:
            self.wrong.append(f"{what}: {answer.status_code} without an envelope")
            return
        types = FAULTS_TYPES.get(answer.status_code, set())
        types = types | self.excused.get(what, {}).get(answer.status_code, set())
        if (
            body.get("type") not in types
            or body.get("code") != answer.status_code
            or not body.get("detail")
        ):
            self.wrong.append(f"{what}: {answer.status_code} {body}")

    def refused_page(self, what: str, answer: httpx.Response) -> None:
        """The same of a page, which says it in words."""
        self.unknown += 1
        kind = answer.headers.get("content-type", "")
        excused = {*FAULTS_TYPES, *self.excused.get(what, {})}
        if answer.status_code not in excused or not kind.startswith("text/html"):
            self.wrong.append(f"{what}: {answer.status_code} {answer.text}")
