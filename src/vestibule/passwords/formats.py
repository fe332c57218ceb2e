"""Which formats of stored hashes are known: one table, and a loop over it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vestibule import logs
from vestibule.passwords.families import (
    Family,
    Match,
    Unverifiable,
    argon2_family,
    as_text,
    bcrypt_family,
    from_base64,
    pbkdf2_family,
    scrypt_family,
    sha256_hex,
)
from vestibule.passwords.firebase import PATTERN as FIREBASE, FirebaseProject, firebase_family


class UnknownHashFormat(ValueError):
    """Not a hash that can be verified; says why without the hash."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a hash."""

    name: str
    pattern: re.Pattern[str]
    family: Family


# Without a version it is of Argon2 1.0, which wrote none.
_PHC = (
    r"(?P<phc>\$argon2(?P<kind>id|i|d)(?:\$v=(?:16|19))?\$m=\d+,t=\d+,p=\d+"
    r"\$(?P<salt>[A-Za-z0-9+/]+)\$(?P<digest>[A-Za-z0-9+/]+))"
)
_BCRYPT = (
    r"(?P<bcrypt>\$2[aby]\$(?P<cost>0[4-9]|[1-9]\d)"
    r"\$(?P<salt>[./A-Za-z0-9]{22})(?P<digest>[./A-Za-z0-9]{31}))"
)
_NUMBER = r"[1-9]\d{0,9}"
_B64 = r"[A-Za-z0-9+/.]+={0,2}"
_HEX = r"(?:[0-9a-f]{2})+"
_ROUNDS = rf"(?P<rounds>{_NUMBER})"


class Formats:
    """All formats, Firebase's of one project included."""

    def __init__(self, *, firebase: FirebaseProject | None) -> None:
        encoded = {"salt": from_base64, "digest": from_base64}
        plain = {"salt": as_text, "digest": from_base64}
        hexed = {"salt": as_text, "digest": bytes.fromhex}
        table: list[tuple[str, str, Family]] = [
            ("argon2", _PHC, argon2_family()),
            ("bcrypt", _BCRYPT, bcrypt_family()),
            (
                "scrypt",
                rf"\$scrypt\$ln=(?P<ln>\d{{1,2}}),r=(?P<r>{_NUMBER}),p=(?P<p>{_NUMBER})"
                rf"\$(?P<salt>{_B64})\$(?P<digest>{_B64})",
                scrypt_family(**encoded),
            ),
            (
                "pbkdf2",
                rf"\$pbkdf2-(?P<hash>sha256|sha512)\$(?:i=)?{_ROUNDS}(?:,l=(?P<length>{_NUMBER}))?"
                rf"\$(?P<salt>{_B64})\$(?P<digest>{_B64})",
                pbkdf2_family(**encoded),
            ),
            ("django-argon2", rf"argon2{_PHC}", argon2_family()),
            ("django-bcrypt", rf"bcrypt\${_BCRYPT}", bcrypt_family()),
            ("django-bcrypt-sha256", rf"bcrypt_sha256\${_BCRYPT}", bcrypt_family(sha256_hex)),
            (
                "django-pbkdf2",
                rf"pbkdf2_(?P<hash>sha256|sha1)\${_ROUNDS}"
                rf"\$(?P<salt>[^$]+)\$(?P<digest>{_B64})",
                pbkdf2_family(**plain),
            ),
            (
                "django-scrypt",
                rf"scrypt\$(?P<n>{_NUMBER})\$(?P<salt>[^$]+)\$(?P<r>{_NUMBER})"
                rf"\$(?P<p>{_NUMBER})\$(?P<digest>{_B64})",
                scrypt_family(**plain),
            ),
            (
                "werkzeug-pbkdf2",
                rf"pbkdf2:(?P<hash>sha256|sha512):{_ROUNDS}"
                rf"\$(?P<salt>[^$]+)\$(?P<digest>{_HEX})",
                pbkdf2_family(**hexed),
            ),
            (
                "werkzeug-scrypt",
                rf"scrypt:(?P<n>{_NUMBER}):(?P<r>{_NUMBER}):(?P<p>{_NUMBER})"
                rf"\$(?P<salt>[^$]+)\$(?P<digest>{_HEX})",
                scrypt_family(**hexed),
            ),
            ("firebase-scrypt", FIREBASE, firebase_family(firebase)),
        ]
        self._formats = [
            Format(name, re.compile(pattern, re.ASCII), family) for name, pattern, family in table
        ]

    def recognise(self, encoded: str) -> str:
        """The name of the hash's format. Raises `UnknownHashFormat`."""
        found, match = self._find(encoded)
        try:
            found.family.check(match)
        except Unverifiable as error:
            raise UnknownHashFormat(f"{error} {found.name} hash") from None
        except ValueError:
            raise UnknownHashFormat(f"malformed {found.name} hash") from None
        return found.name

    def verify(self, encoded: str, password: bytes) -> bool:
        """Whether the hash is of these bytes; False, and a line in the log, where none can tell."""
        try:
            found, match = self._find(encoded)
            found.family.check(match)
            matches = found.family.verify(match, password)
        except (Unverifiable, ValueError, MemoryError) as error:
            # Said to the operator alone: another answer than that to a name that nobody has would
            # tell that somebody has this one.
            logs.get("passwords").error("hash not verified", reason=str(error) or "no memory")
            return False
        # HMAC pads short keys with zeros and C strings end at one: for most formats the right
        # password with a zero behind it would be right as well. Refused only now, because an
        # answer without the work would tell whose hash is of a former format.
        return matches and b"\x00" not in password

    def _find(self, encoded: str) -> tuple[Format, Match]:
        for candidate in self._formats:
            match = candidate.pattern.fullmatch(encoded)
            if match:
                return candidate, match
        raise UnknownHashFormat("not a known hash format")
