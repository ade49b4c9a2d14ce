"""Admissions over rows in memory: what `services.admissions.ledger` does over Postgres, in the same order."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from msgspec.structs import replace

from baton.document import RejectedRow
from baton.replay.rows import Identifier, Root, VisitRow
from baton.replay.scenario import Line
from schemas import topics
from schemas.encounters import EncounterEvent, Patient, Visit, VisitState
from schemas.ids import uuid5
from services.admissions import ledger
from services.admissions.consumer import Inbound, Item, Refusal
from services.admissions.domain.construct import construct
from services.admissions.domain.identity import MergeFact, merge_facts, own_key
from services.admissions.domain.identity import people as folded_people
from services.admissions.domain.joins import AccountMove, Join, account_move, joins, reported_by
from services.admissions.domain.model import AdtEvent, PatientKey, VisitKey
from services.admissions.domain.person import alike, says_again
from services.admissions.domain.superseded import repeats
from services.admissions.holding import root_key
from services.admissions.ledger import Told
from services.admissions.people import person_of
from services.admissions.store import RootKey
from services.chassis.kafka import Record

_IDS = UUID("0f0f6f0e-3f0a-5c1d-9b38-5f6d7c1c2f11")
_LONG_OVER = timedelta(days=400)
_READ_AHEAD = 256

Said = tuple[list[Item], list[Refusal]]
"""What one message says: its events, each with its record and bytes, or the reason why there is none."""


class Admissions:
    """Everything admissions keeps."""

    def __init__(self, inbound: Inbound) -> None:
        self._inbound = inbound
        self._identifiers: dict[PatientKey, Identifier] = {}
        self._by_id: dict[UUID, Identifier] = {}
        self._groups: dict[UUID, list[Identifier]] = {}
        self._roots: dict[RootKey, Root] = {}
        self._root_of: dict[UUID, Root] = {}
        self._joins: defaultdict[UUID, dict[tuple[str, UUID], tuple[UUID, UUID, Join]]] = defaultdict(dict)
        self._roots_under: defaultdict[RootKey, dict[UUID, None]] = defaultdict(dict)
        self._moves: defaultdict[RootKey, list[tuple[UUID, AccountMove]]] = defaultdict(list)
        self._visits_of: defaultdict[UUID, dict[UUID, tuple[Root, VisitRow]]] = defaultdict(dict)
        self._events: set[str] = set()
        self._merges: defaultdict[PatientKey, dict[str, MergeFact]] = defaultdict(dict)
        self.rejected: list[RejectedRow] = []

    def visits(self) -> Iterator[tuple[VisitRow, Patient]]:
        """Every visit with the person it belongs to."""
        for root in self._roots.values():
            for row in root.visits:
                yield row, self._patient(row)

    def read(self, lines: Iterable[Line]) -> Iterator[Said]:
        """What each message among these lines says, in their order; nothing of it is kept yet.

        Many are read before the first is taken in: by turns with all the rest, reading takes twice the time.
        """
        messages = (
            Record(topics.ADT_INBOUND, 0, 0, None, line.adt, (), line.at, "create")
            for line in lines
            if line.adt is not None
        )
        while some := list(islice(messages, _READ_AHEAD)):
            yield from [self._inbound.read(record, record.timestamp) for record in some]

    def on_messages(self, messages: Iterable[Said], at: datetime) -> list[EncounterEvent]:
        """Take in what the messages of one instant say; gives the visits that changed, as they are published."""
        events = self._unheard(messages)
        if not events:
            return []
        changed: dict[UUID, tuple[Root, VisitRow]] = {}
        kept = [
            (event, self._identifier(event, event.patient), self._root(event, event.visit))
            for event in events
        ]
        for event, identifier, root in kept:
            if root is not None:
                root.tell(event, identifier.patient_id if identifier else None)
                if (account := root_key(event, event.account)) is not None:
                    self._roots_under[account][root.root_id] = None
        roots = {
            root.root_id: root
            for event, _, root in kept
            if root is not None and not self._repeats(root, event)
        }
        # Most updates only repeat what is known.
        if not roots and [event.trigger for event in events] == ["A08"] and self._same_person(*kept[0][:2]):
            return []
        roots |= self._join(events)
        retold = self._tell_persons(kept, at, changed)
        written = {row.visit_id: (root, row) for root, row in self._fold(roots)}
        for survivor_id in retold:
            self._touch(survivor_id, at, written, changed)
        return [self._event(*pair) for pair in (changed | written).values()]

    def _unheard(self, messages: Iterable[Said]) -> list[AdtEvent]:
        found = []
        for items, refusals in messages:
            self.rejected += [RejectedRow(refusal[5], refusal[3].code) for refusal in refusals]
            for event, _, _ in items:
                if event.event_id not in self._events:
                    self._events.add(event.event_id)
                    found.append(event)
        return found

    def _identifier(self, event: AdtEvent, said: PatientKey | None) -> Identifier | None:
        return None if said is None else self._named(own_key(event, said))

    def _named(self, key: PatientKey) -> Identifier:
        row = self._identifiers.get(key)
        if row is None:
            own = uuid5(_IDS, f"{key.authority}|{key.type}|{key.id}")
            row = self._identifiers[key] = self._by_id[own] = Identifier(own, key, own)
            self._groups[own] = [row]
        return row

    def _root(self, event: AdtEvent, said: VisitKey | None) -> Root | None:
        key = root_key(event, said)
        if key is None:
            return None
        root = self._roots.get(key)
        if root is None:
            root = self._roots[key] = Root(uuid5(_IDS, "|".join(key)), key, event.feed, [], [])
            self._root_of[root.root_id] = root
        return root

    def _join(self, events: Sequence[AdtEvent]) -> dict[UUID, Root]:
        """Keep what was said of visit numbers and accounts; gives the numbers that may come out otherwise."""
        concerned: dict[UUID, Root] = {}
        for event in events:
            for fact in joins(event):
                retired, surviving = self._root(event, fact.retired), self._root(event, fact.surviving)
                if retired is not None and surviving is not None:
                    said = retired.root_id, surviving.root_id, fact
                    for end in (retired, surviving):
                        self._joins[end.root_id][fact.event_id, retired.root_id] = said
                        concerned[end.root_id] = end
            moved = account_move(event)
            account = root_key(event, moved.account) if moved else None
            to = self._identifier(event, event.patient)
            if moved is not None and account is not None and to is not None:
                self._moves[account].append((to.patient_id, moved))
                concerned |= {root_id: self._root_of[root_id] for root_id in self._roots_under[account]}
        return concerned

    # --- persons ----------------------------------------------------------------------------------------------

    def _identify(
        self, facts: Sequence[MergeFact], doubtful: Iterable[Identifier], at: datetime,
        changed: dict[UUID, tuple[Root, VisitRow]],
    ) -> tuple[dict[UUID, None], dict[UUID, None]]:  # fmt: skip
        """Fold identity anew; gives the persons before and after, and those to be told of again; notes visits that moved."""
        for fact in facts:
            for key in (fact.retired, fact.surviving):
                self._merges[self._named(key).key][fact.event_id] = fact
        keys = [key for fact in facts for key in (fact.retired, fact.surviving)]
        around, members = self._around([*keys, *(row.key for row in doubtful)])
        registers = {row.key: said for row in members if (said := row.said()) is not None}
        found = folded_people(
            around.values(),
            first={key: own.first for key, own in registers.items() if own.first is not None},
            enterprise={
                key: own.enterprise.value for key, own in registers.items() if own.enterprise is not None
            },
        )
        concerned: dict[UUID, None] = {}
        renumbered: dict[UUID, None] = {}
        for row in members:
            lead = self._named(found.persons.get(row.key, row.key))
            record = self._named(found.records.get(row.key, row.key))
            self._follow(row, lead.patient_id, concerned)
            number = None if record is lead else record.patient_id
            if row.record_id != number:
                row.record_id = number
                renumbered[lead.patient_id] = None
        for survivor_id in list(concerned):
            for root, visit in list(self._visits_of[survivor_id].values()):
                now = self._by_id[visit.reported_id].survivor_id
                if now != visit.patient_id:
                    moved = replace(visit, patient_id=now, revision=visit.revision + 1, learned_at=at)
                    self._place(root, moved, visit)
                    changed[visit.visit_id] = root, moved
        return concerned, renumbered

    def _around(self, keys: Iterable[PatientKey]) -> tuple[dict[str, MergeFact], list[Identifier]]:
        """Every merge and every identifier that any merge, link or person connects with these."""
        found: dict[str, MergeFact] = {}
        members: dict[PatientKey, Identifier] = {}
        todo = list(keys)
        while todo:
            row = self._named(todo.pop())
            if row.key in members:
                continue
            members[row.key] = row
            todo += (other.key for other in self._groups[row.survivor_id])
            if (said := row.said()) is not None and said.enterprise is not None:
                todo.append(said.enterprise.value)
            for event_id, fact in self._merges[row.key].items():
                found[event_id] = fact
                todo += [fact.retired, fact.surviving]
        return found, list(members.values())

    def _follow(self, row: Identifier, survivor_id: UUID, concerned: dict[UUID, None]) -> None:
        if row.survivor_id == survivor_id:
            return
        concerned |= {row.survivor_id: None, survivor_id: None}
        self._groups[row.survivor_id].remove(row)
        self._groups[survivor_id].append(row)
        row.survivor_id = survivor_id

    def _tell_persons(
        self,
        kept: Sequence[tuple[AdtEvent, Identifier | None, Root | None]],
        at: datetime,
        moved: dict[UUID, tuple[Root, VisitRow]],
    ) -> list[UUID]:
        """Take in what the events say of the persons; gives the survivors whose published person changed."""
        news: dict[UUID, Identifier] = {}
        doubtful: list[Identifier] = []
        facts: list[MergeFact] = []
        for event, row, _ in kept:
            facts += merge_facts(event)
            if row is not None and not self._same_person(event, row):
                before, now = row.said(), row.hear(event)
                if before is not now:
                    if not (len(self._groups[row.survivor_id]) == 1 and alike(before, now)):
                        news[row.patient_id] = row
                    if before is None or before.first != now.first or before.enterprise is not now.enterprise:
                        doubtful.append(row)
        doubtful = [
            row for row in doubtful
            if self._merges.get(row.key) or (row.registers and row.registers.enterprise is not None)
        ]  # fmt: skip
        concerned, renumbered = self._identify(facts, doubtful, at, moved) if facts or doubtful else ({}, {})
        concerned |= {row.survivor_id: None for row in news.values()}
        changed = dict(renumbered)
        for survivor_id in concerned:
            head, group = self._by_id[survivor_id], self._groups[survivor_id]
            if group:
                person = person_of(
                    head.patient_id, head.key, [row.key for row in group], [row.said() for row in group]
                )
                if person != head.person:
                    if head.person is not None:
                        changed[survivor_id] = None
                    head.person = person
        return list(changed)

    def _same_person(self, event: AdtEvent, row: Identifier | None) -> bool:
        """Whether the event only says again what was said last of a person known under one identifier."""
        if row is None:
            return True
        if row.last is None or len(self._groups[row.survivor_id]) > 1 or not says_again(event, row.last):
            return False
        row.last, row.absorbed = event, False
        return True

    def _patient(self, row: VisitRow) -> Patient:
        """The person of a visit; under the number of the record, where that is one of several linked."""
        found = self._by_id[row.patient_id].person
        assert found is not None
        record_id = self._by_id[row.reported_id].record_id
        if record_id is None:
            return found
        key = self._by_id[record_id].key
        return found.model_copy(update={"number": key.id, "authority": key.authority.removeprefix("test:")})

    def _repeats(self, root: Root, event: AdtEvent) -> bool:
        """Whether the event changes no visit: a hospital says most things several times."""
        if root.last is None or not repeats(event, root.last):
            return False
        if root.root_id in self._joins or ledger.of_accounts(self._moves, root.told):
            return False
        root.repeated(event)
        return True

    # --- visits -----------------------------------------------------------------------------------------------

    def _fold(self, roots: dict[UUID, Root]) -> Iterator[tuple[Root, VisitRow]]:
        """Fold visit numbers anew; gives the visits that differ from what stood."""
        tied = {root_id: None for root_id in roots if root_id in self._joins}
        if tied:
            yield from self._fold_tied(list(tied))
        for root in roots.values():
            if root.root_id not in tied:
                whose = self._reporter(root.told) if self._moves else root.reporter and root.reporter[1]
                if whose is not None:
                    visits = root.fold(self._inbound.feeds.by_name[root.feed])
                    yield from self._write(root, visits, None, whose, root.told[-1][1])

    def _fold_tied(self, todo: list[UUID]) -> Iterator[tuple[Root, VisitRow]]:
        said: dict[tuple[str, UUID], tuple[UUID, UUID, Join]] = {}
        known: dict[UUID, Root] = {}
        while todo:
            root_id = todo.pop()
            if root_id not in known:
                known[root_id] = self._root_of[root_id]
                said |= self._joins[root_id]
                todo += (end for *ends, _ in self._joins[root_id].values() for end in ends)
        told = {root_id: root.told for root_id, root in known.items()}
        around = [(retired, fact) for retired, _, fact in said.values()]
        for sheaf in ledger.sheaves({root_id: root.key for root_id, root in known.items()}, around, told):
            whose = self._reporter([each for member in sheaf.members for each in told[member]])
            if whose is not None:
                own = [event for member in sheaf.members for _, event in told[member]]
                newest = max(own, key=lambda event: event.received_at) if sheaf.retired else own[-1]
                profile = self._inbound.feeds.by_name[own[0].feed]
                for root_id, visits, into in ledger.described(sheaf, told, own, profile):
                    yield from self._write(self._root_of[root_id], visits, into, whose, newest)

    def _reporter(self, told: Sequence[Told]) -> UUID | None:
        return reported_by(told, ledger.of_accounts(self._moves, told))

    def _write(
        self, root: Root, visits: list[Visit], into: UUID | None, reporter: UUID, newest: AdtEvent
    ) -> Iterator[tuple[Root, VisitRow]]:
        """Keep the visits of a number; gives those that differ from what stood."""
        visits += [ledger.vanished(row.visit) for row in root.visits[len(visits) :]]
        patient_id = self._by_id[reporter].survivor_id
        for generation, visit in enumerate(visits):
            before = root.visits[generation] if generation < len(root.visits) else None
            if before is not None and (before.patient_id, before.reported_id, before.folded_into) == (
                patient_id, reporter, into
            ) and vars(before.visit) == vars(visit):  # fmt: skip
                continue
            row = VisitRow(
                visit_id=before.visit_id if before else uuid5(root.root_id, str(generation)),
                root_id=root.root_id,
                reported_id=reporter,
                patient_id=patient_id,
                live=self._inbound.feeds.by_name[newest.feed].mode == "live" and not newest.test,
                test=newest.test,
                learned_at=newest.received_at,
                revision=before.revision + 1 if before else 1,
                visit=visit,
                folded_into=into,
            )
            self._place(root, row, before)
            yield root, row

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
            root_id=row.folded_into or root.root_id,
            revision=row.revision,
            feed=root.feed,
            live=row.live,
            test=row.test,
            learned_at=row.learned_at,
            cause="",
            changed=(),
            visit=row.visit,
            patient=self._patient(row),
        )
