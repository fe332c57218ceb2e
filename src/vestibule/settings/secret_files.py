"""Options from files: one file an option, as container engines and systemd hand secrets over."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, SecretsSettingsSource

VARIABLE = "VESTIBULE_SECRETS_DIR"
PREFIX = "vestibule_"


class SecretFiles(SecretsSettingsSource):
    """The files of the folder that `VESTIBULE_SECRETS_DIR` names.

    A folder that can't be read gives nothing here: `complaint` says why, and the settings are
    refused with it. An option that was meant to be a secret is never silently left out.
    """

    def __init__(self, settings_class: type[BaseSettings], given: Any) -> None:
        """`given` is the folder that a caller named; by default the environment's."""
        folder = given if given is not None else os.environ.get(VARIABLE)
        super().__init__(settings_class, secrets_dir=folder)

    def __call__(self) -> dict[str, Any]:
        if self.secrets_dir is None:
            return {}
        options = self.settings_cls.model_fields
        if complaint(Path(str(self.secrets_dir)), options=options) is not None:
            return {}
        return super().__call__()


def complaint(folder: Path, *, options: Collection[str]) -> str | None:
    """What is wrong with a folder of secret files; None where all of them can be taken.

    Files whose names don't begin with `vestibule_` are somebody else's.
    """
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        return f"can't be read: {error.strerror}"
    inside = folder.resolve()
    for name in names:
        if not name.lower().startswith(PREFIX):
            continue
        path = folder / name
        if name.lower().removeprefix(PREFIX) not in options:
            return f"holds {name}, which is no option"
        try:
            if inside not in path.resolve().parents or not path.is_file():
                return f"holds {name}, which is no file of this folder"
            path.read_text(encoding="utf-8")
        except (OSError, RuntimeError, UnicodeDecodeError):  # RuntimeError: a loop of links
            return f"holds {name}, which can't be read"
    return None
