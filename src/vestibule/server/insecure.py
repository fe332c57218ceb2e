"""What the settings allow that they should not."""

from __future__ import annotations

from vestibule.settings import Settings


def insecurities(settings: Settings) -> list[str]:
    """A sentence each, said at every start and by the doctor."""
    found = []
    if settings.require_tls == "never":
        found.append("VESTIBULE_REQUIRE_TLS=never lets passwords travel in the clear")
    if not settings.failure_delays:
        found.append("VESTIBULE_FAILURE_DELAYS=false lets anybody guess without end")
    if settings.public_url.startswith("http://") and not _is_local(settings.public_url):
        found.append("VESTIBULE_ISSUER is not an https URL")
    smtp = settings.smtp_url
    if smtp is not None and smtp.get_secret_value().startswith("smtp+insecure:"):
        found.append("VESTIBULE_SMTP_URL lets mail with secrets travel in the clear")
    if settings.secret_key is None and settings.sqlalchemy_url.startswith("postgres"):
        found.append(
            "VESTIBULE_SECRET_KEY is not set: each instance would make its own, and could not read "
            "the signing keys of the others"
        )
    if settings.issuer is None and settings.redis_url is not None:
        found.append(
            "VESTIBULE_ISSUER is not set: each instance would name itself, and take no token of "
            "the others"
        )
    return found


def _is_local(url: str) -> bool:
    host = url.removeprefix("http://").partition("/")[0]
    return host.startswith(("127.", "localhost", "[::1]"))
