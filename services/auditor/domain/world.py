"""Everything known at one arrival, computed from nothing: people, stays, readmissions, and what is owed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.reference.dispositions import dispositions
from schemas.reference.facilities import Facilities
from services.auditor.domain.actions import Deed, Key
from services.auditor.domain.message import Identifier, Message
from services.auditor.domain.protocol import Place, Protocol
from services.auditor.domain.stay import SPEAKS_OF_VISIT, Stay, stays
from services.auditor.domain.times import day_of

_MERGES = frozenset({"A18", "A30", "A34", "A36", "A39", "A40"})
_TO_HOSPITAL = frozenset({"02", "05", "66", "82", "85", "94"})
_PAUSES = frozenset({"A03", "A11", "A13", "A23"})
_THREE = 3

Node = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing owed: from when, until when (exclusive), and what ended it, if anything did."""

    key: tuple[Any, ...]
    stay: Stay
    kind: str
    start: datetime
    due: datetime
    provisional: bool
    raised: bool
    ends: tuple[tuple[datetime, str], ...]
    quiet_until: datetime
    unit: str
    deeds: tuple[Deed, ...]
    place: Place

    @property
    def ended(self) -> tuple[datetime, str] | None:
        return min(self.ends, default=None)


@dataclass(frozen=True, slots=True)
class Readmission:
    """A new inpatient start within the window, as a notice to the coordinator of the earlier stay."""

    index: Stay
    stay: Stay
    notice: bool


@dataclass(slots=True)
class World:
    duties: list[Duty] = field(default_factory=list)
    readmissions: list[Readmission] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)


class Families:
    """Which things belong together: a union of sets, and nothing else."""

    def __init__(self) -> None:
        self._of: dict[Any, Any] = {}

    def root(self, node: Any) -> Any:
        self._of.setdefault(node, node)
        while self._of[node] != node:
            node = self._of[node]
        return node

    def join(self, one: Any, other: Any) -> None:
        self._of[self.root(one)] = self.root(other)


def person_of(identifier: Identifier) -> Node:
    return ("patient", identifier.authority, identifier.number)


def people(messages: Iterable[Message]) -> Families:
    """Who is who: numbers of one person are joined by merges and by an enterprise identifier they share."""
    found = Families()
    for message in messages:
        me = person_of(message.patient)
        found.root(me)
        for enterprise in message.enterprise:
            found.join(me, ("enterprise", enterprise.authority, enterprise.number))
        if message.trigger in _MERGES and message.retired is not None:
            found.join(person_of(message.retired), me)
    return found


def world(
    messages: Sequence[Message], done: Sequence[Deed], protocol: Protocol, facilities: Facilities
) -> World:
    """What is so, given these messages and these actions."""
    found = World()
    who = people(messages)
    by_visit: dict[Key, list[Message]] = defaultdict(list)
    for message in messages:
        if message.visit is not None and message.trigger in SPEAKS_OF_VISIT:
            by_visit[message.visit].append(message)
    owners: dict[Key, Any] = {}
    for key, said in by_visit.items():
        found.stays += stays(said)
        owners[key] = who.root(person_of(max(said, key=lambda m: (m.happened, m.order)).patient))
    deaths = _deaths(messages, who)
    by_person: dict[Any, list[Stay]] = defaultdict(list)
    for stay in found.stays:
        by_person[owners[stay.key]].append(stay)
    for owner, theirs in by_person.items():
        died = deaths.get(owner)
        found.readmissions += _readmissions(theirs, died, protocol, facilities)
    for stay in found.stays:
        died = deaths.get(owners[stay.key])
        quiet = [m.arrived for m in by_visit[stay.key] if m.trigger in _PAUSES]
        quiet_until = max(quiet or _told_of_leaving(stay)) + protocol.settle
        of_stay = _of_stay(stay, found.stays, done)
        owing = _Owing(stay, died, quiet_until, of_stay, protocol, facilities, found.readmissions)
        found.duties += owing.handoffs()
        found.duties += owing.discharge()
    return found


def _told_of_leaving(stay: Stay) -> list[datetime]:
    """When an update, in place of an A03, first told that the patient had left; else when the stay was heard of."""
    told = [m.arrived for m in stay.applied if m.discharged is not None and m.discharged == stay.discharged]
    return [min(told or [m.arrived for m in stay.applied])]


def _of_stay(stay: Stay, everything: Sequence[Stay], done: Sequence[Deed]) -> tuple[Deed, ...]:
    siblings = sorted((s for s in everything if s.key == stay.key), key=lambda s: s.generation)

    def about(deed: Deed) -> Stay:
        begun = [s for s in siblings if s.admitted is not None and s.admitted[1] <= deed.at]
        return begun[-1] if begun else siblings[0]

    return tuple(sorted((d for d in done if d.visit == stay.key and about(d) is stay), key=lambda d: d.at))


