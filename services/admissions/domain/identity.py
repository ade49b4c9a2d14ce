"""Identity is folded too: who stands for whom follows from all that was ever said of it, never from arrival."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from services.admissions.domain.model import AdtEvent, PatientKey
from services.admissions.domain.order import OrderKey, order_key

MERGES = frozenset({"A40", "A18", "A30", "A34", "A36"})
"""A40 and the deprecated events it replaced: MRG-1 folds into PID-3. An A36 merges the accounts besides."""

RENAMES = frozenset({"A46", "A47", "A48"})
"""MRG-1 is from now on called PID-3: one patient, never two made one."""

MOVES = frozenset({"A43"})
"""The identifier MRG-1 goes to the patient of PID-3; where both are the same, only its enterprise identifier changes."""

LINKS = {"A24": "linked", "A37": "unlinked"}

CYCLE = "merge_cycle"
ALREADY_RETIRED = "already_retired"
INTO_ITSELF = "merge_into_itself"
CONFLICT = "identifier_in_use"
UNDONE = "undone"


class MergeFact(Struct, frozen=True, omit_defaults=True):
    """One statement on two identifiers: `retired` (MRG-1) is the same person as `surviving` (PID-3), which stays.

    `kind` is merged, renamed, linked or unlinked; of the last two neither retires.
    """

    event_id: str
    retired: PatientKey
    surviving: PatientKey
    order: OrderKey
    kind: str = "merged"


class Undo(Struct, frozen=True):
    """An operator's word that a merge was wrong: every telling of it that was recorded by `at` is void."""

    retired: PatientKey
    surviving: PatientKey
    at: datetime


class People(Struct, frozen=True):
    """Who stands for whom.

    `records`: the surviving identifier of each retired one. `persons`: for each identifier that is not its own,
    the one under which its person is kept, links and enterprise identifiers followed. `refused`: what waits for
    a person to decide, with the reason.
    """

    records: Mapping[PatientKey, PatientKey]
    persons: Mapping[PatientKey, PatientKey]
    refused: tuple[tuple[MergeFact, str], ...]


def own_key(event: AdtEvent, key: PatientKey) -> PatientKey:
    """The identifier under which an event counts; test messages live apart from real patients."""
    return PatientKey("test:" + key.authority, key.type, key.id) if event.test else key


def merge_facts(event: AdtEvent) -> tuple[MergeFact, ...]:
    """What an event says about identity, in the identifiers under which it counts."""
    trigger = event.trigger
    kind = (
        "merged"
        if trigger in MERGES or trigger in MOVES
        else "renamed"
        if trigger in RENAMES
        else LINKS.get(trigger)
    )
    if kind is None or event.patient is None or event.prior_patient is None:
        return ()
    # Of an A36 that joins two accounts of one patient, and of a move between enterprise identifiers, nothing is wrong.
    if event.patient == event.prior_patient and (kind != "merged" or trigger in {"A36", "A43"}):
        return ()
    retired, surviving = own_key(event, event.prior_patient), own_key(event, event.patient)
    return (MergeFact(event.event_id, retired, surviving, order_key(event), kind),)


class Joining(Protocol):
    """What `joined` needs to know of a merge, whatever its keys are."""

    @property
    def event_id(self) -> str: ...
    @property
    def retired(self) -> Any: ...
    @property
    def surviving(self) -> Any: ...
    @property
    def order(self) -> OrderKey: ...


Fact = TypeVar("Fact", bound=Joining)


