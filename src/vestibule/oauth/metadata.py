"""What there is and where: RFC 8414 and OpenID Connect Discovery 1.0, one document for both."""

from __future__ import annotations

from typing import Any

from vestibule.access.caller import API_READ, API_WRITE
from vestibule.clients.assertions import ALGORITHMS as ASSERTION_ALGORITHMS
from vestibule.clients.models import Grant
from vestibule.tokens.dpop import ALGORITHMS as DPOP_ALGORITHMS

CONFIDENTIAL = ["client_secret_basic", "client_secret_post", "private_key_jwt"]


def document(*, issuer: str, algorithms: list[str]) -> dict[str, Any]:
    """The metadata of this issuer, whose keys sign with these algorithms."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth2/authorize",
        "token_endpoint": f"{issuer}/oauth2/token",
        "device_authorization_endpoint": f"{issuer}/oauth2/device_authorization",
        "introspection_endpoint": f"{issuer}/oauth2/introspect",
        "revocation_endpoint": f"{issuer}/oauth2/revoke",
        "userinfo_endpoint": f"{issuer}/oauth2/userinfo",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "scopes_supported": [
            "openid", "profile", "email", "offline_access", API_READ, API_WRITE,
        ],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [grant.value for grant in Grant],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "introspection_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": [*CONFIDENTIAL, "none"],
        "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": CONFIDENTIAL,
        "introspection_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": [*CONFIDENTIAL, "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "dpop_signing_alg_values_supported": DPOP_ALGORITHMS,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "azp", "sid",
            "preferred_username", "name", "given_name", "family_name", "updated_at", "email",
            "email_verified",
        ],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }  # fmt: skip
