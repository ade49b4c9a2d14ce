"""`baton feeds check`: whether the feed profiles can be used, and what is wrong where."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from baton.config import settings
from baton.trouble import Misuse
from services.admissions.feed_file import FeedError, Written, load_file
from services.admissions.feeds import SHIPPED, clashes, files
from services.admissions.settings import Settings
from services.chassis.yaml_file import Fault


class Checked(Struct):
    """One file, with its profile or with what is wrong in it."""

    path: Path
    written: Written | None
    faults: list[Fault]


def check(names: Sequence[str], *, as_json: bool) -> int:
    """Tell of each profile whether it is good; 1 where one is not."""
    shipped, own = _all(SHIPPED), _all(_configured())
    if names:
        asked = [each for name in names for each in _named(Path(name))]
        beside = {each.path.resolve() for each in asked}
        _compare(
            [each for each in _in_force(shipped, own) if each.path.resolve() not in beside],
            _good(asked),
            asked,
        )
    else:
        asked = shipped + own
        _compare(_good(shipped), _good(own), asked)
    wrong = sum(bool(each.faults) for each in asked)
    if as_json:
        print(
            json.dumps({"ok": not wrong, "profiles": [_document(each) for each in asked]}, ensure_ascii=False)
        )
    else:
        print("\n".join(line for each in asked for line in _lines(each)))
        print(f"{len(asked) - wrong} good, {wrong} wrong.")
    return 1 if wrong else 0


def _configured() -> Path | None:
    folder = settings(Settings).feeds_dir
    return folder if folder is not None and folder.is_dir() else None


def _all(folder: Path | None) -> list[Checked]:
    return [] if folder is None else [_checked(path) for path in files(folder)]


def _named(path: Path) -> list[Checked]:
    if path.is_dir():
        if not (found := _all(path)):
            raise Misuse(f"{path} holds no feed profile: no file there ends in .yaml or .yml.")
        return found
    if not path.exists():
        raise Misuse(f"{path} is no file and no folder.")
    return [_checked(path)]


def _checked(path: Path) -> Checked:
    try:
        return Checked(path, load_file(path), [])
    except FeedError as error:
        return Checked(path, None, list(error.faults))


def _good(checked: Iterable[Checked]) -> list[Written]:
    return [each.written for each in checked if each.written is not None]


def _in_force(shipped: Iterable[Checked], own: Iterable[Checked]) -> list[Written]:
    return list({each.profile.feed: each for each in _good([*shipped, *own])}.values())


def _compare(beside: Sequence[Written], own: Sequence[Written], asked: Sequence[Checked]) -> None:
    """Add what is wrong between them to the files concerned."""
    for fault in clashes(beside, own):
        for each in asked:
            if each.path == fault.path:
                each.faults.append(fault)


def _document(checked: Checked) -> dict[str, Any]:
    written = checked.written
    return {
        "file": str(checked.path),
        "shipped": checked.path.parent == SHIPPED,
        "ok": not checked.faults,
        "feed": None if written is None else written.profile.feed,
        "mode": None if written is None else written.profile.mode,
        "version": None if written is None else written.version,
        "faults": [
            {"line": fault.line, "key": fault.key or None, "sentence": str(fault)} for fault in checked.faults
        ],
    }


def _lines(checked: Checked) -> list[str]:
    place = f"{checked.path.name} (shipped)" if checked.path.parent == SHIPPED else str(checked.path)
    if checked.faults:
        return [f"wrong  {place}", *(f"       {fault}" for fault in checked.faults)]
    assert checked.written is not None
    profile = checked.written.profile
    return [f"good   {place}: feed {profile.feed}, {profile.mode}, version {checked.written.version}"]
