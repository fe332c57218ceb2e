"""The client for threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, TypeVar

import httpx

from vestibule.client import answers, steps
from vestibule.client.address import checked
from vestibule.client.custody import Custody
from vestibule.client.flights import Flight
from vestibule.client.protocol import TIMEOUT, USER_AGENT, Service, is_safe
from vestibule.client.records import DeviceCode, OrgInfo, Tokens
from vestibule.client.secret import Secret
from vestibule.client.stores import MemoryStore, TokenStore

T = TypeVar("T")


class Clock(Protocol):
    """Where the client gets its time from."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        ...


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Client:
    """A Vestibule service, to sign in at. One is enough for all threads.

    `store` keeps one sign-in under `profile`, to be found again by `session()` and shared with
    other processes; without one every session keeps its own tokens in memory. `http` is for
    proxies, certificates and tests; by default certificates are verified. Raises
    `InsecureAddress` for plain HTTP to another machine, unless `allow_insecure_http`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        client_version: str | None = None,
        user_agent: str = USER_AGENT,
        store: TokenStore | None = None,
        profile: str = "default",
        http: httpx.Client | None = None,
        clock: Clock | None = None,
        timeout: float | httpx.Timeout = TIMEOUT,
        allow_insecure_http: bool = False,
    ) -> None:
        clock = clock or SystemClock()
        self._service = Service(
            url=checked(base_url, allow_insecure_http=allow_insecure_http),
            clock=clock,
            client_id=client_id,
            client_secret=Secret(client_secret) if client_secret is not None else None,
            client_version=client_version,
            user_agent=user_agent,
        )
        self._store = store
        self._profile = profile
        self._owns_http = http is None
        self._http = httpx.Client() if http is None else http
        self._driver = _Driver(http=self._http, clock=clock, wait=timeout)

    def __repr__(self) -> str:
        return f"Client({self._service.url!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, where they are the client's own."""
        if self._owns_http:
            self._http.close()

    def login(
        self, username: str, password: str, *, org: str | None = None, scope: str | None = None
    ) -> Session:
        """Sign in with a password; `org` is the key of the organization to enter.

        It is tried once: a limit that was met is told, not waited for.
        """
        asked = self._service.login(
            username=username, password=Secret(password), org=org, scope=scope
        )
        return self._begin(self._driver.run(asked))

    def device_login(
        self,
        on_code: Callable[[DeviceCode], None],
        *,
        org: str | None = None,
        scope: str | None = None,
    ) -> Session:
        """Sign in by a yes given in a browser: `on_code` shows where, and this waits for it.

        Raises `ExpiredToken` where nobody decides in time and `AccessForbidden` for a no.
        """
        code = self._driver.run(self._service.start_device(org=org, scope=scope))
        on_code(code)
        return self._begin(self._driver.run(self._service.await_device(code)))

    def session(self) -> Session:
        """The sign-in that the store has. Raises `SignInNeeded` where there is none."""
        custody = self._custody()
        self._driver.run(custody.resume())
        return Session(custody, self._driver)

    def _begin(self, tokens: Tokens) -> Session:
        custody = self._custody()
        self._driver.run(custody.begin(tokens))
        return Session(custody, self._driver)

    def _custody(self) -> Custody:
        store = self._store or MemoryStore()
        return Custody(service=self._service, store=store, name=self._profile)


class Session:
    """Somebody who is signed in. One is enough for all threads."""

    def __init__(self, custody: Custody, driver: _Driver) -> None:
        self._custody = custody
        self._driver = driver
        self._flight: Flight[Tokens | None] = Flight()

    def __repr__(self) -> str:
        return f"Session({self._custody.service.url!r})"

    @property
    def orgs(self) -> tuple[OrgInfo, ...]:
        """The organizations that the person may enter."""
        return self._custody.tokens.orgs

    @property
    def default_org(self) -> OrgInfo | None:
        """The one that is entered where none is named."""
        return self._custody.tokens.default_org

    @property
    def org(self) -> str | None:
        """Key of the organization that was entered."""
        return self._custody.tokens.org

    @property
    def scope(self) -> str:
        """What was granted, space-separated."""
        return self._custody.tokens.scope

    @property
    def expires_at(self) -> float:
        """When the present access token ends, in seconds since the epoch."""
        return self._custody.tokens.expires_at

    def access_token(self) -> str:
        """An access token that is good for a while yet, refreshed where need be.

        However many threads ask, there is one refresh. Raises `InvalidGrant` or `SignInNeeded`
        where somebody must sign in again.
        """
        return self._bearer(None).reveal()

    def switch_org(self, key: str) -> None:
        """Enter another organization. Raises `NotFound` where the person is no member."""
        self._flight.do(lambda: self._driver.run(self._custody.renew(org=key)), join=False)

    def logout(self) -> None:
        """End the sign-in, at the service and here."""
        self._flight.do(lambda: self._driver.run(self._custody.end()), join=False)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request to the service with an access token; `options` are those of httpx.

        Raises the exception of the answer's `type`. What only reads is tried again where the
        service asks for it; what was rejected with 401 is sent once more with a fresh token.
        """
        call = self._custody.service.call(method, path, safe=is_safe(method), **options)
        return self._driver.run(self._custody.service.authorized(call), bearer=self._bearer)

    def user(self) -> dict[str, Any]:
        """The person's own record."""
        return answers.body_of(self.request("GET", "/api/v1/user"))

    def organizations(self) -> list[dict[str, Any]]:
        """The person's organizations, whole."""
        return answers.rows_of(self.request("GET", "/api/v1/user/organizations"))

    def _bearer(self, rejected: Secret | None) -> Secret:
        for _ in range(2):  # what was joined first may have begun before the token was rejected
            if (tokens := self._custody.usable(rejected=rejected)) is not None:
                return tokens.access_token
            self._flight.do(lambda: self._renew(rejected), join=True)
        return self._custody.tokens.access_token

    def _renew(self, rejected: Secret | None) -> Tokens:
        return self._driver.run(self._custody.renew(rejected=rejected))


class _Driver:
    """Carries out steps, one after another."""

    def __init__(self, *, http: httpx.Client, clock: Clock, wait: float | httpx.Timeout) -> None:
        self._http = http
        self._clock = clock
        self._wait = wait

    def run(
        self, operation: steps.Steps[T], *, bearer: Callable[[Secret | None], Secret] | None = None
    ) -> T:
        try:
            step = next(operation)
            while True:
                try:
                    outcome = self._do(step, bearer)
                except BaseException as error:
                    step = operation.throw(error)
                else:
                    step = operation.send(outcome)
        except StopIteration as done:
            result: T = done.value
            return result

    def _do(self, step: steps.Step, bearer: Callable[[Secret | None], Secret] | None) -> Any:
        match step:
            case steps.Call():
                return self._send(step)
            case steps.Pause():
                return self._clock.sleep(step.seconds)
            case steps.Local():
                return step.work()
            case steps.Bearer():
                assert bearer is not None
                return bearer(step.rejected)

    def _send(self, call: steps.Call) -> httpx.Response | steps.Lost:
        try:
            return self._http.request(call.method, call.url, **call.arguments(timeout=self._wait))
        except httpx.RequestError as error:
            return steps.lost(error)
