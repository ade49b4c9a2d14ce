"""`baton census`: who is in which bed now, by what the feeds have said; and against a list the hospital exports."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from baton import ground
from baton.dlq import database, note_view
from baton.dlq_text import columns
from baton.trouble import Misuse, Trouble
from services.chassis import sql
from services.chassis.postgres import Row

SQL = sql.parse(files("baton").joinpath("census.sql").read_text("utf-8"), where="baton/census.sql")

PLACE = ("facility", "unit", "room", "bed")
NUMBER = ("visit", "visit_number", "visit number", "encounter", "account", "csn")
"""What the column with the visit number (PV1-19) may be called."""


@dataclass(frozen=True, slots=True)
class Stay:
    """One occupied bed. Of the hospital's list `line` is where it stands."""

    number: str
    place: tuple[str | None, ...]
    line: int = 0


@dataclass(slots=True)
class Difference:
    """Who is missing on either side, and who is in another place. Places that one side does not tell agree."""

    agree: int = 0
    only_listed: list[Stay] = field(default_factory=list)
    only_here: list[Stay] = field(default_factory=list)
    moved: list[tuple[Stay, Stay]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.only_listed or self.only_here or self.moved)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of the census, and how it is shown."""

    facility: str | None = None
    unit: str | None = None
    compare: str | None = None
    show_patient: bool = False
    by: str | None = None
    as_json: bool = False


async def census(asked: Asked) -> int:
    """Print the census, or how it differs from a list; 1 where it does."""
    listed = read_list(asked.compare) if asked.compare else None
    async with ground.database(database()) as db:
        rows = await db.fetch(SQL["census"], asked.facility, asked.unit)
        if asked.show_patient:
            print("What follows holds visit numbers; that you see them is kept.", file=sys.stderr)
            subject = f"census of {asked.facility or 'all facilities'}, {asked.unit or 'all units'}"
            await note_view(db, asked.by, "baton census --show-patient", subject)
    here = [_stay(row) for row in rows]
    if listed is None:
        _print(_census(here, asked), _tell_census(here, asked), asked)
        return 0
    wanted = [stay for stay in listed if _within(stay, asked)]
    found = compare(here, wanted)
    _print(_document(found, asked), _tell(found, asked), asked)
    return 1 if found else 0


def compare(here: Iterable[Stay], listed: Iterable[Stay]) -> Difference:
    """Match by visit number, leading zeros aside; a number listed twice counts once."""
    ours = {_key(stay.number): stay for stay in here}
    theirs = {_key(stay.number): stay for stay in listed}
    found = Difference()
    for key, stay in theirs.items():
        if key not in ours:
            found.only_listed.append(stay)
        elif _same_place(ours[key], stay):
            found.agree += 1
        else:
            found.moved.append((ours[key], stay))
    found.only_here = [stay for key, stay in ours.items() if key not in theirs]
    return found


def read_list(path: str) -> list[Stay]:
    """Read the hospital's list: CSV with a line of headings, `visit` and any of facility, unit, room, bed.

    Raises Misuse, with the line where one is wrong and never a value.
    """
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise Misuse(f"{path} cannot be read: {why}.") from None
    lines = text.splitlines()
    separator = max(",;\t|", key=lines[0].count) if lines else ","
    rows = csv.reader(lines, delimiter=separator)
    heads = [head.strip().lower() for head in next(rows, [])]
    number = next((heads.index(name) for name in NUMBER if name in heads), None)
    if number is None:
        raise Misuse(f"{path} has no column `visit` in its first line: the number of the visit (PV1-19).")
    places = [heads.index(name) if name in heads else None for name in PLACE]
    found = []
    for row in rows:
        if any(cell.strip() for cell in row):
            if number >= len(row) or not row[number].strip():
                raise Misuse(f"{path}, line {rows.line_num}: there is no visit number.")
            place = tuple(None if at is None or at >= len(row) else row[at].strip() or None for at in places)
            found.append(Stay(row[number].strip(), place, rows.line_num))
    if not found:
        raise Trouble(f"{path} lists nobody.")
    return found


def _stay(row: Row) -> Stay:
    return Stay(row["number"], tuple(row[name] or None for name in PLACE))


def _key(number: str) -> str:
    return number.lstrip("0").casefold() or "0"


def _same_place(one: Stay, other: Stay) -> bool:
    pairs = zip(one.place, other.place, strict=True)
    return all(a is None or b is None or a.casefold() == b.casefold() for a, b in pairs)


def _within(stay: Stay, asked: Asked) -> bool:
    facility, unit, *_ = stay.place
    return asked.facility in (None, facility or asked.facility) and asked.unit in (None, unit or asked.unit)


def _print(document: dict[str, Any], text: str, asked: Asked) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False) if asked.as_json else text)


def _plain(stay: Stay, asked: Asked) -> dict[str, Any]:
    said: dict[str, Any] = dict(zip(PLACE, stay.place, strict=True))
    if stay.line:
        said["line"] = stay.line
    if asked.show_patient:
        said["visit"] = stay.number
    return said


def _census(here: Sequence[Stay], asked: Asked) -> dict[str, Any]:
    units = Counter(stay.place[:2] for stay in here)
    document: dict[str, Any] = {
        "occupied": len(here),
        "units": [{"facility": f, "unit": u, "occupied": count} for (f, u), count in units.items()],
    }
    if asked.show_patient:
        document["beds"] = [_plain(stay, asked) for stay in here]
    return document


def _tell_census(here: Sequence[Stay], asked: Asked) -> str:
    units = Counter(stay.place[:2] for stay in here)
    lines = columns(
        [["FACILITY", "UNIT", "OCCUPIED"], *([f or "-", u or "-", str(n)] for (f, u), n in units.items())]
    )
    if asked.show_patient:
        heads = [name.upper() for name in (*PLACE, "visit")]
        lines += [
            "",
            *columns([heads, *([*(part or "-" for part in stay.place), stay.number] for stay in here)]),
        ]
    return "\n".join([*lines, f"{len(here)} in all."])


def _document(found: Difference, asked: Asked) -> dict[str, Any]:
    return {
        "agree": found.agree,
        "only_listed": [_plain(stay, asked) for stay in found.only_listed],
        "only_here": [_plain(stay, asked) for stay in found.only_here],
        "elsewhere": [{"here": _plain(a, asked), "listed": _plain(b, asked)} for a, b in found.moved],
    }


def _tell(found: Difference, asked: Asked) -> str:
    rows = [
        *(["not here", *_cells(stay, asked), f"line {stay.line} of the list: no admission has reached us"]
          for stay in found.only_listed),
        *(["not listed", *_cells(stay, asked), "here in this bed: no discharge has reached us"]
          for stay in found.only_here),
        *(["elsewhere", *_cells(ours, asked), f"line {listed.line}: listed in {_where(listed)}"]
          for ours, listed in found.moved),
    ]  # fmt: skip
    heads = ["", *(name.upper() for name in PLACE), *(["VISIT"] if asked.show_patient else []), "WHY"]
    counts = (
        f"{found.agree} agree, {len(found.only_listed)} are not here, {len(found.only_here)} are not listed, "
        f"{len(found.moved)} are elsewhere."
    )
    return "\n".join([*(columns([heads, *rows]) if rows else []), counts])


def _cells(stay: Stay, asked: Asked) -> list[str]:
    return [*(part or "-" for part in stay.place), *([stay.number] if asked.show_patient else [])]


def _where(stay: Stay) -> str:
    return " ".join(part for part in stay.place if part)
