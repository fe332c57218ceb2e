"""Access tokens, their keys, and what a forger could try."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import SecretStr
from sqlalchemy import select

from tests.world import FakeClock, World, log_in
from vestibule.errors import AuthenticationFailed, DatabaseUnavailable, NotFound
from vestibule.settings import Settings
from vestibule.tokens.models import signing_keys
from vestibule.tokens.subject import Subject
from vestibule.tokens.vault import Vault, WrongSecretKey, read_or_create_secret
from vestibule.wiring import Services, wire


@pytest.fixture
def subject() -> Subject:
    return Subject(
        user_id=uuid4(), client_id="portal", scope="openid", org_id=uuid4(), org_key="acme",
        org_role="member", session_id=uuid4(), auth_time=1,
    )  # fmt: skip


async def test_a_token_is_read_back_as_it_was_made(services: Services, subject: Subject) -> None:
    token = await services.tokens.access_token(subject)

    assert (await services.tokens.verify(token)).subject == subject


async def test_a_token_ends_on_time(services: Services, subject: Subject, clock: FakeClock) -> None:
    token = await services.tokens.access_token(subject)

    clock.advance(900)
    assert (await services.tokens.verify(token)).subject == subject
    clock.advance(6)

    with pytest.raises(AuthenticationFailed):
        await services.tokens.verify(token)


def _segments(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, claims, signature = token.split(".")
    return (
        json.loads(base64.urlsafe_b64decode(header + "==")),
        json.loads(base64.urlsafe_b64decode(claims + "==")),
        signature,
    )


def _b64(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _hs256(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    signed = f"{_b64(header)}.{_b64(claims)}"
    digest = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


async def test_every_forgery_is_refused(
    services: Services, world: World, client: httpx.AsyncClient
) -> None:
    await world.user("alice")
    token = (await log_in(client)).json()["access_token"]
    header, claims, signature = _segments(token)
    signer = await services.keys.signer()
    public = (await services.keys.jwks())["keys"][0]
    stranger = ECKey.generate_key("P-256")

    def signed(claims: dict[str, Any], **changes: Any) -> str:
        return jwt.encode({**header, **changes}, claims, signer.key, algorithms=["ES256"])

    true = await client.get("/api/v1/user", headers={"Authorization": f"Bearer {signed(claims)}"})
    assert true.status_code == 200

    public_pem = ECKey.import_key(public).as_pem(private=False)
    forgeries = {
        "no signature": f"{_b64({**header, 'alg': 'none'})}.{_b64(claims)}.",
        "the signature of other claims": (
            f"{_b64(header)}.{_b64({**claims, 'sub': str(uuid4())})}.{signature}"
        ),
        "the public key as a secret": _hs256({**header, "alg": "HS256"}, claims, public_pem),
        "another key of that name": jwt.encode(header, claims, stranger, algorithms=["ES256"]),
        "an embedded key": jwt.encode(
            {**header, "jwk": stranger.as_dict(private=False)}, claims, stranger,
            algorithms=["ES256"],
        ),
        "a key elsewhere": jwt.encode(
            {**header, "jku": "https://evil.example/jwks"}, claims, stranger, algorithms=["ES256"]
        ),
        "an unknown key": signed(claims, kid="unknown"),
        "a path as key": signed(claims, kid="../../dev/null"),
        "SQL as key": signed(claims, kid="' OR 1=1 --"),
        "no key": jwt.encode({"alg": "ES256", "typ": "at+jwt"}, claims, signer.key),
        "an ID token": signed(claims, typ="JWT"),
        "another issuer": signed({**claims, "iss": "https://evil.example"}),
        "another audience": signed({**claims, "aud": "https://evil.example"}),
        "made in the future": signed({**claims, "iat": claims["iat"] + 60}),
        "not yet valid": signed({**claims, "nbf": claims["iat"] + 60}),
        "no end": signed({k: v for k, v in claims.items() if k != "exp"}),
        "no subject": signed({k: v for k, v in claims.items() if k != "sub"}),
        "a subject that is none": signed({**claims, "sub": "admin"}),
        "not a token": "nonsense",
        "very long": "a." * 10_000,
        "empty parts": "..",
    }  # fmt: skip

    for name, forgery in forgeries.items():
        response = await client.get("/api/v1/user", headers={"Authorization": f"Bearer {forgery}"})
        assert response.status_code == 401, name
        assert response.json()["type"] == "authentication_error"
        assert 'error="invalid_token"' in response.headers["www-authenticate"], name


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic YTpi", "token"])
async def test_without_a_token_there_is_no_error_code(
    client: httpx.AsyncClient, authorization: str
) -> None:
    response = await client.get("/api/v1/user", headers={"Authorization": authorization})

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="vestibule"'


async def test_a_disabled_users_token_is_worth_nothing_here(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user("alice")
    token = (await log_in(client, "alice")).json()["access_token"]
    await services.users.update(alice, is_active=False)

    for path in ("/api/v1/user", "/api/v1/user/organizations"):
        response = await client.get(path, headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 401


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "Ed25519"])
async def test_each_algorithm_signs_and_verifies(
    settings: Settings, clock: FakeClock, subject: Subject, algorithm: str
) -> None:
    values = {
        **settings.model_dump(),
        "secret_key": settings.secret_key,
        "signing_algorithm": algorithm,
    }
    services = wire(Settings(**values), clock=clock)
    await services.keys.ensure()

    token = await services.tokens.access_token(subject)

    assert _segments(token)[0]["alg"] == algorithm
    assert (await services.tokens.verify(token)).subject == subject
    await services.close()


async def test_rotation_overlaps(
    services: Services, subject: Subject, clock: FakeClock, client: httpx.AsyncClient
) -> None:
    async def published() -> list[str]:
        keys = (await client.get("/.well-known/jwks.json")).json()["keys"]
        return [key["kid"] for key in keys]

    [former] = await published()
    before = await services.tokens.access_token(subject)
    key = await services.keys.rotate()

    assert await published() == [former, key.kid]
    assert (await services.keys.signer()).kid == former
    clock.advance(3600)
    assert (await services.keys.signer()).kid == key.kid
    late = jwt.encode(
        {"alg": "ES256", "typ": "at+jwt", "kid": former},
        _segments(before)[1] | {"iat": int(clock.now), "exp": int(clock.now) + 900},
        services.keys._private[former],
    )
    assert (await services.tokens.verify(late)).subject == subject
    clock.advance(900 + 300)
    assert await published() == [key.kid]
    with pytest.raises(AuthenticationFailed):
        await services.tokens.verify(late)


async def test_a_key_ends_on_time_whatever_is_cached(
    services: Services, subject: Subject, clock: FakeClock
) -> None:
    [former] = await services.keys.list()
    token = await services.tokens.access_token(subject)
    await services.keys.rotate(now=True)
    clock.advance(1190)
    late = jwt.encode(
        {"alg": "ES256", "typ": "at+jwt", "kid": former.kid},
        _segments(token)[1] | {"exp": int(clock.now) + 900},
        services.keys._private[former.kid],
    )

    assert (await services.tokens.verify(late)).subject == subject
    clock.advance(10)

    with pytest.raises(AuthenticationFailed):
        await services.tokens.verify(late)


async def test_a_key_that_another_process_added_is_found_at_once(
    services: Services, settings: Settings, subject: Subject, clock: FakeClock
) -> None:
    other = wire(settings, clock=clock)
    await services.keys.signer()
    await other.keys.rotate(now=True)
    token = await other.tokens.access_token(subject)
    clock.advance(2)

    assert (await services.tokens.verify(token)).subject == subject
    await other.close()


async def test_a_revoked_key_is_worth_nothing(
    services: Services, subject: Subject, clock: FakeClock
) -> None:
    token = await services.tokens.access_token(subject)
    [key] = await services.keys.list()

    await services.keys.revoke(key.kid)

    with pytest.raises(AuthenticationFailed):
        await services.tokens.verify(token)
    assert (await services.keys.signer()).kid != key.kid
    with pytest.raises(NotFound):
        await services.keys.revoke("nonsense")


async def test_a_revoked_key_is_worth_nothing_also_where_the_database_is_lost_right_after(
    services: Services, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await services.tokens.access_token(subject)
    [key] = await services.keys.list()
    write = services.database.write

    async def lost(*_: Any) -> None:
        raise DatabaseUnavailable

    async def the_last(*args: Any, **options: Any) -> Any:
        result = await write(*args, **options)
        monkeypatch.setattr(services.database, "read", lost)
        return result

    monkeypatch.setattr(services.database, "write", the_last)
    await services.keys.revoke(key.kid)
    monkeypatch.undo()

    with pytest.raises(AuthenticationFailed):
        await services.tokens.verify(token)


async def test_the_jwks_has_public_parts_only_and_may_be_cached(
    client: httpx.AsyncClient,
) -> None:
    response = await client.get("/.well-known/jwks.json")

    [key] = response.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert response.headers["content-type"] == "application/jwk-set+json"
    assert response.headers["cache-control"] == "public, max-age=300"


async def test_private_keys_are_sealed_in_the_database(services: Services) -> None:
    [row] = await services.database.read(lambda c: c.execute(select(signing_keys)).all())

    assert '"d"' not in row.private_encrypted
    opened = Vault([SecretStr("a secret key for tests, 32 characters or more")]).open(
        row.private_encrypted
    )
    assert '"d"' in opened.decode()


def test_a_changed_secret_key_still_opens_with_the_former() -> None:
    former, present = SecretStr("f" * 32), SecretStr("p" * 32)
    sealed = Vault([former]).seal(b"key")

    assert Vault([present, former]).open(sealed) == b"key"
    with pytest.raises(WrongSecretKey):
        Vault([present]).open(sealed)


def test_the_generated_secret_is_made_once(tmp_path: Any) -> None:
    first = read_or_create_secret(tmp_path)

    assert len(first.get_secret_value()) >= 32
    assert read_or_create_secret(tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]
