"""Requests to the service and what is done with the answers, without I/O."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from vestibule.client import answers
from vestibule.client.errors import (
    AuthenticationFailed,
    AuthorizationPending,
    DatabaseUnavailable,
    ExpiredToken,
    RateLimited,
    SlowDown,
)
from vestibule.client.failures import ServiceUnavailable, VestibuleError
from vestibule.client.records import (
    DeviceCode,
    Tokens,
    device_code_from_answer,
    successor,
    tokens_from_answer,
)
from vestibule.client.secret import Secret
from vestibule.client.steps import Bearer, Call, Lost, Pause, Steps

ATTEMPTS = 3
"""How often a safe request is sent at most."""
LONGEST_PAUSE = 10.0
"""Seconds that are waited for the service; what asks for more is told to the caller."""
FIRST_PAUSE = 0.2
TIMEOUT = httpx.Timeout(15.0, connect=5.0)
"""Seconds for each part of an exchange, unless the caller says others."""
SLOWER = 5.0
"""Seconds that each `slow_down_error` adds to the interval (RFC 8628 §3.5)."""
REFRESH_TIMEOUT = 4.0
"""Seconds, so few that what was lost is asked for again within the service's grace of ten."""
USER_AGENT = "vestibule-client"
PASSING = (RateLimited, DatabaseUnavailable, ServiceUnavailable)
"""What may be over in a moment, nothing having been changed."""


class Clock(Protocol):
    """Where the time comes from."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The service, and who speaks to it."""

    url: str
    clock: Clock
    client_id: str | None = None
    client_secret: Secret | None = None
    client_version: str | None = None
    user_agent: str = USER_AGENT

    def login(
        self, *, username: str, password: Secret, org: str | None, scope: str | None
    ) -> Steps[Tokens]:
        """Sign in with a password. It is sent once, whatever happens: each try counts."""
        call = self._post(
            "login", safe=False, as_form=True,
            username=username, password=password, grant_type="password",
            scope=_scope(scope, org),
        )  # fmt: skip
        answer = yield from self.exchange(call)
        return self._tokens(answer, sign_in=secrets.token_hex(16), org=org)

    def start_device(self, *, org: str | None, scope: str | None) -> Steps[DeviceCode]:
        """Start a device login (RFC 8628 §3.1)."""
        call = self._post("device/code", safe=False, scope=_scope(scope, org))
        answer = yield from self.exchange(call)
        try:
            return device_code_from_answer(answers.body_of(answer), url=self.url, org=org)
        except (KeyError, TypeError, ValueError):
            raise answers.unintelligible(answer) from None

    def await_device(self, code: DeviceCode) -> Steps[Tokens]:
        """Ask until somebody has decided (RFC 8628 §3.4, §3.5).

        Raises `ExpiredToken` where nobody has in time and `AccessForbidden` for a no.
        """
        call = self._post("device/token", safe=False, device_code=code.device_code)
        until = self.clock.time() + code.expires_in
        pause = interval = max(code.interval, 1.0)
        while self.clock.time() + pause < until:
            yield Pause(pause)
            try:
                answer = yield from self.exchange(call)
            except SlowDown:
                pause = interval = interval + SLOWER
            except AuthorizationPending:
                pause = interval
            except PASSING as error:
                # RFC 8628 §3.5: where the connection fails, ask less and less often.
                pause = max(error.retry_after or 2 * pause, interval)
            else:
                return self._tokens(answer, sign_in=secrets.token_hex(16), org=code.org)
        raise ExpiredToken("Nobody has approved it in time")

    def refresh(self, tokens: Tokens, refresh_token: Secret, *, org: str | None) -> Steps[Tokens]:
        """New tokens for old (RFC 6749 §6), for another organization where one is named.

        A lost answer may be asked for again: within its grace the service gives the same.
        """
        call = self._post(
            "refresh", safe=True, refresh_token=refresh_token, scope=_scope(None, org)
        ).within(REFRESH_TIMEOUT)
        answer = yield from self.exchange(call)
        renewed = self._tokens(answer, sign_in=tokens.sign_in, org=org or tokens.org)
        return successor(renewed, former=tokens)

    def logout(self, refresh_token: Secret) -> Steps[None]:
        """End a sign-in; one that has ended already is ended."""
        yield from self.exchange(self._post("logout", safe=True, refresh_token=refresh_token))

    def authorized(self, call: Call) -> Steps[httpx.Response]:
        """Send with an access token; once more with a fresh one where that was rejected."""
        token = yield Bearer(rejected=None)
        try:
            return (yield from self.exchange(call.with_bearer(token)))
        except AuthenticationFailed:
            if not _repeatable(call.options):
                raise
        token = yield Bearer(rejected=token)
        return (yield from self.exchange(call.with_bearer(token)))

    def exchange(self, call: Call) -> Steps[httpx.Response]:
        """Send, and send again what is safe where the trouble passes. Raises `VestibuleError`."""
        pause = FIRST_PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            answer: httpx.Response | Lost = yield call
            error = answers.failure(answer, now=self.clock.time())
            if error is None:
                assert isinstance(answer, httpx.Response)
                return answer
            wait = _wait(error, pause) if call.safe and attempt < ATTEMPTS else None
            if wait is None:
                raise error
            yield Pause(wait)
            pause *= 4
        raise AssertionError("the last attempt returns or raises")

    def call(self, method: str, path: str, *, safe: bool, **options: Any) -> Call:
        """A request to a path of the service: never to another address."""
        headers = {"Accept": "application/json", "User-Agent": self.user_agent}
        if self.client_version:
            headers["X-Client-Version"] = self.client_version
        headers.update(options.pop("headers", None) or {})
        return Call(method, f"{self.url}/{path.lstrip('/')}", safe, headers, options)

    def _tokens(self, answer: httpx.Response, *, sign_in: str, org: str | None) -> Tokens:
        try:
            return tokens_from_answer(
                answers.body_of(answer),
                url=self.url,
                sign_in=sign_in,
                org=org,
                now=self.clock.time(),
            )
        except (KeyError, TypeError, ValueError):
            raise answers.unintelligible(answer) from None

    def _post(
        self, route: str, *, safe: bool, as_form: bool = False, **fields: str | Secret | None
    ) -> Call:
        """A request with the client's credentials in its body, without what is None."""
        fields |= {"client_id": self.client_id, "client_secret": self.client_secret}
        body = {name: value for name, value in fields.items() if value is not None}
        return self.call(
            "POST", f"/api/v1/auth/{route}", safe=safe, **{"data" if as_form else "json": body}
        )


def _scope(scope: str | None, org: str | None) -> str | None:
    return " ".join([*(scope or "").split(), *([f"org:{org}"] if org else [])]) or None


def is_safe(method: str) -> bool:
    """Whether a method changes nothing (RFC 9110 §9.2.1)."""
    return method.upper() in ("GET", "HEAD", "OPTIONS")


def _wait(error: VestibuleError, pause: float) -> float | None:
    """Seconds after which a safe request is sent again; None for not at all."""
    if not isinstance(error, PASSING):
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= LONGEST_PAUSE else None
    # Without the service's word only what never reached it is tried again.
    return pause if isinstance(error, ServiceUnavailable) else None


def _repeatable(options: Mapping[str, Any]) -> bool:
    """Whether a body can be sent twice: a stream or an open file is spent after once."""
    content = options.get("content")
    return not options.get("files") and (content is None or isinstance(content, str | bytes))
