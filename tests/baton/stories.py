"""The stories in tests/baton/scenarios: a scenario (.jsonl) and what the rules say must come of it (.yaml).

An expected outcome is written by hand. Its times are the hospital's wall clock in 2026, and what is usual is
left out: facility HOSPA, first use of the number, class I, no discharge, no end, nothing provisional.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from baton import replay
from schemas.base import iso
from tests.baton.hl7 import local

FOLDER = Path(__file__).with_name("scenarios")
_USUAL: dict[str, dict[str, Any]] = {
    "visits": {"facility": "HOSPA", "generation": 0, "class": "I", "admitted_at": None, "discharged_at": None, "disposition": None},
    "episodes": {"facility": "HOSPA", "closed_at": None, "close_reason": None, "deadlines": []},
    "deadlines": {"settled_at": None, "late_known": False, "provisional": False},
    "readmissions": {},
    "alerts": {"index_visit": None, "ended_at": None},
    "rejected": {},
}  # fmt: skip
_JUDGED = ("programme", "lace")
"""Of an episode, what a story says only where it is about it."""


@dataclass(frozen=True, slots=True)
class Story:
    """One scenario, when it is read, and what should then stand."""

    name: str
    told: str
    until: datetime
    expected: dict[str, Any]

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.name}.jsonl"

    def lines(self) -> list[replay.Line]:
        return replay.read(self.file.read_bytes(), self.file.name)


@cache
def stories() -> tuple[Story, ...]:
    """All of them, by name."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.yaml")))


def _read(path: Path) -> Story:
    said = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    expected = {
        name: [_row(name, row) for row in said.get(name, [])] for name in _USUAL if name != "deadlines"
    }
    return Story(path.stem, said["story"], local(f"2026-{said['until']}"), expected)


def _row(kind: str, said: dict[str, Any]) -> dict[str, Any]:
    row = _USUAL[kind] | said
    if "deadlines" in row:
        row["deadlines"] = [_row("deadlines", deadline) for deadline in row["deadlines"]]
    return {name: _value(name, value) for name, value in row.items()}


def _value(name: str, value: Any) -> Any:
    return (
        iso(local(f"2026-{value}")) if value is not None and (name.endswith("_at") or name == "at") else value
    )


def without_void(outcome: dict[str, Any]) -> dict[str, Any]:
    """The outcome without what turned out never to have been: that may depend on what arrived when."""
    episodes = [
        {**episode, "deadlines": [each for each in episode["deadlines"] if each["status"] != "void"]}
        for episode in outcome["episodes"]
        if episode["status"] != "void"
    ]
    return {**outcome, "episodes": episodes}


def comparable(outcome: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """The outcome as far as the story speaks of it: without what is void and was not named, and
    without explanations nobody asked for; in one order.
    """
    judged = {
        (episode["visit"], episode["opened_at"], name)
        for episode in expected["episodes"]
        for name in _JUDGED
        if name in episode
    }
    named = {
        (episode["visit"], episode["opened_at"], each["kind"]): "because" in each
        for episode in expected["episodes"]
        for each in episode["deadlines"]
    }
    kept = []
    for episode in outcome["episodes"]:
        if episode["status"] == "void":
            continue
        here = (episode["visit"], episode["opened_at"])
        told_of = {
            name: value for name, value in episode.items() if name not in _JUDGED or (*here, name) in judged
        }
        deadlines = []
        for each in episode["deadlines"]:
            told = named.get((episode["visit"], episode["opened_at"], each["kind"]))
            if told is None and each["status"] == "void":
                continue
            deadlines.append(
                each if told else {name: value for name, value in each.items() if name != "because"}
            )
        kept.append({**told_of, "deadlines": in_order(deadlines)})
    return {**{name: in_order(rows) for name, rows in outcome.items()}, "episodes": in_order(kept)}


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = [{**row, "deadlines": in_order(row["deadlines"])} if "deadlines" in row else row for row in rows]
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
