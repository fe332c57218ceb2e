"""The Compose file, read as an engine would read it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from compose_spec import PyCompose

FOLDER = Path(__file__).parent.parent.parent / "deploy" / "compose"


def interpolated(text: str, variables: dict[str, str]) -> str:
    """`${NAME:-default}`, `${NAME:?message}` and `$$` in their places."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name, kind, rest = match["name"], match["kind"], match["rest"]
        if variables.get(name):
            return variables[name]
        if kind == ":?":
            raise KeyError(f"{name}: {rest}")
        return rest or ""

    return re.sub(r"\$\$|\$\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<rest>[^}]*))?\}", value, text)


def read(**variables: str) -> dict[str, Any]:
    """The file, merged, checked against the Compose specification."""
    text = interpolated((FOLDER / "compose.yaml").read_text(), variables)
    # Whatever breaks the specification raises. Merge keys are YAML's own, and so PyYAML's to do.
    plain = {key: part for key, part in yaml.safe_load(text).items() if not key.startswith("x-")}
    document = PyCompose.from_json(json.dumps(plain))
    document.validate()
    found: dict[str, Any] = document.to_dict()
    return found
