"""Everything known at one arrival, computed from nothing: people, stays, readmissions, and what is owed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from schemas.reference.dispositions import dispositions
from schemas.reference.facilities import Facilities
from services.auditor.domain.actions import Deed, Key
from services.auditor.domain.diagnoses import principal, same_condition
from services.auditor.domain.message import Identifier, Message
from services.auditor.domain.owing import Duty, Notice, Owing
from services.auditor.domain.protocol import Protocol
from services.auditor.domain.risk import Person
from services.auditor.domain.stay import Stay
from services.auditor.domain.times import day_of
from services.auditor.domain.walk import SPEAKS_OF_VISIT, stays

_MERGES = frozenset({"A18", "A30", "A34", "A36", "A39", "A40"})
_TO_HOSPITAL = frozenset({"02", "05", "66", "82", "85", "94"})
_PAUSES = frozenset({"A03", "A11", "A13", "A23"})

Node = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Readmission:
    """A new inpatient start within the window: what it is taken for, and whether the coordinator of the earlier stay hears of it."""

    index: Stay
    stay: Stay
    verdict: str
    notice: bool


@dataclass(slots=True)
class World:
    duties: list[Duty] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
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
    messages: Sequence[Message],
    done: Sequence[Deed],
    protocol: Protocol,
    facilities: Facilities,
    others: Mapping[Key, Protocol],
) -> World:
    """What is so, given these messages and these actions. `others` are visits whose cases stand under another protocol."""
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
    done = _meant(done, messages, who, owners)
    deaths, births = _deaths(messages, who), _births(messages, who)
    by_person: dict[Any, list[Stay]] = defaultdict(list)
    for stay in found.stays:
        by_person[owners[stay.key]].append(stay)
    for owner, theirs in by_person.items():
        died = deaths.get(owner)
        returns = _readmissions(theirs, died, protocol, facilities)
        found.readmissions += returns
        mine = [deed for deed in done if deed.visit is not None and owners.get(deed.visit) == owner]
        whose = _person(theirs, mine, returns, protocol, facilities)
        for stay in theirs:
            quiet = [m.arrived for m in by_visit[stay.key] if m.trigger in _PAUSES]
            owing = Owing(
                stay=stay,
                died=died,
                back=_back(stay, theirs, died, protocol, facilities),
                category=category(stay, died),
                quiet_until=max(quiet or _told_of_leaving(stay)) + protocol.settle,
                deeds=_of_stay(stay, found.stays, done),
                next_discharge=_next_discharge(stay, theirs),
                whose=whose,
                born=births.get(owner),
                protocol=others.get(stay.key, protocol),
                facilities=facilities,
            )
            found.duties += owing.handoffs()
            duties, notices = owing.discharge()
            found.duties += duties
            found.notices += notices
    return found


def _person(
    theirs: Sequence[Stay],
    done: Sequence[Deed],
    returns: Iterable[Readmission],
    protocol: Protocol,
    facilities: Facilities,
) -> Person:
    went_on = {
        id(each.stay): each for each in returns if each.verdict in {"transfer_chain", "same_day_combined"}
    }
    return Person(
        stays=[stay for stay in theirs if stay.state != "cancelled"],
        deeds=done,
        chained={name: each.index for name, each in went_on.items() if each.verdict == "transfer_chain"},
        continued={name: each.index for name, each in went_on.items()},
        protocol=protocol,
        facilities=facilities,
    )


def _meant(
    done: Sequence[Deed], messages: Iterable[Message], who: Families, owners: Mapping[Key, Any]
) -> list[Deed]:
    """Without those that name a patient number which is none of their visit's patient."""
    numbers: dict[Any, set[str]] = defaultdict(set)
    for message in messages:
        numbers[who.root(person_of(message.patient))].add(message.patient.number)
        if message.trigger in _MERGES and message.retired is not None:
            numbers[who.root(person_of(message.patient))].add(message.retired.number)
    return [
        deed
        for deed in done
        if deed.said.patient is None
        or deed.visit is None
        or deed.visit not in owners
        or deed.said.patient in numbers[owners[deed.visit]]
    ]


def _next_discharge(stay: Stay, theirs: Iterable[Stay]) -> datetime | None:
    """That of the next stay under the same visit number."""
    later = (s.discharged for s in theirs if s.key == stay.key and s.generation > stay.generation)
    return min((at for at in later if at is not None), default=None)


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


def _births(messages: Iterable[Message], who: Families) -> dict[Any, date]:
    """PID-7 as last recorded."""
    told = sorted((m for m in messages if m.born is not None), key=lambda m: m.order)
    return {who.root(person_of(m.patient)): m.born for m in told if m.born is not None}


def category(stay: Stay, died: datetime | None) -> str:
    """The kind of destination; dead at or before the discharge is expired whatever the code says."""
    if died is not None and stay.discharged is not None and died <= stay.discharged:
        return "expired"
    known = dispositions().get(stay.code)
    return known.category if known else "unknown"


def _back(
    stay: Stay, theirs: Sequence[Stay], died: datetime | None, protocol: Protocol, facilities: Facilities
) -> datetime | None:
    """The first inpatient start after this discharge within the window: whatever it is taken for, it ends the follow-up."""
    starts = []
    for later in theirs:
        if later is not stay and stay.discharged is not None and _starts(later, died, facilities):
            gap = _gap(stay, later)
            if (
                later.begun is not None
                and later.begun >= stay.discharged
                and gap <= protocol.readmission_days
            ):
                starts.append(later.begun)
    return min(starts, default=None)


def _starts(stay: Stay, died: datetime | None, facilities: Facilities) -> bool:
    """Whether it is a start of acute inpatient care that the feed has told of, of somebody alive."""
    if stay.begun is None or not stay.start_told or not stay.inpatient:
        return False
    if stay.state in {"none", "planned", "cancelled"} or (died is not None and died <= stay.begun):
        return False
    return facilities.of(stay.facility).acute


def _gap(index: Stay, later: Stay) -> int:
    assert index.discharged is not None
    assert later.begun is not None
    return (day_of(later.begun, index.zone) - day_of(index.discharged, index.zone)).days


def _readmissions(
    theirs: Sequence[Stay], died: datetime | None, protocol: Protocol, facilities: Facilities
) -> list[Readmission]:
    found = []
    for stay in theirs:
        index = _index(stay, theirs, died, facilities) if _starts(stay, died, facilities) else None
        if index is None or _gap(index, stay) > protocol.readmission_days:
            continue
        verdict = _verdict(index, stay, _gap(index, stay))
        notice = verdict == "readmission" and not (index.implausible or stay.implausible)
        found.append(Readmission(index, stay, verdict, notice))
    return found


def _verdict(index: Stay, stay: Stay, gap: int) -> str:
    """Domain 4.3, in its order."""
    if index.facility != stay.facility and gap <= 1:
        return "transfer_chain"
    same = same_condition(principal(index.diagnoses), principal(stay.diagnoses))
    if index.facility == stay.facility and gap == 0 and same:
        return "same_day_combined"
    return "transfer_chain" if index.code in _TO_HOSPITAL and gap <= 1 else "readmission"


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
