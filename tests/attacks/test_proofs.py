"""Proofs of clients and of keys: stolen, replayed, bent, or sent along with others."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from tests.attacks import forge
from tests.attacks.watch import Watch
from tests.oauth.flows import TOKEN, basic, bearer
from tests.world import PASSWORD, FakeClock, World, log_in
from vestibule.clients.models import ClientKind, Grant
from vestibule.wiring import Services

ISSUER = "http://127.0.0.1:8000"
KEY = ECKey.generate_key("P-256", private=True)
THIEF = ECKey.generate_key("P-256", private=True)
THIEFS_RSA = RSAKey.generate_key(2048, private=True)
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def named(value: object) -> str:
    """The same in each run, whatever the keys are."""
    return re.sub(r"object at 0x\w+|'[dxy]': '[^']+'", "key", ascii(value))[:60]


def proof(
    clock: FakeClock,
    method: str = "POST",
    path: str = TOKEN,
    *,
    key: ECKey = KEY,
    token: str = "",
    header: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """A DPoP proof; `claims` and `header` change it, None takes away."""
    body = {
        "jti": uuid4().hex, "htm": method, "htu": ISSUER + path, "iat": int(clock.now), **claims,
    }  # fmt: skip
    if token:
        body.setdefault("ath", forge.b64(hashlib.sha256(token.encode()).digest()))
    head = {
        "alg": "ES256", "typ": "dpop+jwt", "jwk": key.as_dict(private=False), **(header or {}),
    }  # fmt: skip
    # Not by `jwt`, which refuses to write down half of what is tried here.
    return jws.serialize_compact(
        {k: v for k, v in head.items() if v is not None},
        json.dumps({k: v for k, v in body.items() if v is not None}).encode(),
        key,
        algorithms=["ES256"],
    )


async def bound(client: httpx.AsyncClient, world: World, clock: FakeClock) -> dict[str, Any]:
    await world.user()
    answer = await client.post(
        TOKEN,
        data={
            "grant_type": "password", "client_id": "vestibule",
            "username": "alice", "password": PASSWORD,
        },
        headers={"DPoP": proof(clock)},
    )  # fmt: skip
    tokens: dict[str, Any] = answer.json()
    assert tokens["token_type"] == "DPoP", tokens
    return tokens


async def test_a_stolen_bound_token_opens_nothing_without_its_key(
    client: httpx.AsyncClient, world: World, clock: FakeClock, watch: Watch
) -> None:
    tokens = await bound(client, world, clock)
    token = tokens["access_token"]
    watch.keep(token, tokens["refresh_token"])
    own = {"Authorization": f"DPoP {token}"}
    me = "/api/v1/user"

    def sent(**changes: Any) -> dict[str, str]:
        return {**own, "DPoP": proof(clock, "GET", me, token=token, **changes)}

    assert (await client.get(me, headers=sent())).status_code == 200
    for headers, cause in (
        (bearer(token), "dpop_missing"),
        (own, "dpop_missing"),
        ({**bearer(token), "DPoP": proof(clock, "GET", me, token=token)}, "dpop_missing"),
        (sent(key=THIEF), "dpop_key"),
        (sent(ath=None, htm="POST"), "dpop_request"),
        ({**own, "DPoP": proof(clock, "GET", me)}, "dpop_token"),
        (sent(ath="\ud800"), "dpop_token"),
        (sent(ath=forge.b64(bytes(32))), "dpop_token"),
        ({**own, "DPoP": proof(clock, "POST", me, token=token)}, "dpop_request"),
        ({**own, "DPoP": proof(clock, "GET", me + "/sessions", token=token)}, "dpop_request"),
    ):
        answer = await client.get(me, headers=headers)
        await watch.refused(answer, 401, "access", cause)
        assert answer.headers["www-authenticate"].startswith("DPoP ")
    refresh = await client.post(
        "/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}
    )
    await watch.refused(refresh, 400, "refresh", "refresh_key")
    stolen = await client.post(
        TOKEN,
        data={
            "grant_type": "refresh_token", "client_id": "vestibule",
            "refresh_token": tokens["refresh_token"],
        },
        headers={"DPoP": proof(clock, key=THIEF)},
    )  # fmt: skip
    await watch.refused(stolen, 400, "token", "refresh_key")


async def test_a_proof_works_once(
    client: httpx.AsyncClient, world: World, clock: FakeClock, watch: Watch
) -> None:
    token = (await bound(client, world, clock))["access_token"]
    headers = {
        "Authorization": f"DPoP {token}", "DPoP": proof(clock, "GET", "/api/v1/user", token=token),
    }  # fmt: skip
    assert (await client.get("/api/v1/user", headers=headers)).status_code == 200

    answer = await client.get("/api/v1/user", headers=headers)

    await watch.refused(answer, 401, "access", "dpop_replay")


BAD_HTU = [
    "http://127.0.0.1:8000/oauth2/revoke", "http://evil.example/oauth2/token",
    "https://127.0.0.1:8000/oauth2/token", "http://127.0.0.1/oauth2/token", "/oauth2/token",
    "http://127.0.0.1:8000/oauth2/token/", "http://x@127.0.0.1:8000/oauth2/token",
    "http://[", "http://[::1", "", 5, ["http://127.0.0.1:8000/oauth2/token"], None, "\ud800",
]  # fmt: skip
BAD_IAT = [
    0, -1, 10**400, -(10**400), float("nan"), float("inf"), float("-inf"), "now", None, [], True,
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        *(({"htu": htu}, "dpop_request") for htu in BAD_HTU),
        *(({"iat": iat}, "dpop_time") for iat in BAD_IAT),
        ({"htm": "GET"}, "dpop_request"),
        ({"htm": "post"}, "dpop_request"),
        ({"htm": None}, "dpop_request"),
        ({"jti": None}, "dpop_jti"),
        ({"jti": ""}, "dpop_jti"),
        ({"jti": 5}, "dpop_jti"),
        ({"header": {"typ": "JWT"}}, "dpop_type"),
        ({"header": {"typ": None}}, "dpop_type"),
        ({"header": {"jwk": None}}, "dpop_proof"),
        ({"header": {"jwk": THIEF.as_dict(private=False)}}, "dpop_proof"),
        ({"header": {"jwk": KEY.as_dict(private=True)}}, "dpop_proof"),
        ({"header": {"jwk": {"kty": "oct", "k": "AAAA"}}}, "dpop_proof"),
        ({"header": {"jwk": {"kty": ["EC"]}}}, "dpop_proof"),
    ],
    ids=named,
)
async def test_a_bent_proof_is_refused(
    client: httpx.AsyncClient,
    world: World,
    clock: FakeClock,
    watch: Watch,
    changes: dict[str, Any],
    cause: str,
) -> None:
    await world.user()
    bent = proof(clock, **changes)
    watch.keep(bent)

    answer = await client.post(
        TOKEN,
        data={
            "grant_type": "password", "client_id": "vestibule",
            "username": "alice", "password": PASSWORD,
        },
        headers={"DPoP": bent},
    )  # fmt: skip

    await watch.refused(answer, 400, "token", cause)
    assert answer.json()["error"] == "invalid_dpop_proof"


@pytest.mark.parametrize(
    "made",
    [
        "", "x", "..", "a.b.c", "e30.e30.", "x" * 9000,
        forge.unsigned({"alg": "none", "typ": "dpop+jwt", "jwk": KEY.as_dict(private=False)}, {}),
        forge.hs256(
            {"alg": "HS256", "typ": "dpop+jwt", "jwk": KEY.as_dict(private=False)}, {}, b"x"
        ),
        forge.unsigned({"alg": "ES256", "typ": "dpop+jwt", "jwk": "x"}, {}, "AAAA"),
        f"{forge.b64(forge.deep(2000))}.e30.x",
    ],
    ids=lambda value: value[:20],
)  # fmt: skip
async def test_what_is_no_proof_at_all_is_refused(
    client: httpx.AsyncClient, watch: Watch, made: str
) -> None:
    answer = await client.post(
        TOKEN, data={"grant_type": "password", "client_id": "vestibule"}, headers={"DPoP": made}
    )

    await watch.refused(answer, 400, "token", "dpop_proof")


async def test_a_proof_that_is_nothing_but_deep_is_refused(
    client: httpx.AsyncClient, watch: Watch
) -> None:
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": KEY.as_dict(private=False)}
    made = jws.serialize_compact(header, forge.deep(2500), KEY, algorithms=["ES256"])

    answer = await client.post(
        TOKEN, data={"grant_type": "password", "client_id": "vestibule"}, headers={"DPoP": made}
    )

    await watch.refused(answer, 400, "token", "dpop_proof")


async def test_two_proofs_are_none(
    client: httpx.AsyncClient, clock: FakeClock, watch: Watch
) -> None:
    answer = await client.post(
        TOKEN,
        data={"grant_type": "password", "client_id": "vestibule"},
        headers=[("DPoP", proof(clock)), ("DPoP", proof(clock))],
    )

    await watch.refused(answer, 400, "token", "dpop_twice")


# Client assertions


async def job(world: World) -> None:
    await world.client(
        "job", kind=ClientKind.CONFIDENTIAL, grants=[Grant.CLIENT_CREDENTIALS],
        scopes=["jobs:run"], jwks={"keys": [KEY.as_dict(private=False, kid="k1")]},
    )  # fmt: skip


def assertion(
    clock: FakeClock, *, key: Any = KEY, header: dict[str, Any] | None = None, **claims: Any
) -> str:
    body = {
        "iss": "job", "sub": "job", "aud": ISSUER, "jti": uuid4().hex,
        "iat": int(clock.now), "exp": int(clock.now) + 60, **claims,
    }  # fmt: skip
    head = {"alg": "ES256", "kid": "k1", **(header or {})}
    return jwt.encode(
        head,
        {k: v for k, v in body.items() if v is not None},
        key,
        algorithms=["ES256", "RS256"],
    )


async def prove(client: httpx.AsyncClient, made: str, **more: str) -> httpx.Response:
    return await client.post(
        TOKEN,
        data={
            "grant_type": "client_credentials", "client_assertion_type": ASSERTION,
            "client_assertion": made, **more,
        },
    )  # fmt: skip


async def test_an_assertion_works_once(
    client: httpx.AsyncClient, world: World, clock: FakeClock, watch: Watch
) -> None:
    await job(world)
    made = assertion(clock)
    watch.keep(made)
    assert (await prove(client, made)).status_code == 200

    answer = await prove(client, made)

    await watch.refused(answer, 401, "token", "client_assertion")


@pytest.mark.parametrize(
    "changes",
    [
        {"key": THIEF}, {"key": THIEFS_RSA, "header": {"alg": "RS256"}},
        {"header": {"jwk": THIEF.as_dict(private=False)}, "key": THIEF},
        {"header": {"jku": "https://evil.example"}, "key": THIEF},
        {"header": {"kid": "../../dev/null"}, "key": THIEF},
        {"iss": "rival"}, {"iss": None}, {"aud": "https://evil.example"}, {"aud": None},
        {"aud": []}, {"exp": 0}, {"exp": None}, {"exp": 10**400}, {"exp": float("nan")},
        {"exp": float("inf")}, {"exp": 4_000_000_000}, {"nbf": 4_000_000_000}, {"jti": None},
        {"iat": 4_000_000_000},
    ],
    ids=named,
)  # fmt: skip
async def test_a_bent_assertion_proves_nobody(
    client: httpx.AsyncClient,
    world: World,
    clock: FakeClock,
    watch: Watch,
    changes: dict[str, Any],
) -> None:
    await job(world)
    made = assertion(clock, **changes)
    watch.keep(made)

    answer = await prove(client, made)

    await watch.refused(answer, 401, "token", "client_assertion")
    assert answer.json()["error"] == "invalid_client"


async def test_an_unsigned_assertion_proves_nobody(
    client: httpx.AsyncClient, world: World, clock: FakeClock, watch: Watch
) -> None:
    await job(world)
    _, claims, _ = forge.parts(assertion(clock))
    public = KEY.as_pem(private=False)

    for made in (
        forge.unsigned({"alg": "none"}, claims),
        forge.unsigned({"alg": "none", "kid": "k1"}, claims),
        forge.hs256({"alg": "HS256", "kid": "k1"}, claims, public),
    ):
        answer = await prove(client, made)
        await watch.refused(answer, 401, "token", "client_assertion")
    for made in ("x", "..", f"e30.{forge.b64(forge.deep(2500))}.x", f"e30.{forge.b64([])}.x"):
        answer = await prove(client, made)
        await watch.refused(answer, 401, "token", "client_unknown")


async def test_credentials_come_in_one_way(
    client: httpx.AsyncClient, world: World, clock: FakeClock, watch: Watch
) -> None:
    await job(world)
    _, secret = await world.client("backend", kind=ClientKind.CONFIDENTIAL)
    own = basic("backend", secret)
    watch.keep(secret)
    form = {"grant_type": "client_credentials"}

    for more, headers in (
        ({"client_secret": secret, "client_id": "backend"}, own),
        ({"client_secret": secret}, own),
        ({"client_id": "job"}, own),
        ({"client_assertion": assertion(clock), "client_assertion_type": ASSERTION}, own),
        (
            {
                "client_assertion": assertion(clock), "client_assertion_type": ASSERTION,
                "client_secret": secret, "client_id": "backend",
            },
            {},
        ),
    ):  # fmt: skip
        answer = await client.post(TOKEN, data={**form, **more}, headers=headers)
        await watch.refused(answer, 400, "token", "client_twice")


async def test_an_unknown_client_is_not_told_from_a_wrong_secret(
    client: httpx.AsyncClient, world: World, clock: FakeClock
) -> None:
    await job(world)
    await world.client("backend", kind=ClientKind.CONFIDENTIAL)
    form = {"grant_type": "client_credentials"}
    by_form = [
        await client.post(TOKEN, data={**form, "client_id": name, "client_secret": "wrong"})
        for name in ("backend", "job", "nobody", "vestibule", "\x00", "a" * 100, "../x")
    ]
    by_basic = [
        await client.post(TOKEN, data=form, headers=basic(name, "wrong"))
        for name in ("backend", "job", "nobody", "vestibule")
    ]
    by_assertion = [
        await prove(client, assertion(clock, key=THIEF, sub=name, iss=name))
        for name in ("job", "backend", "nobody", "vestibule")
    ]

    for answers in (by_form, by_basic, by_assertion):
        for answer in answers:
            answer.headers.pop("x-request-id")
        assert {answer.status_code for answer in answers} == {401}
        assert len({answer.content for answer in answers}) == 1
        assert len({str(answer.headers) for answer in answers}) == 1


async def test_secrets_can_not_be_guessed_without_end(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    _, secret = await world.client("backend", kind=ClientKind.CONFIDENTIAL)
    watch.keep(secret)
    form = {"grant_type": "client_credentials", "client_id": "backend"}
    for number in range(120):
        await client.post(TOKEN, data={**form, "client_secret": f"guess {number}"})

    answer = await client.post(TOKEN, data={**form, "client_secret": "one guess more"})

    assert answer.status_code == 429
    # The trail is full of the others, and no stranger may fill the disk: the log has it.
    assert [line["cause"] for line in watch.lines if line["event"] == "token"][-1] == (
        "failures_limit"
    )


async def test_passwords_are_not_sprayed_through_the_token_endpoint(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    """One try at each of many accounts: only the limit of the address sees that."""
    form = {"grant_type": "password", "client_id": "vestibule", "password": "Summer2027!"}
    watch.keep(form["password"])
    for number in range(120):
        answer = await client.post(TOKEN, data={**form, "username": f"user{number}"})
        assert answer.json()["error"] == "invalid_grant"

    answer = await client.post(TOKEN, data={**form, "username": "user120"})

    await watch.refused(answer, 429, "token", "address_limit")


@pytest.mark.parametrize(
    "credentials", ["", "!!!", b"no colon", b"\xff:\xfe", b":x", b"a%ff:x", b"x:%ff", b"\x00"]
)
async def test_basic_credentials_that_can_not_be_read_are_refused(
    client: httpx.AsyncClient, watch: Watch, credentials: str | bytes
) -> None:
    if isinstance(credentials, bytes):
        credentials = base64.b64encode(credentials).decode()

    answer = await client.post(
        TOKEN,
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {credentials}"},
    )

    await watch.refused(answer, 400, "token", "authorization")


async def test_no_secret_shows_in_a_repr(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.user()
    registered, secret = await world.client("backend", kind=ClientKind.CONFIDENTIAL)
    tokens = (await log_in(client)).json()
    signer = await services.keys.signer()
    d = str(signer.key.as_dict(private=True)["d"])
    digest = repr(registered.secret_hash)

    shown = " ".join(
        repr(value)
        for value in (
            registered, signer, signer.key, services.settings, *(await services.keys.list()),
            *((await services.users.search())[0]), services.tokens, services.sessions,
        )
    )  # fmt: skip

    for hidden in (secret, digest, d, PASSWORD, tokens["refresh_token"], "a secret key for tests"):
        assert hidden not in shown
    assert "$argon2" not in shown
