"""A brand that nobody can read is refused at start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from vestibule.pages.branding import Brand
from vestibule.settings import Settings
from vestibule.settings.branding import LARGEST_LOGO, contrast, on


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    # The first and the last are bounds of WCAG; the others are of its own examples of failures.
    [("#ffffff", "#000000", 21), ("#777777", "#ffffff", 4.48), ("#abcdef", "#abcdef", 1)],
)
def test_contrast_is_the_one_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)
    assert contrast(other, one) == contrast(one, other)


@pytest.mark.parametrize("color", ["#ffff00", "#000000", "#767676", "#1f5f8b", "#ffffff"])
def test_what_stands_on_a_colour_can_be_read(color: str) -> None:
    assert contrast(color, on(color)) >= 4.5


@pytest.mark.parametrize(
    "options",
    [
        {"brand_color": "#ffee00"},
        {"brand_color_dark": "#101010"},
        {"brand_color": "red"},
        {"brand_color": "#fff} body{display:none}"},
        {"brand_name": ""},
        {"brand_name": "x" * 61},
        {"brand_logo": Path("/nowhere/logo.svg")},
    ],
)
def test_what_can_not_be_shown_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**options)


@pytest.mark.parametrize(
    ("name", "size"), [("logo.exe", 10), ("logo", 10), ("logo.svg", LARGEST_LOGO + 1)]
)
def test_a_logo_is_a_small_picture(tmp_path: Path, name: str, size: int) -> None:
    file = tmp_path / name
    file.write_bytes(b"x" * size)

    with pytest.raises(ValidationError):
        Settings(brand_logo=file)


def test_a_brand_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "Logo.SVG"
    file.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")

    brand = Brand.of(
        Settings(
            brand_name="Acme", brand_logo=file, brand_color="#8b1f5f", brand_color_dark="#ffd0ee"
        )
    )

    assert (brand.name, brand.logo_type) == ("Acme", "image/svg+xml")
    assert brand.logo == file.read_bytes()
    assert b"--accent: #8b1f5f; --on-accent: #ffffff;" in brand.style
    assert b"--accent: #ffd0ee; --on-accent: #000000;" in brand.style
