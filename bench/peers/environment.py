"""Where peers are installed: a folder for each, outside of the repository and of the system."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

from bench.peers.peer import Command, UnavailableError
from bench.peers.processes import python_of_ours, run


def cache() -> Path:
    """The folder of all of them; `VESTIBULE_PEERS_CACHE` names another one."""
    named = os.environ.get("VESTIBULE_PEERS_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(named) if named else Path(base) / "vestibule-peers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def virtual_environment(name: str, requirements: list[str]) -> Path:
    """The interpreter of an environment with these requirements, installed by pip if need be."""
    folder = cache() / name
    python, stamp = folder / "bin" / "python", folder / "requirements.json"
    if stamp.exists() and json.loads(stamp.read_text()) == requirements:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    run(Command([python_of_ours(), "-m", "venv", str(folder)]))
    run(Command([str(python), "-m", "pip", "install", "--quiet", *requirements]), seconds=900)
    stamp.write_text(json.dumps(requirements))
    return python


def versions(python: Path, packages: list[str]) -> list[str]:
    """The names and versions of packages of an environment."""
    script = (
        "import importlib.metadata as m, sys; "
        "print('\\n'.join(f'{p} {m.version(p)}' for p in sys.argv[1:]))"
    )
    return run(Command([str(python), "-c", script, *packages])).splitlines()


def debian(name: str, packages: list[str]) -> Path:
    """A folder that Debian's packages, and what they need and is not here, are unpacked to.

    Nothing is installed in the system: no service starts, no configuration is asked for.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise UnavailableError("it is taken from Debian's packages, and this is not a Debian")
    folder = cache() / name
    stamp = folder / "packages.json"
    if stamp.exists() and json.loads(stamp.read_text()) == packages:
        return folder / "root"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "archives").mkdir(parents=True)
    plan = run(Command(["apt-get", "--simulate", "install", "--no-install-recommends", *packages]))
    names = sorted({*packages, *planned(plan)})
    options = ["-o", f"Dir::Cache={folder}", "-o", "APT::Sandbox::User="]
    here = Command(["env", "-C", str(folder / "archives"), "apt-get", "download", *options, *names])
    run(here)
    for archive in sorted((folder / "archives").glob("*.deb")):
        run(Command(["dpkg-deb", "--extract", str(archive), str(folder / "root")]))
    stamp.write_text(json.dumps(packages))
    return folder / "root"


def planned(plan: str) -> list[str]:
    """The packages that `apt-get --simulate install` would install."""
    return re.findall(r"^Inst (\S+) ", plan, flags=re.MULTILINE)


def debian_versions(name: str, packages: list[str]) -> list[str]:
    """The names and versions of packages that were unpacked."""
    archives = cache() / name / "archives"
    found = []
    for package in packages:
        (archive,) = archives.glob(f"{package}_*.deb")
        version = run(Command(["dpkg-deb", "--field", str(archive), "Version"])).strip()
        found.append(f"{package} {version}")
    return found


def library_path(root: Path) -> dict[str, str]:
    """What makes programs of an unpacked folder find its libraries."""
    return {"LD_LIBRARY_PATH": ":".join(str(p) for p in sorted(root.glob("usr/lib/*-linux-gnu")))}
