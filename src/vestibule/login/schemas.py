"""What travels at login: names, order and descriptions are the contract's."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from vestibule.http.forms import MAX_SECRET

# A form has no null, but JavaScript's URLSearchParams writes one so.
OrNull = BeforeValidator(lambda value: None if value == "null" else value)


class LoginForm(BaseModel):
    """The form of `POST /api/v1/auth/login`, its fields in alphabetical order."""

    model_config = ConfigDict(hide_input_in_errors=True)

    client_id: Annotated[str | None, OrNull] = Field(default=None, max_length=100)
    client_secret: Annotated[SecretStr | None, OrNull] = Field(default=None, max_length=MAX_SECRET)
    grant_type: Annotated[str | None, OrNull] = Field(default=None, pattern="^password$")
    password: SecretStr = Field(
        min_length=1, max_length=MAX_SECRET, json_schema_extra={"format": "password"}
    )
    scope: str = Field(default="", max_length=1000)
    username: str = Field(min_length=1, max_length=320)
