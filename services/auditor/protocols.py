"""Protocol files and layers, read as plain data and put together by the label that a case keeps."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from services.auditor.domain.protocol import Protocol

_SHIPPED = Path(__file__).parents[1] / "transitions" / "protocols"


class Protocols:
    """Those of the configuration folder before the shipped ones; `present` names the one transitions works by.

    A label is NAME or NAME@VERSION, with layers behind it by `+`. Raises OSError, KeyError, ValueError or TypeError
    where a file is not there or says nothing usable.
    """

    def __init__(self, present: str, folder: Path | None) -> None:
        self._folders = [*([folder / "protocols"] if folder else []), _SHIPPED]
        self._known: dict[str, Protocol | None] = {}
        self.present = self._read(present)

    def of(self, label: str) -> Protocol | None:
        """The protocol that a case names; None where its file is not there any more, or cannot be read."""
        if label not in self._known:
            try:
                self._known[label] = self._read(label if "@" in label else self._oldest(label))
            except (OSError, yaml.YAMLError, KeyError, ValueError, TypeError):
                self._known[label] = None
        return self._known[label]

    def _read(self, label: str) -> Protocol:
        first, *others = label.split("+")
        data = self._base(first)
        layers = [self._version(each) for each in others]
        for layer in layers:
            data = {**data, "deadlines": {**data["deadlines"], **layer.get("deadlines", {})}}
        return Protocol({**data, "layers": layers})

    def _oldest(self, name: str) -> str:
        """A case of 0.1.0 names no version, and means the oldest of the first folder that has any."""
        for folder in self._folders:
            versions = [path.stem.partition("@")[2] for path in folder.glob(f"{name}@*.yaml")]
            if versions:
                return f"{name}@{min(versions, key=int)}"
            if (folder / f"{name}.yaml").exists():
                break
        return name

    def _base(self, label: str) -> Mapping[str, Any]:
        """A whole protocol; one that `extends` another changes spans of it, and has its versions."""
        name, _, version = label.partition("@")
        said = self._version(name if self._extends(name) else label)
        if "extends" not in said:
            return said
        base = dict(self._version(f"{said['extends']}@{version}" if version else said["extends"]))
        base["engine"] = {**base["engine"], **said.get("engine", {})}
        deadlines = {kind: dict(rule) for kind, rule in base["deadlines"].items()}
        for kind, within in said.get("elapsed", {}).items():
            deadlines[kind]["due"] = {"elapsed": within}
        return {**base, "deadlines": deadlines}

    def _extends(self, name: str) -> bool:
        return any("extends" in said for said in self._files(name))

    def _version(self, label: str) -> Mapping[str, Any]:
        """The file NAME@VERSION, else NAME where that is of this version."""
        name, _, version = label.partition("@")
        if version:
            fits = (said for said in self._files(name) if str(said.get("version")) == version)
            found = next(self._files(label), None) or next(fits, None)
        else:
            found = next(self._files(name), None)
        if found is None:
            raise FileNotFoundError(f"{label}.yaml")
        return found

    def _files(self, stem: str) -> Iterator[Mapping[str, Any]]:
        for folder in self._folders:
            path = folder / f"{stem}.yaml"
            if path.exists():
                said = yaml.safe_load(path.read_text(encoding="utf-8"))
                if not isinstance(said, dict):
                    raise TypeError(path.name)
                yield said
