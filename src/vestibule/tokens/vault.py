"""Secrets at rest: encrypted under the secret key from the settings."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

SECRET_FILE = "secret.key"  # noqa: S105  (a file's name)


class WrongSecretKey(Exception):
    """What is stored was encrypted under another secret key."""


class Vault:
    """Encrypts with the first secret key, decrypts with any."""

    def __init__(
        self, secret_keys: Sequence[SecretStr], *, purpose: str = "signing keys at rest"
    ) -> None:
        """What one purpose has sealed, no other one opens."""
        each = [
            Fernet(base64.urlsafe_b64encode(derive(key, purpose=purpose))) for key in secret_keys
        ]
        self._first, self._fernet = each[0], MultiFernet(each)
        self._purpose = purpose

    def seal(self, plain: bytes) -> str:
        """Encrypt and authenticate."""
        return self._fernet.encrypt(plain).decode()

    def renewed(self, sealed: str) -> str | None:
        """The same sealed with the first secret key; None where it is. Raises `WrongSecretKey`."""
        try:
            self._first.decrypt(sealed)
        except InvalidToken:
            return self.seal(self.open(sealed))
        return None

    def open(self, sealed: str) -> bytes:
        """Decrypt. Raises `WrongSecretKey`."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise WrongSecretKey(
                f"the {self._purpose.removesuffix(' at rest')} in the database were encrypted"
                " under another secret key"
            ) from None


def derive(secret: SecretStr, *, purpose: str) -> bytes:
    """32 bytes for one purpose from the secret key, by HKDF-SHA256 (RFC 5869)."""
    hkdf = HKDF(
        algorithm=hashes.SHA256(), length=32, salt=None, info=f"vestibule {purpose}".encode()
    )
    return hkdf.derive(secret.get_secret_value().encode())


def read_or_create_secret(data_dir: Path) -> SecretStr:
    """The secret key in the data folder, made at the first start, readable by its owner alone.

    Two starts at the same instant end with the same secret: the file is linked into place
    whole, and the first one wins.
    """
    path = data_dir / SECRET_FILE
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = data_dir / f".{SECRET_FILE}.{secrets.token_hex(8)}"
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    found = read_secret(data_dir)
    assert found is not None
    return found


def read_secret(data_dir: Path) -> SecretStr | None:
    """The secret key in the data folder; None where there is none."""
    path = data_dir / SECRET_FILE
    return SecretStr(path.read_text().strip()) if path.exists() else None
