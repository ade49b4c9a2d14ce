"""compose.yaml as the tests read it: YAML, with the variables of deploy/env.example put in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "compose.yaml"
EXAMPLE = ROOT / "deploy" / "env.example"

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<how>:[-?])(?P<rest>[^}]*))?\}")


def variables() -> dict[str, tuple[str | None, str | None]]:
    """Every variable the file asks for, with what it says where there is none: its default, or its complaint."""
    found: dict[str, tuple[str | None, str | None]] = {}
    for match in _VARIABLE.finditer(FILE.read_text("utf-8")):
        default = match["rest"] if match["how"] == ":-" else None
        complaint = match["rest"] if match["how"] == ":?" else None
        before = found.get(match["name"], (None, None))
        found[match["name"]] = (before[0] or default, before[1] or complaint)
    return found


def example() -> dict[str, str]:
    """What deploy/env.example sets."""
    lines = (line for line in EXAMPLE.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def project() -> dict[str, Any]:
    """The file as Compose sees it under deploy/env.example: read first, then each variable put in."""
    found: dict[str, Any] = _put_in(yaml.safe_load(FILE.read_text("utf-8")), example())
    return found


def _put_in(node: Any, said: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _put_in(value, said) for key, value in node.items()}
    if isinstance(node, list):
        return [_put_in(value, said) for value in node]
    if isinstance(node, str):
        return _VARIABLE.sub(
            lambda match: said.get(match["name"]) or (match["rest"] if match["how"] == ":-" else ""), node
        )
    return node


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = project()["services"]
    return found


def ours() -> dict[str, dict[str, Any]]:
    """The services that run Baton's own image."""
    return {name: service for name, service in services().items() if service["image"] == "baton:local"}


def processes() -> dict[str, dict[str, Any]]:
    """Those that stay: `run PROCESS`, by PROCESS."""
    return {
        service["command"][1]: service
        for service in ours().values()
        if service.get("command", [])[:1] == ["run"]
    }
