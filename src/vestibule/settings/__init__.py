"""Every option of Vestibule: `VESTIBULE_` and its name, in capitals, in the environment."""

from __future__ import annotations

from vestibule.settings.branding import Branding
from vestibule.settings.directories import Directories
from vestibule.settings.lifetimes import Lifetimes
from vestibule.settings.listening import Listening
from vestibule.settings.observability import Observability
from vestibule.settings.operations import Operations
from vestibule.settings.organizations import OrganizationsAndMail
from vestibule.settings.places import Places
from vestibule.settings.sign_in import SignIn


class Settings(
    Branding,
    Observability,
    Operations,
    OrganizationsAndMail,
    Directories,
    Lifetimes,
    SignIn,
    Listening,
    Places,
):
    """The options, read once at start. The groups stand from the last to the first."""

    @property
    def sqlalchemy_url(self) -> str:
        """The database that is meant: the one set, or the embedded one."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.absolute() / 'vestibule.db'}"

    @property
    def public_url(self) -> str:
        """The issuer: set, or made of where the service listens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.issuer or f"http://{host}:{self.port}"

    @property
    def token_audience(self) -> str:
        """The audience: set, or the issuer."""
        return self.audience or self.public_url
