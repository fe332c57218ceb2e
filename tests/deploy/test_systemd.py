"""The systemd unit: what systemd itself says of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.server import COMMAND
from vestibule.settings import Settings

FOLDER = Path(__file__).parent.parent.parent / "deploy" / "systemd"
MOST_EXPOSED = 1.5
"""Of 10: what systemd's own table gives the unit, which can't do without a network."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with the program where it is here."""
    text = (FOLDER / "vestibule.service").read_text()
    assert "\nExecStart=/opt/vestibule/bin/vestibule serve\n" in text
    copy = tmp_path / "vestibule.service"
    copy.write_text(text.replace("/opt/vestibule/bin/vestibule", COMMAND))
    return copy


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_systemd_finds_nothing_wrong_with_it(unit: Path) -> None:
    done = analyze("verify", unit)

    assert (done.returncode, done.stderr) == (0, "")


def test_it_is_as_confined_as_a_service_with_a_network_can_be(unit: Path) -> None:
    threshold = f"--threshold={int(MOST_EXPOSED * 10)}"

    done = analyze("security", "--offline=true", "--no-pager", threshold, unit)

    assert done.returncode == 0, done.stdout


def test_it_is_started_again_however_long_the_database_is_away(unit: Path) -> None:
    lines = unit.read_text().splitlines()

    assert "Restart=on-failure" in lines
    assert "StartLimitIntervalSec=0" in lines


def test_it_sees_what_its_metrics_of_the_process_are_made_of(unit: Path) -> None:
    """With this, /proc/stat is not there, and without the moment of the boot there are none."""
    assert "ProcSubset=pid" not in unit.read_text().splitlines()


def test_every_option_that_it_sets_is_one(unit: Path) -> None:
    names = re.findall(r"^Environment=VESTIBULE_(\w+)=", unit.read_text(), re.MULTILINE)

    assert {name.lower() for name in names} <= set(Settings.model_fields)
    assert len(names) == 3


def test_the_account_that_it_runs_as_is_made_by_sysusers() -> None:
    done = subprocess.run(
        ["systemd-sysusers", "--dry-run", FOLDER / "vestibule.sysusers"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
