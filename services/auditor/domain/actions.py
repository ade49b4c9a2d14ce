"""What people did, and which stay it is about."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from schemas.actions import ACTION, Action

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Deed:
    """An action with the instant it counts for. `visit` is None where it is about no visit."""

    arrived: datetime
    at: datetime
    said: Action
    visit: Key | None
    id: str


@dataclass(frozen=True, slots=True)
class Known:
    """A visit number in use: whose, where, and since which arrival we know of it."""

    key: Key
    facility: str
    since: datetime


def deeds(
    arrivals: Iterable[tuple[datetime, Mapping[str, Any]]],
    numbers: Mapping[str, Sequence[Known]],
    skew: timedelta,
) -> list[Deed]:
    """Read actions in the order of their arrival; what is refused or a repetition is left out."""
    found: dict[str, Deed] = {}
    for arrived, data in sorted(arrivals, key=lambda each: (each[0], json.dumps(each[1], sort_keys=True))):
        try:
            said = ACTION.validate_python(data)
        except ValidationError:
            continue
        at = getattr(said, "occurred_at", None) or arrived
        if at > arrived + skew:
            continue
        visit = None
        if said.visit is not None:
            visit = _visit(said, numbers.get(said.visit, ()), arrived)
            if visit is None:
                continue
        if said.type == "action_withdrawn":
            found.setdefault(f"withdrawn {said.id}", Deed(arrived, at, said, visit, said.id or ""))
            continue
        content = json.dumps({**data, "at": at.isoformat()}, sort_keys=True)
        name = said.id or content
        found.setdefault(name, Deed(arrived, at, said, visit, name))
    return list(found.values())


def _visit(said: Action, known: Sequence[Known], arrived: datetime) -> Key | None:
    fits = [
        each
        for each in known
        if said.facility in {None, each.facility} and said.authority in {None, each.key[1]}
    ]
    already = [each for each in fits if each.since <= arrived]
    if already:
        return already[0].key if len({each.key for each in already}) == 1 else None
    return min(fits, key=lambda each: each.since).key if fits else None


def standing(done: Iterable[Deed], until: datetime) -> list[Deed]:
    """What has reached us by `until` and was not withdrawn by then."""
    here = [each for each in done if each.arrived <= until]
    withdrawn = {each.id for each in here if each.said.type == "action_withdrawn"}
    return [each for each in here if each.said.type != "action_withdrawn" and each.id not in withdrawn]
