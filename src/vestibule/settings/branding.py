"""Whose sign-in the pages say that it is."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator

from vestibule.settings.group import Group

LOGO_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp"}
"""Media types of logos, by how the name of the file ends."""
LARGEST_LOGO = 50_000
"""Bytes: a page stays under 100 kB in all."""
LIGHT, DARK = "#ffffff", "#1a212a"
"""What stands behind the text of pages, by day and by night."""
LEAST_CONTRAST = 4.5
"""WCAG 2.2, 1.4.3, level AA."""
COLOR = r"^#[0-9a-fA-F]{6}$"


class Branding(Group):
    """The look of the pages."""

    # Branding
    brand_name: str = Field(
        default="Vestibule", min_length=1, max_length=60, description="Name that pages show."
    )
    brand_logo: Path | None = Field(
        default=None,
        description="File of the logo that pages show, SVG, PNG or WebP, of at most 50 kB.",
    )
    brand_color: str | None = Field(
        default=None,
        pattern=COLOR,
        description="Colour of buttons and links, `#rrggbb`; dark enough to be read on white.",
    )
    brand_color_dark: str | None = Field(
        default=None,
        pattern=COLOR,
        description="The same where the person has chosen dark pages; light enough to be read "
        f"on `{DARK}`.",
    )

    @field_validator("brand_logo")
    @classmethod
    def _check_logo(cls, path: Path | None) -> Path | None:
        if path is None:
            return None
        if path.suffix.lower() not in LOGO_TYPES:
            raise ValueError("must be a file .svg, .png or .webp")
        if not path.is_file():
            raise ValueError("there is no such file")
        if path.stat().st_size > LARGEST_LOGO:
            raise ValueError(f"is larger than {LARGEST_LOGO} bytes")
        return path

    @field_validator("brand_color", "brand_color_dark")
    @classmethod
    def _check_color(cls, color: str | None, info: ValidationInfo) -> str | None:
        behind = LIGHT if info.field_name == "brand_color" else DARK
        if color is not None and contrast(color, behind) < LEAST_CONTRAST:
            raise ValueError(
                f"can't be read on {behind}: the contrast is {contrast(color, behind):.1f}, and "
                f"must be {LEAST_CONTRAST} at least"
            )
        return color


def on(color: str) -> str:
    """Black or white, whichever is read better on this colour (`#rrggbb`)."""
    return "#ffffff" if contrast(color, "#ffffff") >= contrast(color, "#000000") else "#000000"


def contrast(one: str, other: str) -> float:
    """The ratio that WCAG 2.2 (1.4.3) asks about, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    """The relative luminance of WCAG 2.2."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
