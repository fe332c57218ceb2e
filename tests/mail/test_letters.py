"""Templates of mail."""

from __future__ import annotations

from pathlib import Path

import pytest

from vestibule.mail.letters import KINDS, Letters, WrongTemplate

VALUES = {
    "organization": "Acme {{ 7 * 7 }}\nBcc: eve@example.org",
    "role": "member",
    "until": "tomorrow",
    "link": "https://x.example/?token=t",
    "address": "bob@example.org",
}


def test_the_first_line_is_the_subject_and_values_stay_on_theirs() -> None:
    mail = Letters().write("invitation", to="bob@example.org", **VALUES)

    assert mail.subject == "Invitation to Acme {{ 7 * 7 }} Bcc: eve@example.org"
    assert mail.text.startswith("You are invited to Acme {{ 7 * 7 }} Bcc: eve@example.org as")
    assert VALUES["link"] in mail.text.splitlines()


@pytest.mark.parametrize("kind", KINDS)
def test_ours_are_good(kind: str) -> None:
    mail = Letters().write(kind, to="a@example.org", **dict.fromkeys(KINDS[kind], "x"))

    assert mail.subject
    assert mail.text.endswith("\n")


def test_an_operator_puts_another_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "invitation.txt").write_text("Subject: Hello\n\nCome: {{ link }}\n")

    mail = Letters(tmp_path).write("invitation", to="bob@example.org", **VALUES)

    assert (mail.subject, mail.text) == ("Hello", f"Come: {VALUES['link']}\n")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("Hello\n", "first line"),
        ("Subject: {{ password }}\n", "there is no password"),
        ("Subject: {{ link\n", "invitation.txt"),
    ],
)
def test_one_that_can_not_be_used_is_said_at_the_start(
    tmp_path: Path, source: str, why: str
) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "invitation.txt").write_text(source)

    with pytest.raises(WrongTemplate, match=why):
        Letters(tmp_path)


def test_one_gets_at_nothing_but_what_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    escape = "Subject: {{ link.__class__.__mro__ }}\n"
    (tmp_path / "en" / "invitation.txt").write_text(escape)

    with pytest.raises(Exception, match="unsafe"):
        Letters(tmp_path).write("invitation", to="bob@example.org", **VALUES)
