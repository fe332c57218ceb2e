"""What the guide says of one machine, done on one that boots for it."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.deploy.system import booting, layered
from tests.docs.conftest import DEPLOYMENT, ELSEWHERE, ROOT
from tests.docs.person import Person
from tests.docs.samples import blocks
from tests.ports import free_port

pytestmark = pytest.mark.faults

MANY = 20
"""Starts that fail; systemd's own limit is five within ten seconds."""
PASSWORD = "correct horse battery staple"
URL = f"http://127.0.0.1:{free_port()}"
WAYS = re.compile(r"(UV|PIP|SSL|HTTPS?|ALL|NO|CURL|REQUESTS|NODE)_\w+", re.IGNORECASE)
"""Variables that say how this machine reaches what packages come from."""
REACHING = "".join(
    f"export {name}={shlex.quote(value)}\n"
    for name, value in os.environ.items()
    if WAYS.fullmatch(name)
)
BEFORE = f"""
set -euo pipefail
{REACHING}
set -x
cd {ROOT}
export PATH={Path(sys.executable).parent}:$PATH
# Its usual port may be somebody's on this machine.
mkdir --parents /etc/systemd/system/vestibule.service.d
cat >/etc/systemd/system/vestibule.service.d/port.conf <<END
[Service]
Environment=VESTIBULE_PORT={URL.rpartition(":")[2]} VESTIBULE_METRICS_NETWORKS=127.0.0.0/8
END
"""
UNTIL_IT_ANSWERS = f"""
curl --silent --retry 60 --retry-delay 1 --retry-connrefused {URL}/api/v1/health
"""
AFTER = f"""
systemctl is-active vestibule
curl --silent --show-error --fail-with-body --request POST {URL}/api/v1/auth/login \
  --data username=ann --data-urlencode 'password={PASSWORD}'
curl --silent --show-error --fail {URL}/metrics | grep ^process_
ls -l /var/lib/vestibule /etc/vestibule/secrets
systemctl stop vestibule
systemctl show --property=Result vestibule
"""
AWAY = f"""
cat >/etc/systemd/system/vestibule.service.d/away.conf <<END
[Service]
ExecStartPre=/bin/sh /etc/vestibule/away
RestartSec=0
END
echo 'echo >>tries; test "$(wc --lines <tries)" -gt {MANY}' >/etc/vestibule/away
systemctl daemon-reload
systemctl start vestibule || true
{UNTIL_IT_ANSWERS}
systemctl is-active vestibule
"""
"""What it stands on is not there at its first starts."""


def test_the_program_is_installed_started_and_used_under_systemd(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Where this checkout is may be there.
    monkeypatch.setenv("SYSTEMD_NSPAWN_TMPFS_TMP", "0")
    install, command = (
        block.text
        for block in blocks(DEPLOYMENT)
        if block.marks.get("tested") == ELSEWHERE[DEPLOYMENT]
    )
    script = [BEFORE, install, UNTIL_IT_ANSWERS, command.replace("NAME", "ann"), AFTER, AWAY]
    person = Person("", username="ann", password=PASSWORD)

    with TemporaryDirectory(prefix="vestibule-system-") as folder, layered(Path(folder)) as root:
        _, shown = person.attend(
            booting(root, "".join(script)), dict(os.environ), folder=ROOT, patience=180
        )

    assert '"access_token"' in shown, shown
    assert "Result=success" in shown
    assert "-rw-r----- 1 root vestibule" in shown
    assert "vestibule.db" in shown
    assert re.search(r"^process_open_fds \d", shown, re.MULTILINE)
    assert len(re.findall(r"^active\r?$", shown, re.MULTILINE)) == 2
