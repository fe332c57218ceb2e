"""Somebody who sits in front of the samples: types what is asked, and says yes in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pexpect

from tests.oauth.flows import hidden

USERNAME, PASSWORDS = "Username: ", r"(?:Password|Repeat for confirmation): "
CODE = r"enter (?:the code )?([A-Z0-9]{4}-[A-Z0-9]{4})"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Person:
    """Of the service at this address."""

    url: str
    username: str
    password: str

    def run(self, script: Path, environment: dict[str, str], *, patience: int) -> tuple[int, str]:
        """The script's exit code and all that its terminal showed."""
        return self.attend(
            ["bash", str(script)], environment, folder=script.parent, patience=patience
        )

    def attend(
        self, command: list[str], environment: dict[str, str], *, folder: Path, patience: int
    ) -> tuple[int, str]:
        """The same of a command in that folder; `patience` in seconds between two prompts."""
        terminal = pexpect.spawn(
            command[0], command[1:], cwd=str(folder), encoding="utf-8", timeout=patience,
            env={**environment, "TERM": "dumb"}, dimensions=(50, 200),
        )  # fmt: skip
        with closing(terminal):
            shown = "".join(self._attended(terminal))
        assert terminal.exitstatus is not None, shown
        return terminal.exitstatus, COLOURS.sub("", shown).replace("\r\n", "\n")

    def _attended(self, terminal: pexpect.spawn[str]) -> Iterator[str]:
        """What it shows, piece by piece, until its program has ended."""
        while True:
            asked = terminal.expect([USERNAME, PASSWORDS, CODE, pexpect.EOF])
            yield str(terminal.before)
            if asked == 0:
                terminal.sendline(self.username)
            elif asked == 1:
                terminal.sendline(self.password)
            elif asked == 2:
                assert isinstance(terminal.match, re.Match)
                self.approve(terminal.match[1])
            else:
                terminal.wait()
                return

    def approve(self, code: str) -> None:
        """Open the page for the code that a device shows, sign in there, and say yes."""
        page = f"/login/device?code={code}"
        with httpx.Client(base_url=self.url, follow_redirects=True) as browser:
            for action in ("sign_in", "approve"):
                shown = browser.get(page).text
                form = {
                    "action": action,
                    "form_token": hidden(shown[shown.index("<main") :], "form_token"),
                    "username": self.username,
                    "password": self.password,
                    "org": "acme",
                }
                browser.post(page, data=form).raise_for_status()
