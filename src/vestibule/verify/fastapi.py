"""FastAPI: a token as a dependency.

protect = Protect(Verifier(issuer="https://auth.example.org"))

@app.get("/projects")
async def projects(token: Annotated[AccessToken, Depends(protect)]) -> list[Project]: ...
"""

from __future__ import annotations

from fastapi import HTTPException, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.responses import Response

from vestibule.verify.errors import VerifyError
from vestibule.verify.request import Asked, aauthenticate, from_outside, refusal
from vestibule.verify.token import AccessToken, check_scopes
from vestibule.verify.verifier import Verifier

__all__ = ["AccessToken", "Protect", "Verifier"]
"""All that protecting a route needs, from one place."""

_TOKEN = "vestibule.token"  # noqa: S105  (where it stands in the scope)
_VERIFIER = "vestibule.verifier"


class Protect(SecurityBase):
    """The dependency: gives the verified token, or answers 401 or 403 in the envelope."""

    def __init__(
        self, verifier: Verifier, *, scopes: tuple[str, ...] = (), base_url: str | None = None
    ) -> None:
        """`base_url` is what clients call, where a proxy stands before us: DPoP proofs name it."""
        self.verifier = verifier
        self._scopes = check_scopes(scopes)
        self._base_url = base_url
        self.model = HTTPBearer(bearerFormat="JWT", description="An access token of Vestibule")
        self.scheme_name = "vestibule"

    def scopes(self, *needed: str) -> Protect:
        """The same, for tokens that are good for all of these scopes too."""
        return Protect(self.verifier, scopes=(*self._scopes, *needed), base_url=self._base_url)

    async def __call__(self, request: Request) -> AccessToken:
        """The token of the request. Raises `VerifyError`, which is answered as it asks."""
        answered = _install(request)
        try:
            return await self._token(request)
        except VerifyError as error:
            if answered:
                raise
            headers = error.headers(scheme=_asked(request, self._base_url).scheme)
            raise HTTPException(error.status, error.detail, headers) from error

    async def _token(self, request: Request) -> AccessToken:
        scope = request.scope
        # Verified in this request already: a second look would find the DPoP proof used.
        if scope.get(_VERIFIER) is self.verifier:
            token: AccessToken = scope[_TOKEN]
            token.require_scopes(*self._scopes)
            return token
        asked = _asked(request, self._base_url)
        token = await aauthenticate(self.verifier, asked)
        scope[_TOKEN], scope[_VERIFIER] = token, self.verifier
        token.require_scopes(*self._scopes)
        return token


def _install(request: Request) -> bool:
    """See to it that our errors are answered in the envelope, unless the application does.

    The framework keeps its handlers in the scope of each request, for the layers below the
    application's own; so a dependency needs no line in the application.
    """
    handlers = request.scope.get("starlette.exception_handlers")
    if not handlers:
        return False
    handlers[0].setdefault(VerifyError, _respond)
    return True


async def _respond(request: Request, error: Exception) -> Response:
    assert isinstance(error, VerifyError)
    status, fields, body = refusal(error, scheme=_asked(request, None).scheme)
    return Response(body, status, fields)


def _asked(request: Request, base_url: str | None) -> Asked:
    return Asked(
        method=request.method,
        url=from_outside(str(request.url), base_url=base_url),
        authorization=request.headers.getlist("authorization"),
        dpop=request.headers.getlist("dpop"),
        api_key=request.headers.getlist("x-api-key"),
    )
