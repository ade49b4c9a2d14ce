"""`baton protocols check`: whether the protocol files can be used, what is wrong where, and what is most likely not meant."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from baton.config import settings
from baton.trouble import Misuse
from services.chassis.yaml_file import Fault
from services.transitions.protocol import DEFAULT, SHIPPED, Library, ProtocolError
from services.transitions.protocol_file import Written, load_file
from services.transitions.protocols.layer import LayerFile
from services.transitions.protocols.shape import FasterFile
from services.transitions.settings import Settings


class Checked(Struct):
    """One file, with its protocol or with what is wrong in it."""

    path: Path
    written: Written | None
    faults: list[Fault]


def check(names: Sequence[str], *, as_json: bool) -> int:
    """Tell of each file whether it is good; 1 where one is not, or where the protocol in force cannot be made."""
    said = settings(Settings)
    library = Library(said.config_dir)
    paths = [path for name in names for path in _named(Path(name))] or [
        path for folder in library.folders[::-1] for path in _files(folder)
    ]
    unmade = _unmade(library, said.protocol)
    asked = [_checked(path, library, DEFAULT if unmade else said.protocol) for path in paths]
    _twins(asked)
    told = {str(fault) for each in asked for fault in each.faults}
    apart = [fault for fault in unmade if str(fault) not in told and not names]
    wrong = sum(bool(each.faults) for each in asked) + bool(apart)
    if as_json:
        document = {
            "ok": not wrong,
            "in_force": said.protocol,
            "faults": [_fault(fault) for fault in apart],
            "protocols": [_document(each) for each in asked],
        }
        print(json.dumps(document, ensure_ascii=False))
    else:
        print("\n".join(line for each in asked for line in _lines(each)))
        print("\n".join([*(f"wrong  in force: {fault}" for fault in apart), _summary(asked)]))
    return 1 if wrong else 0


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.yaml")) if folder.is_dir() else []


def _named(path: Path) -> list[Path]:
    if path.is_dir():
        if not (found := _files(path)):
            raise Misuse(f"{path} holds no protocol: no file there ends in .yaml.")
        return found
    if not path.exists():
        raise Misuse(f"{path} is no file and no folder.")
    return [path]


def _checked(path: Path, library: Library, over: str) -> Checked:
    try:
        written = load_file(path)
    except ProtocolError as error:
        return Checked(path, None, list(error.faults))
    return Checked(path, written, library.faults(written, over))


def _twins(asked: Iterable[Checked]) -> None:
    """Two files of one folder that are one version of one protocol: nobody could say which is meant."""
    first: dict[tuple[Path, str], Path] = {}
    for each in asked:
        if each.written is None or isinstance(each.written.said, FasterFile):
            continue
        key = each.path.parent, _label(each.written)
        if key in first:
            sentence = f"makes this {key[1]}, which {first[key].name} is already; raise one of the two"
            each.faults.append(each.written.content.fault(("version",), sentence))
        first.setdefault(key, each.path)


def _unmade(library: Library, label: str) -> list[Fault]:
    """What keeps the protocol of the settings from being made."""
    try:
        library.protocol(label)
    except ProtocolError as error:
        return list(error.faults)
    return []


def _label(written: Written) -> str:
    said = written.said
    return f"extends {said.extends}" if isinstance(said, FasterFile) else f"{said.name}@{said.version}"


def _fault(fault: Fault) -> dict[str, Any]:
    return {"line": fault.line, "key": fault.key or None, "sentence": str(fault)}


def _document(checked: Checked) -> dict[str, Any]:
    return {
        "file": str(checked.path),
        "shipped": checked.path.parent == SHIPPED,
        "ok": not checked.faults,
        "protocol": None if checked.written is None else _label(checked.written),
        "faults": [_fault(fault) for fault in checked.faults],
    }


def _lines(checked: Checked) -> list[str]:
    place = f"{checked.path.name} (shipped)" if checked.path.parent == SHIPPED else str(checked.path)
    if checked.faults:
        return [f"wrong  {place}", *(f"       {fault}" for fault in checked.faults)]
    assert checked.written is not None
    kind = "layer " if isinstance(checked.written.said, LayerFile) else ""
    return [f"good   {place}: {kind}{_label(checked.written)}"]


def _summary(asked: Sequence[Checked]) -> str:
    wrong = sum(bool(each.faults) for each in asked)
    return f"{len(asked) - wrong} good, {wrong} wrong."
