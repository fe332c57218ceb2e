"""Limits, logs and the trail."""

from __future__ import annotations

from typing import Literal

from limits import parse
from pydantic import Field, field_validator

from vestibule.settings.group import Group


class Operations(Group):
    """Limits, logs and the trail."""

    # Limits
    limit_address: str = Field(
        default="120/minute", description="Logins from one address (IPv6: one /64)."
    )
    limit_account: str = Field(default="30/minute", description="Logins to one account.")
    limit_client: str = Field(
        default="60000/minute",
        description="Logins through one client; those that name none are one. Above what the "
        "machine can hash, or strangers could use it up for everybody.",
    )
    limit_failures: str = Field(
        default="120/minute",
        description="Wrong client secrets, codes and refresh tokens from one address; past it, "
        "clients without a secret are held up there.",
    )
    limit_devices: str = Field(
        default="30/minute", description="Device logins started from one address."
    )
    limit_user_codes: str = Field(
        default="20/hour", description="User codes that one person or one address may try."
    )
    limit_mails: str = Field(
        default="10/hour",
        description="Links that one address may ask to have mailed, and that one account may get.",
    )
    failure_delays: bool = Field(
        default=True,
        description="Growing delays after failed logins. Without them (insecure) only the limits "
        "stand between a stranger and an account.",
    )

    # Logs
    log_format: Literal["json", "console"] = Field(default="json", description="Form of log lines.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )
    audit_retention: int = Field(default=400, ge=0, le=36500, description="Days; 0 for ever.")

    @field_validator(
        "limit_address", "limit_account", "limit_client", "limit_failures", "limit_devices",
        "limit_user_codes", "limit_mails",
    )  # fmt: skip
    @classmethod
    def _is_rate(cls, value: str) -> str:
        try:
            parse(value)
        except ValueError:
            raise ValueError("must be of the form 120/minute") from None
        return value
