"""Admissions over rows in memory: what `services.admissions.ledger` does over Postgres, in the same order."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from msgspec import Struct
from msgspec.structs import replace

from baton.document import RejectedRow
from schemas import topics
from schemas.encounters import EncounterEvent, Patient, Visit, VisitState
from services.admissions import ledger
from services.admissions.consumer import Inbound
from services.admissions.domain.construct import construct
from services.admissions.domain.fold import fold
from services.admissions.domain.identity import MergeFact, merge_facts, survivors
from services.admissions.domain.model import AdtEvent, PatientKey
from services.admissions.domain.order import OrderKey, order_key
from services.admissions.domain.person import Registers, absorb, alike
from services.admissions.store import RootKey
from services.chassis.kafka import Record

_IDS = UUID("0f0f6f0e-3f0a-5c1d-9b38-5f6d7c1c2f11")
_LONG_OVER = timedelta(days=400)


class Identifier(Struct):
    """A row of admissions.patient: an identifier and what was said under it; survivors hold the whole person."""

    patient_id: UUID
    key: PatientKey
    survivor_id: UUID
    registers: Registers | None = None
    person: Patient | None = None


class VisitRow(Struct):
    """A row of admissions.visit."""

    visit_id: UUID
    reported_id: UUID
    patient_id: UUID
    live: bool
    test: bool
    learned_at: datetime
    revision: int
    visit: Visit


class Root(Struct):
    """A row of admissions.visit_root with its events and, by generation, its visits.

    `reporter` is the identifier the latest event came under that speaks of the visit (an A31 does not).
    """

    root_id: UUID
    feed: str
    events: list[AdtEvent]
    visits: list[VisitRow]
    reporter: tuple[OrderKey, UUID] | None = None


class Admissions:
    """Everything admissions keeps."""

    def __init__(self, inbound: Inbound) -> None:
        self._inbound = inbound
        self._identifiers: dict[PatientKey, Identifier] = {}
        self._by_id: dict[UUID, Identifier] = {}
        self._groups: dict[UUID, list[Identifier]] = {}
        self._roots: dict[RootKey, Root] = {}
        self._visits_of: defaultdict[UUID, dict[UUID, tuple[Root, VisitRow]]] = defaultdict(dict)
        self._events: set[str] = set()
        self._merges: defaultdict[PatientKey, dict[str, MergeFact]] = defaultdict(dict)
        self.rejected: list[RejectedRow] = []

    def visits(self) -> Iterator[tuple[VisitRow, Patient]]:
        """Every visit with the person it belongs to."""
        for root in self._roots.values():
            for row in root.visits:
                yield row, self._person(row.patient_id)

    def on_messages(self, messages: Iterable[bytes], at: datetime) -> list[EncounterEvent]:
        """Take in the messages of one instant; gives the visits that changed, as they are published."""
        events = self._read(messages, at)
        if not events:
            return []
        changed: dict[UUID, tuple[Root, VisitRow]] = {}
        kept = [(event, self._identifier(event, event.patient), self._root(event)) for event in events]
        for event, identifier, root in kept:
            if root is not None:
                root.events.append(event)
                if identifier is not None and event.trigger != "A31":
                    spoken = order_key(event), identifier.patient_id
                    root.reporter = max(root.reporter or spoken, spoken)
        moved = self._merge(events, at, changed)
        retold = self._tell_persons(kept, moved)
        roots = {root.root_id: root for _, _, root in kept if root is not None}
        written = {row.visit_id: (root, row) for root in roots.values() for row in self._fold(root)}
        for survivor_id in retold:
            self._touch(survivor_id, at, written, changed)
        return [self._event(*pair) for pair in (changed | written).values()]

    def _read(self, messages: Iterable[bytes], at: datetime) -> list[AdtEvent]:
        found = []
        for raw in messages:
            items, refusals = self._inbound.read(
                Record(topics.ADT_INBOUND, 0, 0, None, raw, (), at, "create"), at
            )
            self.rejected += (RejectedRow(refusal[5], refusal[3].code) for refusal in refusals)
            for event, _, _ in items:
                if event.event_id not in self._events:
                    self._events.add(event.event_id)
                    found.append(event)
        return found

    def _identifier(self, event: AdtEvent, said: PatientKey | None) -> Identifier | None:
        key = ledger.patient_key(event, said)
        if key is None:
            return None
        row = self._identifiers.get(key)
        if row is None:
            own = uuid5(_IDS, f"{key.authority}|{key.type}|{key.id}")
            row = self._identifiers[key] = self._by_id[own] = Identifier(own, key, own)
            self._groups[own] = [row]
        return row

    def _root(self, event: AdtEvent) -> Root | None:
        key = ledger.root_key(event)
        if key is None:
            return None
        root = self._roots.get(key)
        if root is None:
            root = self._roots[key] = Root(uuid5(_IDS, "|".join(key)), event.feed, [], [])
        return root

    # --- persons ----------------------------------------------------------------------------------------------

    def _merge(
        self, events: Sequence[AdtEvent], at: datetime, changed: dict[UUID, tuple[Root, VisitRow]]
    ) -> dict[UUID, None]:
        """Fold identity anew where a merge came; gives the survivors before and after, and notes visits that moved."""
        facts = []
        for event in events:
            for fact in merge_facts(event):
                retired, surviving = (
                    self._identifier(event, fact.retired),
                    self._identifier(event, fact.surviving),
                )
                if retired is not None and surviving is not None:
                    facts.append(replace(fact, retired=retired.key, surviving=surviving.key))
        if not facts:
            return {}
        for fact in facts:
            self._merges[fact.retired][fact.event_id] = self._merges[fact.surviving][fact.event_id] = fact
        around = self._around(key for fact in facts for key in (fact.retired, fact.surviving))
        resolved, _ = survivors(around.values())
        concerned: dict[UUID, None] = {}
        for key in {key: None for fact in around.values() for key in (fact.retired, fact.surviving)}:
            self._follow(
                self._identifiers[key], self._identifiers[resolved.get(key, key)].patient_id, concerned
            )
        for survivor_id in list(concerned):
            for root, row in list(self._visits_of[survivor_id].values()):
                now = self._by_id[row.reported_id].survivor_id
                if now != row.patient_id:
                    self._place(
                        root, replace(row, patient_id=now, revision=row.revision + 1, learned_at=at), row
                    )
                    changed[row.visit_id] = self._visits_of[now][row.visit_id]
        return concerned

    def _around(self, keys: Iterable[PatientKey]) -> dict[str, MergeFact]:
        """Every merge that touches one of these identifiers, or one that such a merge touches."""
        found: dict[str, MergeFact] = {}
        todo = list(keys)
        while todo:
            for event_id, fact in self._merges[todo.pop()].items():
                if event_id not in found:
                    found[event_id] = fact
                    todo += [fact.retired, fact.surviving]
        return found

    def _follow(self, row: Identifier, survivor_id: UUID, concerned: dict[UUID, None]) -> None:
        if row.survivor_id == survivor_id:
            return
        concerned |= {row.survivor_id: None, survivor_id: None}
        self._groups[row.survivor_id].remove(row)
        self._groups[survivor_id].append(row)
        row.survivor_id = survivor_id

    def _tell_persons(
        self, kept: Sequence[tuple[AdtEvent, Identifier | None, Root | None]], moved: Iterable[UUID]
    ) -> list[UUID]:
        """Take in what the events say of the persons; gives the survivors whose published person changed."""
        concerned = dict.fromkeys(moved)
        for event, row, _ in kept:
            if row is not None:
                before, row.registers = row.registers, absorb(row.registers, event)
                if before is not row.registers and not (
                    len(self._groups[row.survivor_id]) == 1 and alike(before, row.registers)
                ):
                    concerned[row.survivor_id] = None
        changed = []
        for survivor_id in concerned:
            head, group = self._by_id[survivor_id], self._groups[survivor_id]
            if group:
                now = ledger.person_of(
                    head.patient_id, head.key, [row.key for row in group], [row.registers for row in group]
                )
                if now != head.person:
                    if head.person is not None:
                        changed.append(survivor_id)
                    head.person = now
        return changed

    def _person(self, patient_id: UUID) -> Patient:
        found = self._by_id[patient_id].person
        assert found is not None
        return found

    # --- visits -----------------------------------------------------------------------------------------------

    def _fold(self, root: Root) -> list[VisitRow]:
        """Fold a visit number anew; gives the visits that differ from what stood."""
        if root.reporter is None:
            return []
        (_, reporter), own = root.reporter, root.events
        profile = self._inbound.feeds.by_name[root.feed]
        changed = []
        visits = list(fold(own, profile))
        visits += [ledger.vanished(row.visit) for row in root.visits[len(visits) :]]
        for generation, visit in enumerate(visits):
            before = root.visits[generation] if generation < len(root.visits) else None
            patient_id = self._by_id[reporter].survivor_id
            if (
                before is not None
                and before.patient_id == patient_id
                and before.reported_id == reporter
                and before.visit == visit
            ):
                continue
            test = own[0].test
            row = VisitRow(
                visit_id=before.visit_id if before else uuid5(root.root_id, str(generation)),
                reported_id=reporter,
                patient_id=patient_id,
                live=profile.mode == "live" and not test,
                test=test,
                learned_at=own[-1].received_at,
                revision=before.revision + 1 if before else 1,
                visit=visit,
            )
            self._place(root, row, before)
            changed.append(row)
        return changed

    def _place(self, root: Root, row: VisitRow, before: VisitRow | None) -> None:
        if before is None:
            root.visits.append(row)
        else:
            root.visits[root.visits.index(before)] = row
            del self._visits_of[before.patient_id][before.visit_id]
        self._visits_of[row.patient_id][row.visit_id] = root, row

    def _touch(
        self,
        survivor_id: UUID,
        at: datetime,
        written: dict[UUID, tuple[Root, VisitRow]],
        changed: dict[UUID, tuple[Root, VisitRow]],
    ) -> None:
        """The person changed: tell again of the visits that matter, those not long over."""
        for root, row in list(self._visits_of[survivor_id].values()):
            left = row.visit.discharged_at
            matters = row.visit.state is not VisitState.FOLDED and (left is None or left > at - _LONG_OVER)
            if matters and row.visit_id not in written:
                self._place(root, replace(row, revision=row.revision + 1, learned_at=at), row)
                changed[row.visit_id] = self._visits_of[survivor_id][row.visit_id]

    def _event(self, root: Root, row: VisitRow) -> EncounterEvent:
        return construct(
            EncounterEvent,
            visit_id=row.visit_id,
            root_id=root.root_id,
            revision=row.revision,
            feed=root.feed,
            live=row.live,
            test=row.test,
            learned_at=row.learned_at,
            cause="",
            changed=(),
            visit=row.visit,
            patient=self._person(row.patient_id),
        )
