"""Identity is folded too: who stands for whom follows from all merges, in event order, never from arrival."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from services.admissions.domain.model import AdtEvent, PatientKey
from services.admissions.domain.order import OrderKey, order_key

MERGES = frozenset({"A40", "A18", "A30", "A34"})
"""A40 and the deprecated events it replaced: MRG-1 folds into PID-3."""

CYCLE = "merge_cycle"
ALREADY_RETIRED = "already_retired"


class MergeFact(Struct, frozen=True):
    """One merge: `retired` (MRG-1) is the same person as `surviving` (PID-3), which stays."""

    event_id: str
    retired: PatientKey
    surviving: PatientKey
    order: OrderKey


def merge_facts(event: AdtEvent) -> tuple[MergeFact, ...]:
    """What an event says about identity; nothing where it merges a patient into itself."""
    if event.trigger not in MERGES or event.patient is None or event.prior_patient is None:
        return ()
    if event.patient == event.prior_patient:
        return ()
    return (MergeFact(event.event_id, event.prior_patient, event.patient, order_key(event)),)


def survivors(
    facts: Iterable[MergeFact],
) -> tuple[Mapping[PatientKey, PatientKey], tuple[tuple[MergeFact, str], ...]]:
    """Give for each retired identifier the one that stands for it, and the merges refused with their reason.

    A merge back (B into A after A into B) would make a circle; an identifier already retired cannot be
    merged into somebody else: both wait for a person.
    """
    parent: dict[PatientKey, PatientKey] = {}
    refused: list[tuple[MergeFact, str]] = []

    def head(key: PatientKey) -> PatientKey:
        while key in parent:
            key = parent[key]
        return key

    for fact in sorted(facts, key=lambda each: (each.order, each.event_id)):
        if fact.retired in parent:
            if head(fact.retired) != head(fact.surviving):
                refused.append((fact, ALREADY_RETIRED))
        elif head(fact.surviving) == fact.retired:
            refused.append((fact, CYCLE))
        else:
            parent[fact.retired] = fact.surviving
    return {key: head(key) for key in parent}, tuple(refused)
