"""What the forms of the pages carry."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from vestibule.http.forms import MAX_SECRET


class PageForm(BaseModel):
    """Every form: what it is for, and the proof that it is ours."""

    model_config = ConfigDict(hide_input_in_errors=True)

    action: Literal["sign_in", "sign_out", "approve", "refuse", "choose"]
    form_token: str = Field(default="", max_length=64)
    org: str = Field(default="", max_length=63)
    """Key of the organization that was chosen."""
    from_now_on: Literal["", "yes"] = ""
    """Whether that organization is to be entered without asking."""


class SignInForm(PageForm):
    """The sign-in form."""

    username: str = Field(min_length=1, max_length=320)
    password: SecretStr = Field(default=SecretStr(""), max_length=MAX_SECRET)
    through: Literal["", "directory"] = ""
    """Where the person wants to sign in: here, or where their organization knows them."""
