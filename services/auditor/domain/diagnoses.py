"""The diagnoses of a stay: DG1 segments, the newer set of a type over the older, with since when and until when each stood."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from schemas.reference.conditions import meaning

_TYPES = {"ADMITTING": "A", "WORKING": "W", "FINAL": "F"}
_RANKED = "FWA"
_CATEGORY = 3


class Dg1(NamedTuple):
    """One DG1 with a code. `action` D takes it back; empty: it is part of a whole set of its type."""

    code: str
    system: str
    type: str
    rank: str
    action: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`since` and `until` are event times; `until` None: nobody has taken it back."""

    said: Dg1
    since: datetime
    until: datetime | None = None

    def stands(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or self.until > at)


def history(told: Iterable[tuple[datetime, tuple[Dg1, ...]]]) -> list[Diagnosis]:
    """Every diagnosis there was, from what was told when (event time), in that order."""
    here: dict[tuple[str, str], Diagnosis] = {}
    gone: list[Diagnosis] = []
    for at, segments in told:
        whole_sets = {each.type for each in segments if not each.action}
        before, here = here, {key: each for key, each in here.items() if key[1] not in whole_sets}
        for each in segments:
            key = (each.code, each.type)
            if each.action == "D":
                here.pop(key, None)
            else:
                here[key] = Diagnosis(each, before[key].since if key in before else at)
        gone += [replace(each, until=at) for key, each in before.items() if key not in here]
    return [*here.values(), *gone]


def principal(diagnoses: Iterable[Diagnosis]) -> Dg1 | None:
    """The first-ranked of those that stand; of equals the final one, then the working, then the admitting one."""
    here = [each.said for each in diagnoses if each.until is None]
    return min(here, key=_place, default=None)


def same_condition(one: Dg1 | None, other: Dg1 | None) -> bool:
    """The same three characters, or a chronic condition in common; nothing where one is not known."""
    if one is None or other is None:
        return False
    category = bare(one)[:3]
    if category == bare(other)[:3] and len(category) == _CATEGORY and category[1].isdigit():
        return True
    says, too = meaning(one.code, one.system), meaning(other.code, other.system)
    return bool(says and too and says.chronic & too.chronic)


def bare(said: Dg1) -> str:
    return said.code.upper().replace(".", "").replace(" ", "")


def type_of(word: str) -> str:
    """DG1-6, spelled out or not."""
    return _TYPES.get(word.upper(), word)


def _place(said: Dg1) -> tuple[bool, bool, int, str, int]:
    number = int(said.rank) if said.rank.isdecimal() else 0
    kind = _RANKED.index(said.type) if said.type and said.type in _RANKED else len(_RANKED)
    return (not said.rank, not said.rank.isdecimal(), number, said.rank, kind)