def _deaths(messages: Sequence[Message], who: Families) -> dict[Any, datetime]:
    found: dict[Any, tuple[tuple[object, ...], datetime]] = {}
    for message in messages:
        if message.died is not None:
            owner = who.root(person_of(message.patient))
            died = min(message.died, message.arrived)
            if owner not in found or message.order < found[owner][0]:
                found[owner] = (message.order, died)
    return {owner: died for owner, (_, died) in found.items()}


def category(stay: Stay, died: datetime | None) -> str:
    """The kind of destination; dead at or before the discharge is expired whatever the code says."""
    if died is not None and stay.discharged is not None and died <= stay.discharged:
        return "expired"
    known = dispositions().get(stay.code)
    return known.category if known else "unknown"


def _readmissions(
    theirs: Sequence[Stay], died: datetime | None, protocol: Protocol, facilities: Facilities
) -> list[Readmission]:
    found = []
    for stay in theirs:
        if (
            stay.begun is None
            or not stay.start_told
            or not stay.inpatient
            or stay.state in {"none", "planned", "cancelled"}
        ):
            continue
        index = _index(stay, theirs, died, facilities)
        if index is None or index.discharged is None:
            continue
        gap = (day_of(stay.begun, index.zone) - day_of(index.discharged, index.zone)).days
        if gap > protocol.readmission_days:
            continue
        chain = gap <= 1 and (index.facility != stay.facility or index.code in _TO_HOSPITAL)
        same = bool(index.diagnosis) and index.diagnosis[:_THREE] == stay.diagnosis[:_THREE]
        combined = index.facility == stay.facility and gap == 0 and same
        found.append(Readmission(index, stay, notice=not chain and not combined))
    return found


def _index(stay: Stay, theirs: Sequence[Stay], died: datetime | None, facilities: Facilities) -> Stay | None:
    assert stay.begun is not None
    before = []
    for each in theirs:
        left = each.discharged
        if each is stay or left is None or not each.inpatient:
            continue
        if day_of(left, each.zone) > day_of(stay.begun, each.zone) or left > stay.begun:
            continue
        if category(each, died) in {"expired", "still_patient"} or not facilities.of(each.facility).acute:
            continue
        before.append((left, each))
    return max(before, key=lambda pair: pair[0])[1] if before else None


@dataclass(frozen=True, slots=True)
class _Owing:
    """What one stay makes owed."""

    stay: Stay
    died: datetime | None
    quiet_until: datetime
    deeds: tuple[Deed, ...]
    protocol: Protocol
    facilities: Facilities
    readmissions: Sequence[Readmission]

    def handoffs(self) -> list[Duty]:
        stay = self.stay
        if stay.state in {"none", "planned", "cancelled"}:
            return []
        found = []
        moves = sorted(stay.transfers, key=lambda each: (each.at, each.cause.order))
        for number, move in enumerate(moves):
            ends = []
            if number + 1 < len(moves):
                ends.append((moves[number + 1].at, "left"))
            if stay.discharged is not None:
                ends.append((stay.discharged, "left"))
            if self.died is not None:
                ends.append((self.died, "died"))
            which = move.cause.fingerprint
            found += [
                self._duty("unit", which, kind, move.at, ends, unit=move.unit)
                for kind in self.protocol.data["transfers"]["deadlines"]
                if self.protocol.followed(kind)
            ]
        return found

    def discharge(self) -> list[Duty]:
        stay, left = self.stay, self.stay.discharged
        if left is None or not (stay.inpatient or stay.observation):
            return []
        said = self.protocol.opens(category(stay, self.died))
        if said is None:
            return []
        ends = [(self.protocol.window_end(left, self._place()), "window_ended")]
        if self.died is not None and self.died > left:
            ends.append((self.died, "died"))
        ends += [(r.stay.begun, "readmitted") for r in self.readmissions if r.index is stay and r.stay.begun]
        provisional, raised = bool(said.get("provisional")), bool(said.get("raised"))
        return [
            self._duty(said["opens"], "", kind, left, ends, provisional=provisional, raised=raised)
            for kind in said["deadlines"]
            if self.protocol.followed(kind)
        ]

    def _place(self) -> Place:
        facility = self.facilities.of(self.stay.facility)
        return Place(facility.tz, facility.extra_holidays)

    def _duty(
        self,
        episode: str,
        which: str,
        kind: str,
        start: datetime,
        ends: Iterable[tuple[datetime, str]],
        *,
        provisional: bool = False,
        raised: bool = False,
        unit: str = "",
    ) -> Duty:
        place = self._place()
        return Duty(
            key=(*self.stay.key, self.stay.generation, episode, which, kind),
            stay=self.stay,
            kind=kind,
            start=start,
            due=self.protocol.due(kind, start, place),
            provisional=provisional,
            raised=raised,
            ends=tuple(ends),
            quiet_until=start if episode == "unit" else self.quiet_until,
            unit=unit,
            deeds=self.deeds,
            place=place,
        )
