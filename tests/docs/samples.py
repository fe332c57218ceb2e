"""The samples of a page, as one script that does what a reader would do, from top to bottom.

What stands behind the language in a fence says what becomes of the block:

- `title="FILE"`: it is the file of this name, which a later block uses.
- `continues`: it goes on where the Python blocks before it have ended.
- `tested="FILE"`: that test runs it.
- `untested="REASON"`: it is not run, for one of `REASONS`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = {"sh": "sh", "bash": "sh", "python": "py", "js": "mjs", "go": "go", "sql": "sql"}
DATA = {"", "text", "json", "yaml"}
REASONS = {
    "needs containers": "tests/deploy runs what would be in them",
    "needs the other system": "what it gives is written by tests/docs/exports.py",
    "takes minutes": "tests/bench reads its commands, and runs most of what they run, briefly",
}
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
EXTRA = re.compile(r"vestibule\[(\w+)\]")
OURS = re.compile(r"https?://(?:127\.0\.0\.1:8000|(?:auth|api|sign-in)\.example\.org)(?![\w.])")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    marks: dict[str, str]
    text: str
    line: int

    @property
    def runs(self) -> bool:
        """With the others of its page."""
        return self.language in PROGRAMS and not {"tested", "untested"} & set(self.marks)


def blocks(page: Path) -> list[Block]:
    """All of a page, in their order."""
    content = page.read_text()
    return [
        Block(
            language=found[1],
            marks=dict(re.findall(r'(\w+)(?:="([^"]*)")?', found[2])),
            text=found[3],
            line=content[: found.start()].count("\n") + 1,
        )
        for found in FENCE.finditer(content)
    ]


@dataclass
class Script:
    """What is run of a page, in a folder of its own."""

    folder: Path
    service: str
    password: str
    """What the first start printed."""
    lines: list[str] = field(default_factory=list)
    _python: str = ""

    def add(self, block: Block) -> None:
        """Write what the block needs, and remember how it is run."""
        text = OURS.sub(self.service, block.text).replace("THE-PASSWORD-IT-PRINTED", self.password)
        text = text.replace(".venv/bin/vestibule", "vestibule")
        self.lines.append(f"line={block.line}")
        if "title" in block.marks:
            (self.folder / block.marks["title"]).write_text(text)
        elif PROGRAMS[block.language] == "sh":
            self.lines.append(text)
            for extra in EXTRA.findall(text):
                self.lines.append(f"installed/bin/python -c 'import vestibule.{extra}'")
        else:
            if block.language == "python":
                text = self._python + text if "continues" in block.marks else text
                self._python = text
            file = f"line{block.line}.{PROGRAMS[block.language]}"
            (self.folder / file).write_text(text)
            run = {"python": "python -W error", "js": "node", "go": "go run"}[block.language]
            self.lines.append(f"{run} {file}")

    def write(self) -> Path:
        """The script, which ends at the first command that fails and says where it stands."""
        file = self.folder / "samples"
        failed = "trap 'echo \"the block in line $line has failed\" >&2' ERR"
        file.write_text("\n".join(["set -eEuo pipefail", failed, *self.lines, ""]))
        return file
