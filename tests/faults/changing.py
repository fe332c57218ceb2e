"""Somebody who has a new password again and again, and which of them may be the present one."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from tests.e2e.server import Server
from tests.faults.asking import AFTER, LOGIN, WRONG, Asking
from tests.faults.ledger import Line

NAME = "robin"
PASSWORD = "/api/v1/user/password"


class Changer:
    """Registered with a service, and with every other on its database."""

    def __init__(self, server: Server) -> None:
        self.possible = [uuid4().hex]
        """What was acknowledged last, and then whatever never was and may be so all the same."""
        self.former: list[str] = []
        """Those that are the password no more, or never were."""
        self._lines: list[Line] = []
        server.cli("user", "create", NAME, stdin=self.possible[0])

    def form(self, password: str) -> dict[str, str]:
        """How they sign in."""
        return {"username": NAME, "password": password}

    async def change(self, asking: Asking) -> None:
        """Sign in, take a new password, and try the former one."""
        signed_in = await self._sign_in(asking)
        if signed_in is None:
            await asyncio.sleep(AFTER)
            return
        present, access_token = signed_in
        new = uuid4().hex
        answer = await asking.post(
            PASSWORD,
            json={"current_password": present, "new_password": new},
            headers={"Authorization": f"Bearer {access_token}"},
        )
        if answer is not None and answer.status_code == 204:
            asking.ledger.note(answer, "password_change")
            self._is(new)
            self._others_have_ended()
            await self._try_former(asking)
            return
        # One of before, whose answer was lost, may have been committed only now.
        overtaken = len(self.possible) > 1
        if answer is None or answer.status_code >= 500:
            self.possible.append(new)
            for line in self._lines[:-1]:
                line.unknown = "logout"
        if answer is not None and not (overtaken and answer.status_code in (401, 403)):
            asking.ledger.refused("password", answer)

    async def _sign_in(self, asking: Asking) -> tuple[str, str] | None:
        """The password that was right, and an access token."""
        # The oldest first: once a later one has taken its place it never comes back.
        for password in tuple(self.possible):
            answer = await asking.post(LOGIN, data=self.form(password))
            if answer is None:
                return None
            if answer.status_code == 200:
                if password != self.possible[0]:
                    self._is(password)
                line, access_token = asking.signed_in(answer)
                self._lines.append(line)
                return password, access_token
            if answer.status_code != WRONG:
                asking.ledger.refused("login", answer)
                return None
        asking.ledger.wrong.append(f"none of {len(self.possible)} passwords is right")
        return None

    async def _try_former(self, asking: Asking) -> None:
        answer = await asking.post(LOGIN, data=self.form(self.former[-1]))
        if answer is not None and answer.status_code == 200:
            asking.ledger.wrong.append("a former password is right")
        elif answer is not None and answer.status_code != WRONG:
            asking.ledger.refused("login", answer)

    def _is(self, password: str) -> None:
        """It is the present one: of what was possible before nothing can come any more."""
        self.former += (other for other in self.possible if other != password)
        self.possible = [password]

    def _others_have_ended(self) -> None:
        *others, own = self._lines
        for line in others:
            line.ended, line.unknown = True, ""
        self._lines = [own]
