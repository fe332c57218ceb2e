"""The connector of OpenID Connect and OAuth 2.0 providers."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from pydantic import SecretStr

from vestibule.clock import Clock
from vestibule.errors import BadGateway
from vestibule.identity.connector import Approach, Busy, Profile
from vestibule.identity.oidc.addresses import is_safe
from vestibule.identity.oidc.claims import profile_of, wanted
from vestibule.identity.oidc.configuration import OidcConfiguration
from vestibule.identity.oidc.id_tokens import IdTokens
from vestibule.identity.oidc.provider import Provider
from vestibule.identity.oidc.transport import Transport

NO = {"invalid_grant", "access_denied"}
"""How providers refuse a person, and not us (RFC 6749 §5.2)."""
LONGEST = 320
"""Characters of a name that anybody may be asked for by."""


class OidcConnector:
    """A `Connector`: the password grant where the provider takes it, and the code flow."""

    def __init__(self, configuration: OidcConfiguration, *, clock: Clock) -> None:
        self._configuration = configuration
        self._transport = Transport(configuration)
        self._provider = Provider(configuration, transport=self._transport, clock=clock)
        self._id_tokens = IdTokens(configuration, provider=self._provider, clock=clock)

    @property
    def takes_passwords(self) -> bool:
        """As `Connector.takes_passwords`."""
        return self._configuration.password_grant

    async def authenticate(self, identifier: str, password: SecretStr) -> Profile | None:
        """As `Connector.authenticate`, by RFC 6749 §4.3."""
        if not password.get_secret_value() or not identifier or len(identifier) > LONGEST:
            return None
        form = {
            "grant_type": "password",
            "username": identifier,
            "password": password.get_secret_value(),
            "scope": " ".join(self._configuration.scopes),
        }
        async with self._transport.in_time():
            return await self._person(form)

    @property
    def can_look_up(self) -> bool:
        """As `Connector.can_look_up`: nobody without their password or their browser."""
        return False

    async def look_up(self, subjects: Sequence[str]) -> dict[str, Profile]:
        """As `Connector.look_up`, which is not to be asked here."""
        raise BadGateway(cause="directory_no_look_up")

    async def address(self, approach: Approach) -> str:
        """As `BrowserConnector.address`: RFC 6749 §4.1.1 with PKCE (RFC 7636)."""
        async with self._transport.in_time():
            endpoint = (await self._provider.metadata()).authorization_endpoint
        if endpoint is None:
            raise BadGateway(cause="directory_no_browser")
        if not is_safe(endpoint, insecure=self._configuration.insecure):
            raise BadGateway(cause="directory_garbled")
        digest = hashlib.sha256(approach.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._configuration.client_id,
            "redirect_uri": approach.redirect_uri,
            "scope": " ".join(self._configuration.scopes),
            "state": approach.state,
            "nonce": approach.nonce,
            "code_challenge": urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        if approach.login_hint:
            query["login_hint"] = approach.login_hint
        joint = "&" if urlsplit(endpoint).query else "?"
        return f"{endpoint}{joint}{urlencode(query)}"

    async def arrived(self, approach: Approach, *, code: str, issuer: str | None) -> Profile | None:
        """As `BrowserConnector.arrived`: RFC 6749 §4.1.3; `issuer` is the `iss` of RFC 9207."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": approach.redirect_uri,
            "code_verifier": approach.verifier,
        }
        async with self._transport.in_time():
            metadata = await self._provider.metadata()
            # A code of another provider would go to this one's token endpoint otherwise.
            if (issuer or metadata.names_itself) and issuer != self._configuration.issuer:
                return None
            return await self._person(form, nonce=approach.nonce)

    async def check(self) -> None:
        """As `Connector.check`: metadata, keys, and whether it knows us."""
        async with self._transport.in_time():
            metadata = await self._provider.metadata(fresh=True)
            if metadata.jwks_uri is not None:
                await self._provider.keys(None)
            # No code is this one: whoever does not know us says so before looking for it.
            form = {
                "grant_type": "authorization_code",
                "code": "check",
                "redirect_uri": "https://invalid.example/",
                "code_verifier": "0" * 43,
            }
            await self._token(metadata.token_endpoint, form)

    async def close(self) -> None:
        """As `Connector.close`."""
        await self._transport.close()

    async def _person(self, form: dict[str, str], *, nonce: str | None = None) -> Profile | None:
        metadata = await self._provider.metadata()
        answer = await self._token(metadata.token_endpoint, form)
        if answer is None:
            return None
        claims: dict[str, Any] = {}
        token = answer.get("id_token")
        if isinstance(token, str):
            claims = await self._id_tokens.claims(token, nonce=nonce)
        elif nonce is not None and "openid" in self._configuration.scopes:
            # OpenID Connect Core §3.1.3.3. Without one nothing ties the answer to this browser.
            raise BadGateway(cause="directory_id_token")
        if metadata.userinfo_endpoint is not None and (
            not claims or not wanted(self._configuration) <= claims.keys()
        ):
            more = await self._userinfo(metadata.userinfo_endpoint, answer)
            subject = self._configuration.subject_claim
            if claims and more.get(subject) != claims.get(subject):
                # OpenID Connect Core §5.3.4: otherwise it could be about anybody.
                raise BadGateway(cause="directory_userinfo")
            claims = {**claims, **more}
        return profile_of(self._configuration, claims)

    async def _userinfo(self, endpoint: str, answer: dict[str, Any]) -> dict[str, Any]:
        token = answer.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise BadGateway(cause="directory_garbled")
        reply = await self._transport.get(endpoint, bearer=token)
        if reply.status != 200:
            raise BadGateway(cause="directory_userinfo")
        return reply.body

    async def _token(self, endpoint: str, form: dict[str, str]) -> dict[str, Any] | None:
        """The answer of the token endpoint; None where it refuses the person."""
        secret = self._configuration.client_secret
        client_id = self._configuration.client_id
        basic = None
        if secret is None:
            form = {**form, "client_id": client_id}
        elif self._configuration.client_authentication == "client_secret_post":
            form = {**form, "client_id": client_id, "client_secret": secret.get_secret_value()}
        else:
            # RFC 6749 §2.3.1: both are form-encoded first.
            basic = (quote_plus(client_id), quote_plus(secret.get_secret_value()))
        reply = await self._transport.post(endpoint, form, basic=basic)
        if reply.status == 200:
            return reply.body
        if reply.status == 429:
            raise Busy
        error = reply.body.get("error")
        if reply.status in (400, 401, 403) and isinstance(error, str) and error in NO:
            return None
        unknown = error in ("invalid_client", "unauthorized_client")
        raise BadGateway(cause="directory_credentials" if unknown else "directory_refused")
