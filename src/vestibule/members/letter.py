"""The mail that invites somebody."""

from __future__ import annotations

from pydantic import SecretStr

from vestibule.mail.letters import Letters
from vestibule.mail.mailer import Mail
from vestibule.members.models import Invitation
from vestibule.orgs.models import Organization


def invitation_mail(
    letters: Letters,
    *,
    organization: Organization,
    invitation: Invitation,
    link: SecretStr,
) -> Mail:
    """The letter. Its link is no log's to keep: whoever has it needs the account as well."""
    return letters.write(
        "invitation",
        to=invitation.email_address,
        organization=organization.name,
        role=invitation.role.value,
        until=f"{invitation.expires_at:%Y-%m-%d %H:%M} UTC",
        link=link.get_secret_value(),
        address=invitation.email_address,
    )
