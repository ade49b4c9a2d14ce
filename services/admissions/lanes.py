"""A large batch in two parts with different patients: while Postgres works for one, we work for the other."""

from collections.abc import Hashable, Sequence

from services.admissions.domain.identity import merge_facts, own_key
from services.admissions.domain.model import AdtEvent, PatientKey, VisitKey

WORTH_PARTING = 200
"""Events in a batch from which on it is kept in two transactions at once."""

MOST = 50_000
"""Merges remembered. Who is parted from himself for want of one only waits for the other part."""

Heads = dict[Hashable, Hashable]
"""For each key the one it goes with, as in any union-find."""


class Lanes:
    """Puts events into parts so that what one patient, visit or merge connects stays together."""

    def __init__(self) -> None:
        self._merged: Heads = {}

    def of(self, events: Sequence[AdtEvent]) -> list[int]:
        """The part, 0 or 1, of each event of a batch."""
        if len(events) < WORTH_PARTING:
            return [0] * len(events)
        if len(self._merged) > MOST:
            self._merged.clear()
        for event in events:
            for fact in merge_facts(event):
                join(self._merged, fact.retired, fact.surviving)
        heads = self._merged.copy()
        for event in events:
            if event.patient is not None and event.visit is not None:
                join(heads, own_key(event, event.patient), event.visit)
        return [hash(head(heads, _own(event))) % 2 for event in events]


def _own(event: AdtEvent) -> PatientKey | VisitKey | None:
    return event.visit if event.patient is None else own_key(event, event.patient)


def join(heads: Heads, one: Hashable, other: Hashable) -> None:
    """Let these two, and what goes with either, go together."""
    first, second = head(heads, one), head(heads, other)
    if first != second:
        heads[second] = first


def head(heads: Heads, key: Hashable) -> Hashable:
    """The one that stands for all that go with this one."""
    while (above := heads.get(key, key)) != key:
        # The way becomes shorter each time it is gone.
        heads[key] = key = heads.get(above, above)
    return key
