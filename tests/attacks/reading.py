"""Reads a page as a browser does: what is shown, and what no page of ours would hold."""

from __future__ import annotations

from html.parser import HTMLParser

OURS = ("/", "#")
"""How addresses on a page begin that lead to ourselves, or nowhere."""
ADDRESSES = {"href", "src", "action", "formaction", "hx-get", "hx-post", "data", "poster"}
SCRIPTS = {"/static/htmx.min.js", "/static/vestibule.js"}
NEVER = {
    "base", "embed", "frame", "iframe", "math", "object", "style", "template",
}  # fmt: skip


class Reading(HTMLParser):
    """The texts and attributes of a page, with character references resolved."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.attributes: list[str] = []
        self.foreign: list[str] = []
        """What somebody else must have put there."""
        self.password_fields = 0
        self.scripts = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.attributes += given.values()
        self.password_fields += tag == "input" and given.get("type", "").lower() == "password"
        self.scripts += tag == "script"
        strange = [name for name in given if name.startswith("on") or name in ("style", "srcdoc")]
        strange += [
            f"{name}={value}"
            for name, value in given.items()
            if name in ADDRESSES and not value.startswith(OURS)
        ]
        if tag == "script" and given.get("src") not in SCRIPTS:
            strange.append("src")
        if tag == "svg" and given.get("class") != "chart":
            strange.append("class")
        if tag in NEVER or strange:
            self.foreign.append(f"<{tag} {strange}>")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def where(self, text: str) -> set[str]:
        """Whether this stands in a text, in an attribute, or in both."""
        places = {"text": self.texts, "attribute": self.attributes}
        return {place for place, found in places.items() if any(text in item for item in found)}
