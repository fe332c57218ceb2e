"""Built pages as a reader sees them: their text, their samples, their links."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path


@dataclass
class Page(HTMLParser):
    """One page, read from its HTML."""

    samples: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    _text: list[str] = field(default_factory=list)
    _inside: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    @property
    def text(self) -> str:
        """What stands in its main part, white space as one blank."""
        return " ".join("".join(self._text).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in ("main", "script", "style"):
            self._inside.append(tag)
        if "id" in values:
            self.anchors.add(values["id"])
        # What the button beside a sample copies; a line ends there with a character of its own.
        if "data-code" in values:
            self.samples.append(values["data-code"].replace("\x7f", "\n"))
        self.links += [values[name] for name in ("href", "src") if name in values]

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if self._inside == ["main"]:
            self._text.append(data)


def read(path: Path) -> Page:
    """The page in this file."""
    page = Page()
    page.feed(path.read_text())
    return page
