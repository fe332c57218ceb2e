"""Which web origins may call, through Starlette's middleware, its refusals in the envelope."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from vestibule.errors import InvalidRequest
from vestibule.http.envelope import error_response

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
REQUEST_HEADERS = ("Authorization", "DPoP", "X-API-Key", "X-Client-Version", "X-Request-ID")
RESPONSE_HEADERS = (
    "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-ID",
)  # fmt: skip


class CORSLayer(CORSMiddleware):
    """A refused preflight is answered as every other error is."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            # Fetch asks for an ok status only; an empty answer says the same.
            del response.headers["content-length"], response.headers["content-type"]
            return Response(status_code=204, headers=dict(response.headers))
        refusal = InvalidRequest(
            "This origin, method or header is not allowed",
            cause="cors",
            headers={"Vary": response.headers["vary"]},
        )
        return error_response(refusal)