def joined(
    facts: Iterable[Fact], in_use: Iterable[str] = ()
) -> tuple[dict[Any, Any], list[tuple[Fact, str]]]:
    """Give for each retired key the one that stands for it, and the merges refused with their reason.

    A merge back (B into A after A into B) would make a circle; a key already retired cannot be merged into
    another; a re-label to a key that somebody else has (`in_use`, by event) is a conflict: these wait for a person.
    """
    parent: dict[Any, Any] = {}
    refused: list[tuple[Fact, str]] = []
    taken = frozenset(in_use)

    def head(key: Any) -> Any:
        while key in parent:
            key = parent[key]
        return key

    for fact in sorted(facts, key=lambda each: (each.order, each.event_id, each.retired)):
        if fact.retired == fact.surviving:
            refused.append((fact, INTO_ITSELF))
        elif fact.retired in parent:
            if head(fact.retired) != head(fact.surviving):
                refused.append((fact, ALREADY_RETIRED))
        elif head(fact.surviving) == fact.retired:
            refused.append((fact, CYCLE))
        elif fact.event_id in taken:
            refused.append((fact, CONFLICT))
        else:
            parent[fact.retired] = fact.surviving
    return {key: head(key) for key in parent}, refused


def people(
    facts: Iterable[MergeFact],
    *,
    first: Mapping[PatientKey, datetime] | None = None,
    enterprise: Mapping[PatientKey, PatientKey] | None = None,
    undone: Iterable[Undo] = (),
) -> People:
    """Fold identity from all statements on a closed set of identifiers.

    `first` is the event time at which an identifier was first heard of; `enterprise` the enterprise identifier
    that each has, as last said.
    """
    standing, refused = _standing(facts, undone)
    heard = first or {}
    in_use = [
        fact.event_id
        for fact in standing
        if fact.kind == "renamed" and (at := heard.get(fact.surviving)) is not None and at < fact.order[0]
    ]
    records: dict[PatientKey, PatientKey]
    records, more = joined((fact for fact in standing if fact.kind in ("merged", "renamed")), in_use)
    persons = _linked(records, standing, enterprise or {})
    return People(
        records, persons, tuple(sorted(refused + more, key=lambda each: (each[0].order, each[0].event_id)))
    )


def _standing(
    facts: Iterable[MergeFact], undone: Iterable[Undo]
) -> tuple[list[MergeFact], list[tuple[MergeFact, str]]]:
    void: dict[tuple[PatientKey, PatientKey], datetime] = {}
    for undo in undone:
        pair = undo.retired, undo.surviving
        void[pair] = max(void.get(pair, undo.at), undo.at)
    standing: list[MergeFact] = []
    refused: list[tuple[MergeFact, str]] = []
    for fact in facts:
        at = void.get((fact.retired, fact.surviving))
        recorded_at = fact.order[1]
        if at is not None and recorded_at <= at and fact.kind != "unlinked":
            refused.append((fact, UNDONE))
        else:
            standing.append(fact)
    return standing, refused


def _linked(
    records: Mapping[PatientKey, PatientKey],
    facts: Iterable[MergeFact],
    enterprise: Mapping[PatientKey, PatientKey],
) -> dict[PatientKey, PatientKey]:
    """Put the records of one person together; the least identifier that is no enterprise identifier leads them."""
    last: dict[frozenset[PatientKey], MergeFact] = {}
    for fact in facts:
        if fact.kind in ("linked", "unlinked"):
            pair = frozenset((fact.retired, fact.surviving))
            known = last.get(pair)
            if known is None or (fact.order, fact.event_id) > (known.order, known.event_id):
                last[pair] = fact
    edges = [(fact.retired, fact.surviving) for fact in last.values() if fact.kind == "linked"]
    edges += enterprise.items()
    leader: dict[PatientKey, PatientKey] = {}

    def lead(key: PatientKey) -> PatientKey:
        key = records.get(key, key)
        while key in leader:
            key = leader[key]
        return key

    shared = frozenset(enterprise.values())
    for one, other in edges:
        ends = {lead(one), lead(other)}
        if len(ends) == 2:
            first, second = sorted(ends, key=lambda key: (key in shared, key))
            leader[second] = first
    found = {key: lead(key) for key in (*records, *leader)}
    return {key: head for key, head in found.items() if key != head}
