"""The tokens of one session, kept in a store that others may share: decisions, no I/O."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from functools import partial
from typing import Any

from vestibule.client.errors import InvalidGrant
from vestibule.client.failures import ServiceUnavailable, SignInNeeded
from vestibule.client.protocol import Service
from vestibule.client.records import Tokens, tokens_from_json
from vestibule.client.secret import Secret
from vestibule.client.steps import Local, Pause, Step, Steps
from vestibule.client.stores import Release, TokenStore

LOCK_PAUSE = 0.02
LOCK_PATIENCE = 60.0
"""Seconds to wait for another process that refreshes: longer than its tries can take."""


class Custody:
    """What a session has, and how it is renewed and ended. Whoever drives it does so one by one."""

    def __init__(self, *, service: Service, store: TokenStore, name: str) -> None:
        self.service = service
        self._store = store
        self._name = name
        self._tokens: Tokens | None = None

    @property
    def tokens(self) -> Tokens:
        """The tokens as they are known here. Raises `SignInNeeded` after the end."""
        if self._tokens is None:
            raise SignInNeeded("This session has ended")
        return self._tokens

    def usable(self, *, rejected: Secret | None = None) -> Tokens | None:
        """The tokens, where the access token can be used as it is."""
        tokens = self.tokens
        now = self.service.clock.time()
        return tokens if tokens.usable(now=now, rejected=rejected) else None

    def resume(self) -> Steps[None]:
        """Take what the store has. Raises `SignInNeeded` where that is nothing of this service."""
        self._tokens = yield Local(self._stored)
        if self._tokens is None:
            raise SignInNeeded("Nobody is signed in here")

    def begin(self, tokens: Tokens) -> Steps[None]:
        """Keep a new sign-in in place of the former."""
        release = yield from self._lock()
        try:
            yield Local(partial(self._keep, tokens))
        finally:
            release()
        self._tokens = tokens

    def renew(self, *, rejected: Secret | None = None, org: str | None = None) -> Steps[Tokens]:
        """Tokens whose access token can be used: another process's, or refreshed.

        With `org` they are for that organization. The new refresh token is kept before anybody
        gets the access token: a crash in between is healed by the service's grace.
        """
        release = yield from self._lock()
        try:
            stored = yield from self._mine()
            now = self.service.clock.time()
            if org is None and stored.usable(now=now, rejected=rejected):
                self._tokens = stored
                return stored
            if stored.refresh_token is None:
                raise SignInNeeded("The access token has ended, and there is no refresh token")
            try:
                renewed = yield from self.service.refresh(stored, stored.refresh_token, org=org)
            except InvalidGrant:
                yield Local(partial(self._store.delete, self._name))
                self._tokens = None
                raise
            yield Local(partial(self._keep, renewed))
            self._tokens = renewed
            return renewed
        finally:
            release()

    def end(self) -> Steps[None]:
        """Log out at the service, then here. What the service can't be told of stays here."""
        release = yield from self._lock()
        try:
            stored = yield from self._mine()
            if stored.refresh_token is not None:
                with suppress(InvalidGrant):  # it has ended before
                    yield from self.service.logout(stored.refresh_token)
            yield Local(partial(self._store.delete, self._name))
            self._tokens = None
        finally:
            release()

    def _mine(self) -> Steps[Tokens]:
        """The stored tokens, which another process may have renewed since."""
        mine = self.tokens
        stored: Tokens | None = yield Local(self._stored)
        if stored is None or stored.sign_in != mine.sign_in:
            # Somebody has signed out or in under this name: a session never changes its person.
            self._tokens = None
            raise SignInNeeded("This session has ended")
        return stored

    def _stored(self) -> Tokens | None:
        record = self._store.load(self._name)
        tokens = tokens_from_json(record) if record is not None else None
        return tokens if tokens is not None and tokens.url == self.service.url else None

    def _keep(self, tokens: Tokens) -> None:
        self._store.save(self._name, tokens.to_json())

    def _lock(self) -> Generator[Step, Any, Release]:
        until = self.service.clock.time() + LOCK_PATIENCE
        while (release := self._store.try_lock(self._name)) is None:
            if self.service.clock.time() >= until:
                raise ServiceUnavailable("Another program has held the stored tokens for too long")
            yield Pause(LOCK_PAUSE)
        return release
