"""`baton replay --against`: one history under two protocols, and what would have differed."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from baton import replay
from baton.files import read_bytes
from baton.trouble import Misuse
from schemas.base import iso
from schemas.reference.facilities import Facilities

STATUSES = ("pending", "met", "attempted", "missed", "met_late", "superseded", "waived")
"""What a deadline can come to. Void ones were never owed, and are left out."""

PAGES = frozenset({"P1", "P2"})

Outcome = Mapping[str, Any]
Tell = Callable[[int, datetime], None]


def compare(scenario: str, until: datetime, *, protocol: str | None, against: str, as_json: bool) -> int:
    """Replay a scenario under both and print the differences."""
    first, second = replay.load(protocol), replay.load(against)
    labels = (first.rules.protocol.label, second.rules.protocol.label)
    name = "stdin" if scenario == "-" else scenario
    try:
        lines = replay.read(read_bytes(scenario), name)
    except replay.ScenarioError as error:
        raise Misuse(str(error)) from None
    both = " and ".join(labels)
    print(f"{both}: {len(lines)} messages and actions", file=sys.stderr)
    told = replay.replay_under(lines, until, [first, second], _progress(both))
    found = document(told[0], told[1], labels=labels, facilities=first.rules.facilities)
    print(json.dumps(found, indent=2) if as_json else text(found))
    return 0


def document(
    first: Outcome, second: Outcome, *, labels: tuple[str, str], facilities: Facilities
) -> dict[str, Any]:
    """What differs, as counts: `a` and `b` are the two protocols. Days are those of the facilities' calendars."""
    one, other = _deadlines(first), _deadlines(second)
    kinds = sorted({key[-1] for key in one.keys() | other.keys()})
    return {
        "protocols": {"a": labels[0], "b": labels[1]},
        "episodes": _pairs(_episodes(first), _episodes(second)),
        "deadlines": [
            {
                "kind": kind,
                "a": _statuses(one, kind),
                "b": _statuses(other, kind),
                **_changes(one, other, kind),
            }
            for kind in kinds
        ],
        "alerts": _pairs(_alerts(first), _alerts(second)),
        "work_per_day": _per_day(_due_days(one, facilities), _due_days(other, facilities)),
        "pages_per_day": _per_day(_page_days(first, facilities), _page_days(second, facilities)),
    }


def text(found: Mapping[str, Any]) -> str:
    """The same for people: one row for each thing counted."""
    rows = [("", found["protocols"]["a"], found["protocols"]["b"], "changed")]
    for title in ("episodes", "alerts"):
        rows.append((f"{title}:", "", "", ""))
        rows += [_row(f"  {kind}", each["a"], each["b"]) for kind, each in found[title].items()]
    rows.append(("deadlines:", "", "", ""))
    for each in found["deadlines"]:
        rows.append(_row(f"  {each['kind']}", sum(each["a"].values()), sum(each["b"].values())))
        rows += [
            _row(f"    {status}", each["a"][status], each["b"][status])
            for status in STATUSES
            if each["a"][status] or each["b"][status]
        ]
        if each["moved"]:
            rows.append(("    due at another time", "", "", str(each["moved"])))
    for title, said in (
        ("work_per_day", "falling due on a day"),
        ("pages_per_day", "pages (P1, P2) on a day"),
    ):
        rows.append((f"{said}:", "", "", ""))
        rows += [
            _row(f"  {name}", found[title]["a"][name], found[title]["b"][name]) for name in ("mean", "most")
        ]
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}".rstrip()
        for row in rows
    )


def _row(name: str, a: float, b: float) -> tuple[str, str, str, str]:
    return name, f"{a:g}", f"{b:g}", f"{b - a:+g}" if a != b else ""


def _deadlines(outcome: Outcome) -> dict[tuple[str, ...], Mapping[str, Any]]:
    """Every deadline that was owed, by facility, visit, kind and start of its episode, and its own kind."""
    return {
        (episode["facility"], episode["visit"], episode["kind"], episode["opened_at"], each["kind"]): each
        for episode in outcome["episodes"]
        for each in episode["deadlines"]
        if episode["status"] != "void" and each["status"] != "void"
    }


def _statuses(deadlines: Mapping[tuple[str, ...], Mapping[str, Any]], kind: str) -> dict[str, int]:
    counted = Counter(each["status"] for key, each in deadlines.items() if key[-1] == kind)
    return {status: counted[status] for status in STATUSES}


def _changes(
    one: Mapping[tuple[str, ...], Mapping[str, Any]],
    other: Mapping[tuple[str, ...], Mapping[str, Any]],
    kind: str,
) -> dict[str, int]:
    mine = {key for key in one if key[-1] == kind}
    theirs = {key for key in other if key[-1] == kind}
    both = mine & theirs
    return {
        "only_a": len(mine - theirs),
        "only_b": len(theirs - mine),
        "moved": sum(one[key]["due_at"] != other[key]["due_at"] for key in both),
        "ended_otherwise": sum(one[key]["status"] != other[key]["status"] for key in both),
    }


def _episodes(outcome: Outcome) -> Counter[str]:
    return Counter(each["kind"] for each in outcome["episodes"] if each["status"] != "void")


def _alerts(outcome: Outcome) -> Counter[str]:
    return Counter(each["kind"] for each in outcome["alerts"])


def _pairs(one: Counter[str], other: Counter[str]) -> dict[str, dict[str, int]]:
    return {kind: {"a": one[kind], "b": other[kind]} for kind in sorted(one.keys() | other.keys())}


def _due_days(deadlines: Mapping[tuple[str, ...], Mapping[str, Any]], facilities: Facilities) -> Counter[str]:
    return Counter(_day(each["due_at"], key[0], facilities) for key, each in deadlines.items())


def _page_days(outcome: Outcome, facilities: Facilities) -> Counter[str]:
    where = {visit["number"]: visit["facility"] for visit in outcome["visits"]}
    pages: Iterable[Any] = (each for each in outcome["alerts"] if each["severity"] in PAGES)
    return Counter(_day(each["raised_at"], where.get(each["visit"]), facilities) for each in pages)


def _day(at: str, facility: str | None, facilities: Facilities) -> str:
    """The day of an instant on the facility's calendar; a midnight is the end of the day before."""
    local = datetime.fromisoformat(at).astimezone(facilities.zone_of(facility))
    ends = local.hour == local.minute == local.second == local.microsecond == 0
    return str((local.date().fromordinal(local.date().toordinal() - 1)) if ends else local.date())


def _per_day(one: Counter[str], other: Counter[str]) -> dict[str, Any]:
    days = sorted(one.keys() | other.keys())
    return {
        "a": _spread(one, days),
        "b": _spread(other, days),
        "days": [{"day": day, "a": one[day], "b": other[day]} for day in days],
    }


def _spread(counted: Counter[str], days: Sequence[str]) -> dict[str, float]:
    """The mean over all days from the first to the last of either, and the most of one day."""
    if not days:
        return {"mean": 0, "most": 0}
    span = (datetime.fromisoformat(days[-1]) - datetime.fromisoformat(days[0])).days + 1
    return {"mean": round(counted.total() / span, 1), "most": max(counted.values(), default=0)}


def _progress(label: str) -> Tell:
    def tell(done: int, at: datetime) -> None:
        print(f"{label}: {done}, up to {iso(at)}", file=sys.stderr)

    return tell
