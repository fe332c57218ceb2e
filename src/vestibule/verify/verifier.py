"""The verifier: one for a process, for all its threads and tasks."""

from __future__ import annotations

from typing import Any

import httpx

from vestibule.verify import jose
from vestibule.verify.clock import SYSTEM, Clock
from vestibule.verify.dpop import Proofs
from vestibule.verify.errors import IntrospectionUnavailable, InvalidToken
from vestibule.verify.http import Http, check_url
from vestibule.verify.introspection import API_KEY, IntrospectionOptions, Introspector
from vestibule.verify.jose import MAX_TOKEN, PublicKey
from vestibule.verify.keys import Keys
from vestibule.verify.metadata import Metadata
from vestibule.verify.seen import Entry, Seen
from vestibule.verify.token import AccessToken, Expectations

FOREVER = float("inf")


class Verifier:
    """Says whether an access token is good, and whose it is."""

    def __init__(
        self,
        *,
        issuer: str,
        audience: str | None = None,
        leeway: float = 10,
        jwks_uri: str | None = None,
        introspection_endpoint: str | None = None,
        introspection: IntrospectionOptions | None = None,
        cache_size: int = 10_000,
        unknown_key_cooldown: float = 5,
        timeout: float = 5,
        allow_http: bool = False,
        client: httpx.Client | None = None,
        async_client: httpx.AsyncClient | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        """Nothing is fetched yet.

        `issuer` is the issuer's public URL as its tokens spell it, `audience` what they are for
        (by default the issuer, as the issuer's own default is). The two endpoints are taken from
        the issuer's metadata (RFC 8414) where they are not given. `leeway` (seconds) is how far
        its clock and ours may differ. Plain HTTP is refused for all but this machine, unless
        `allow_http` (insecure). Clients that are handed over are not closed.

        Raises `ValueError` for what can't be right.
        """
        if not 0 <= leeway <= 300:
            raise ValueError("leeway must be between 0 and 300 seconds")
        given = {"jwks_uri": jwks_uri, "introspection_endpoint": introspection_endpoint}
        urls = {name: url for name, url in given.items() if url is not None}
        for url in (issuer, *urls.values()):
            check_url(url, allow_http=allow_http)
        self._clock = clock
        self._http = Http(
            client=client, async_client=async_client, timeout=timeout, allow_http=allow_http
        )
        metadata = Metadata(issuer=issuer, given=urls)
        self._keys = Keys(
            http=self._http, metadata=metadata, clock=clock, cooldown=unknown_key_cooldown
        )
        self._introspector = (
            Introspector(options=introspection, http=self._http, metadata=metadata, clock=clock)
            if introspection
            else None
        )
        self._expected = Expectations(issuer=issuer, audience=audience or issuer, leeway=leeway)
        self._seen = Seen(size=cache_size)
        self._proofs = Proofs(clock=clock, leeway=leeway)

    def verify(self, token: str) -> AccessToken:
        """What a bearer token says (RFC 9068 §4), or an API key where introspection is set up.

        Raises `InvalidToken`, `ExpiredToken` of it, or `Unavailable`. A token that is bound to a
        key is no bearer token (RFC 9449 §7.1).
        """
        return _bearer(self._remembered(token) or self._find(token))

    async def averify(self, token: str) -> AccessToken:
        """The same on an event loop."""
        return _bearer(self._remembered(token) or await self._afind(token))

    def verify_dpop(self, token: str, proof: str, *, method: str, url: str) -> AccessToken:
        """What a token says that is bound to a key, with the proof of it for this request.

        `url` is the one that the client called; query and fragment don't count. Raises what
        `verify` does, and `InvalidProof`.
        """
        found = self._remembered(token) or self._find(token)
        self._proofs.check(proof, token=token, jkt=_bound(found), method=method, url=url)
        return found

    async def averify_dpop(self, token: str, proof: str, *, method: str, url: str) -> AccessToken:
        """The same on an event loop."""
        found = self._remembered(token) or await self._afind(token)
        self._proofs.check(proof, token=token, jkt=_bound(found), method=method, url=url)
        return found

    def close(self) -> None:
        """Let go of the connections that threads used."""
        self._http.close()

    async def aclose(self) -> None:
        """Stop what is under way, and let go of all connections."""
        await self._keys.aclose()
        if self._introspector:
            await self._introspector.aclose()
        await self._http.aclose()

    def _remembered(self, token: str) -> AccessToken | None:
        """A token seen before that is still good; this is the road of nearly every request."""
        if len(token) > MAX_TOKEN:
            raise InvalidToken
        entry = self._seen.get(token)
        if entry is None:
            return None
        if self._clock.time() >= entry.ends_at:
            self._seen.drop(token)
            return None
        now = self._clock.monotonic()
        if now >= entry.good_until:
            return None
        if entry.kid is None:
            return entry.token
        held = self._keys.held
        if held is None or held.keys.get(entry.kid) is not entry.key:
            self._seen.drop(token)
            return None
        # When the keys are due, the long road renews them.
        return entry.token if now < self._keys.look_again_at else None

    def _find(self, token: str) -> AccessToken:
        if API_KEY.fullmatch(token):
            return self._from_answer(token, *self._issuer_knows().ask(token))
        kid = _kid(token)
        key = self._keys.find(kid)
        found = self._read(token, key)
        asked_at = FOREVER
        if self._introspector:
            try:
                _, asked_at = self._introspector.ask(token)
            except IntrospectionUnavailable:
                return self._unasked(found)
        return self._remember(token, found, kid, key, asked_at)

    async def _afind(self, token: str) -> AccessToken:
        if API_KEY.fullmatch(token):
            return self._from_answer(token, *await self._issuer_knows().aask(token))
        kid = _kid(token)
        key = await self._keys.afind(kid)
        found = self._read(token, key)
        asked_at = FOREVER
        if self._introspector:
            try:
                _, asked_at = await self._introspector.aask(token)
            except IntrospectionUnavailable:
                return self._unasked(found)
        return self._remember(token, found, kid, key, asked_at)

    def _read(self, token: str, key: PublicKey) -> AccessToken:
        try:
            claims = jose.verified(token, key)
        except jose.Malformed:
            raise InvalidToken from None
        return self._expected.read(claims, now=self._clock.time())

    def _issuer_knows(self) -> Introspector:
        if self._introspector is None:
            raise InvalidToken("API keys are not accepted here")
        return self._introspector

    def _unasked(self, found: AccessToken) -> AccessToken:
        """A token that is good by itself while the issuer does not answer; not remembered."""
        if self._issuer_knows().options.accept_unasked:
            return found
        raise IntrospectionUnavailable

    def _from_answer(self, token: str, answer: dict[str, Any], asked_at: float) -> AccessToken:
        found = self._expected.read_answer(answer, now=self._clock.time())
        return self._remember(token, found, None, None, asked_at)

    def _remember(
        self,
        token: str,
        found: AccessToken,
        kid: str | None,
        key: PublicKey | None,
        asked_at: float,
    ) -> AccessToken:
        good_until = ends_at = FOREVER
        if self._introspector:
            good_until = asked_at + self._introspector.options.max_age
        if found.expires_at is not None:
            ends_at = found.expires_at + self._expected.leeway
        self._seen.put(token, Entry(found, ends_at, kid, key, good_until))
        return found


def _kid(token: str) -> str:
    try:
        return jose.key_id(jose.header(token, types=("at+jwt",)))
    except jose.Malformed:
        raise InvalidToken from None


def _bearer(token: AccessToken) -> AccessToken:
    if token.cnf_jkt is not None:
        raise InvalidToken("The access token is bound to a key and needs a DPoP proof")
    return token


def _bound(token: AccessToken) -> str:
    if token.cnf_jkt is None:
        raise InvalidToken("The access token is bound to no key")
    return token.cnf_jkt
