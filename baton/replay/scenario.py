"""A scenario as a list of arrivals: reads JSON lines and refuses a bad one with its number; knows no domain."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct


class ScenarioError(ValueError):
    """The scenario cannot be read; the sentence names the line and what is wrong with it."""


class Line(Struct, frozen=True, gc=False):
    """Something that reaches the system at `at` (UTC): an HL7 v2 message, or an action as JSON."""

    at: datetime
    adt: bytes | None = None
    action: bytes | None = None


def read(data: bytes, name: str = "the scenario") -> list[Line]:
    """Read every line. What comes out is in one order, whatever the order in the file."""
    lines = []
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if raw.strip():
            try:
                lines.append(_line(raw))
            except ScenarioError as error:
                raise ScenarioError(f"{name}, line {number}: {error}") from None
    return in_order(lines)


def in_order(lines: Iterable[Line]) -> list[Line]:
    """By instant, messages before actions; among equals by content, so that the file's order decides nothing."""
    return sorted(lines, key=lambda line: (line.at, line.adt is None, line.adt or line.action or b""))


def _line(raw: bytes) -> Line:
    try:
        said: Any = json.loads(raw)
    except ValueError:
        raise ScenarioError("this is not JSON.") from None
    if not isinstance(said, dict):
        raise ScenarioError('this is no object; write {"at": …, "adt": …} or {"at": …, "action": {…}}.')
    at = _instant(said.get("at"))
    adt, action = said.get("adt"), said.get("action")
    if (adt is None) == (action is None):
        raise ScenarioError('a line holds either "adt" or "action"; write exactly one of them.')
    if adt is not None:
        if not isinstance(adt, str):
            raise ScenarioError('"adt" is no text; write the HL7 message as a string.')
        return Line(at, adt=adt.encode(errors="replace"))
    if not isinstance(action, dict):
        raise ScenarioError('"action" is no object; write {"type": …, "visit": …}.')
    return Line(at, action=json.dumps(action, sort_keys=True).encode())


def _instant(said: object) -> datetime:
    if said is None:
        raise ScenarioError('"at" is missing; write when it reaches the system.')
    try:
        at = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ScenarioError(
            '"at" is no ISO 8601 time with its offset from UTC, such as 2026-01-12T10:00:00-05:00.'
        )
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ScenarioError('"at" lies outside the calendar.') from None
