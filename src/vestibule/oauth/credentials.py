"""Which client a request says it is of (RFC 6749 §2.3, RFC 7523 §2.2)."""

from __future__ import annotations

from starlette.requests import Request

from vestibule.clients.assertions import ASSERTION_TYPE
from vestibule.clients.authentication import basic_credentials
from vestibule.errors import AuthenticationFailed, InvalidRequest
from vestibule.issuing.admission import ClientCredentials
from vestibule.oauth.schemas import ClientForm


def client_credentials_of(request: Request, form: ClientForm) -> ClientCredentials:
    """The credentials, by exactly one method.

    Raises `InvalidRequest` for two, and `AuthenticationFailed` for an unknown kind of assertion
    and where no client is named: these endpoints have no client that stands for none.
    """
    basic = basic_credentials(request.headers.get("authorization"))
    if basic is not None:
        if form.client_secret or form.client_assertion or form.client_id not in (None, basic[0]):
            raise InvalidRequest("Client credentials were sent in two ways", cause="client_twice")
        return ClientCredentials(client_id=basic[0], client_secret=basic[1], basic=True)
    if form.client_assertion is not None and form.client_assertion_type != ASSERTION_TYPE:
        raise AuthenticationFailed(cause="client_assertion")
    if form.client_id is None and form.client_assertion is None:
        raise AuthenticationFailed(cause="client_unnamed", challenge='Basic realm="vestibule"')
    return ClientCredentials(
        client_id=form.client_id,
        client_secret=form.client_secret,
        assertion=form.client_assertion,
    )
