"""The mail that invites somebody."""

from __future__ import annotations

from pydantic import SecretStr

from vestibule.mail.mailer import Mail
from vestibule.members.models import Invitation
from vestibule.orgs.models import Organization

SUBJECT = "Invitation to {name}"

TEXT = """\
You are invited to {name} as {role}.

To accept, open this link before {until}:

{url}?token={token}

It works once, and only for the account of {address}.
If you do not know what this is about, do nothing.
"""


def invitation_mail(
    *, organization: Organization, invitation: Invitation, token: SecretStr, url: str
) -> Mail:
    """The letter. Its link is no log's to keep: whoever has it needs the account as well."""
    return Mail(
        to=invitation.email_address,
        subject=SUBJECT.format(name=organization.name),
        text=TEXT.format(
            name=organization.name,
            role=invitation.role.value,
            until=f"{invitation.expires_at:%Y-%m-%d %H:%M} UTC",
            url=url,
            token=token.get_secret_value(),
            address=invitation.email_address,
        ),
        kind="invitation",
    )
