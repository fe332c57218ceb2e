"""Whose sign-in this is: a name, a logo and a colour, by settings."""

from __future__ import annotations

from dataclasses import dataclass

from vestibule.settings import Settings
from vestibule.settings.branding import LOGO_TYPES, on

ROOT = ":root:not([data-theme])"
"""As our own style sheet calls it: a weaker selector would not win."""


@dataclass(frozen=True, slots=True)
class Brand:
    """What the pages show of the platform that they stand before."""

    name: str
    logo: bytes | None = None
    logo_type: str = ""
    """Media type of the logo."""
    color: str | None = None
    color_dark: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Brand:
        """The brand that the settings describe; they were checked when they were read."""
        path = settings.brand_logo
        return cls(
            name=settings.brand_name,
            logo=path.read_bytes() if path else None,
            logo_type=LOGO_TYPES[path.suffix.lower()] if path else "",
            color=settings.brand_color,
            color_dark=settings.brand_color_dark,
        )

    @property
    def style(self) -> bytes:
        """A style sheet that sets the colours; empty where ours stay."""
        rules = []
        if self.color:
            rules.append(f"{ROOT} {{ {_accent(self.color)} }}")
        if self.color_dark:
            dark = f"{ROOT} {{ {_accent(self.color_dark)} }}"
            rules.append(f"@media (prefers-color-scheme: dark) {{ {dark} }}")
        return "\n".join(rules).encode()


def _accent(color: str) -> str:
    return f"--accent: {color}; --on-accent: {on(color)};"
