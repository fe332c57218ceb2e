"""Organizations, and the mail that is sent for them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from vestibule.settings.group import Group


class OrganizationsAndMail(Group):
    """Organizations, invitations and mail."""

    # Organizations
    org_creation: Literal["admins", "anyone"] = Field(
        default="admins",
        description="Who may create organizations: administrators of the service, or anyone.",
    )
    invitation_lifetime: int = Field(
        default=7 * 86400, ge=60, le=366 * 86400, description="Seconds until an invitation ends."
    )
    invitation_url: str | None = Field(
        default=None,
        description="Page that invitations link to, with `?token=`; by default our own.",
    )
    invitations_per_hour: int = Field(
        default=100, ge=1, description="Invitations that one organization may send in an hour."
    )

    # Mail
    smtp_url: SecretStr | None = Field(
        default=None,
        description="Server that takes our mail, `smtp://USER:PASSWORD@HOST:587` (STARTTLS is "
        "demanded of all but this machine), `smtps://` for TLS from the start, or "
        "`smtp+insecure://` for none; unset, mail is written to the console, links included.",
    )
    mail_from: str | None = Field(
        default=None,
        validate_default=True,
        description="Sender of our mail, `Vestibule <noreply@example.org>`.",
    )
    reset_lifetime: int = Field(
        default=3600,
        ge=60,
        le=7 * 86400,
        description="Seconds until a link for a new password ends.",
    )
    verification_lifetime: int = Field(
        default=86400,
        ge=60,
        le=30 * 86400,
        description="Seconds until a link that proves an address ends.",
    )
    reset_url: str | None = Field(
        default=None,
        description="Page that links for a new password lead to, with `?token=`; by default our "
        "own.",
    )
    verification_url: str | None = Field(
        default=None,
        description="Page that links for the proof of an address lead to, with `?token=`; by "
        "default our own.",
    )
    mail_templates: Path | None = Field(
        default=None,
        description="Folder with templates of mail in the place of ours, `en/invitation.txt`; see "
        "the guide to mail.",
    )
    mail_timeout: float = Field(
        default=30, gt=0, le=300, description="Seconds that sending one message may take."
    )

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            schemes = ("smtp://", "smtps://", "smtp+insecure://")
            if not value.get_secret_value().startswith(schemes):
                raise ValueError("must be of the form smtp://user:password@host:587")
        return value

    @field_validator("mail_from")
    @classmethod
    def _has_sender(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("smtp_url") is not None and "@" not in (value or ""):
            raise ValueError("must be an e-mail address where there is an SMTP server")
        return value
