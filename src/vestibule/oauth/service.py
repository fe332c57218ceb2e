"""The token endpoint (RFC 6749 §3.2): who is asking, with which grant."""

from __future__ import annotations

from collections.abc import Mapping

from vestibule.audit.service import Attempt
from vestibule.clients.models import Client, Grant
from vestibule.clients.service import require_grant, require_proof
from vestibule.errors import InvalidDpopProof, UnsupportedGrantType
from vestibule.http.visit import Visit
from vestibule.issuing.admission import Admission
from vestibule.issuing.service import Issued
from vestibule.metrics.service import Metrics
from vestibule.oauth.grants import GrantHandler, TokenRequest
from vestibule.oauth.schemas import TokenForm
from vestibule.tokens.dpop import Dpop

PATH = "/oauth2/token"


class TokenEndpoint:
    """Hands a request to the grant that it names."""

    def __init__(
        self,
        *,
        admission: Admission,
        dpop: Dpop,
        grants: Mapping[Grant, GrantHandler],
        metrics: Metrics,
    ) -> None:
        self._metrics = metrics
        self._admission = admission
        self._dpop = dpop
        self._grants = grants

    async def answer(
        self,
        form: TokenForm,
        *,
        client: Client,
        proofs: list[str],
        visit: Visit,
        attempt: Attempt,
    ) -> Issued:
        """The tokens. `proofs` are the request's `DPoP` fields.

        Raises the errors of RFC 6749 §5.2 and of the extensions.
        """
        try:
            grant = Grant(form.grant_type)
        except ValueError:
            raise UnsupportedGrantType(
                "This grant_type is not supported", cause="grant_type"
            ) from None
        require_grant(client, grant)
        async with self._admission.counting_guesses(client, visit):
            jkt = await self._thumbprint(proofs)
            require_proof(client, jkt)
            issued = await self._grants[grant](
                TokenRequest(client=client, form=form, visit=visit, attempt=attempt, jkt=jkt)
            )
        self._metrics.issued(grant.name.lower())
        return issued

    async def _thumbprint(self, proofs: list[str]) -> str | None:
        if not proofs:
            return None
        if len(proofs) > 1:
            # RFC 9449 §4.3 no. 1.
            raise InvalidDpopProof("More than one DPoP proof was sent", cause="dpop_twice")
        return await self._dpop.thumbprint(proofs[0], method="POST", path=PATH)
