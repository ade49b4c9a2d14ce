"""Two doors: visits from `adt.encounters` and actions from `care.actions`; each batch is one transaction."""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from pydantic import ValidationError

from schemas import topics
from schemas.actions import TYPES
from schemas.encounters import MARK_TYPE, AppliedMark, EncounterEvent
from services.chassis import clock, marks, metrics
from services.chassis.arrivals import arrived
from services.chassis.kafka import Record
from services.chassis.logs import get_logger
from services.chassis.postgres import Db, Pool, transaction
from services.chassis.reading import places_of
from services.chassis.service import Service
from services.transitions import store
from services.transitions.domain.actions import WITHDRAWN, Read, Refusal
from services.transitions.domain.model import NO_NEWS, News, Stay
from services.transitions.domain.stays import KnownStay, news_of, stay_of
from services.transitions.planner import NEVER, Rules, replan

log = get_logger("transitions")

CONSUMER = "transitions"
FIRING_TOPICS = (topics.ADT_INBOUND, topics.CARE_ACTIONS)
"""What must have been applied before anything fires; adt.inbound as told by admissions' own mark."""

WORTH_PARTING = 200
"""Visits in a batch from which on it is taken over in two transactions at once."""

MOST_PARTITIONS = 100_000
"""More than any topic has: a row is kept for each."""

CODES = (
    "not_json", "unknown_type", "invalid_action", "in_the_future", "ambiguous_visit", "id_used_again",
    "cannot_be_applied",
    "unknown_protocol",
)  # fmt: skip
ACTIONS = metrics.declare(
    "baton_actions_received_total",
    "counter",
    "Actions read from care.actions.",
    ["type"],
    known=[[name] for name in TYPES],
)
REFUSED = metrics.declare(
    "baton_actions_rejected_total",
    "counter",
    "Actions refused; look at `baton dlq`.",
    ["code"],
    known=[[code] for code in CODES],
)
UNREADABLE = metrics.declare(
    "baton_encounters_unreadable_total",
    "counter",
    "Records on adt.encounters that are no visit. Admissions wrote something this version cannot read.",
)
ALARMS = metrics.declare(
    "baton_identity_alarms",
    "gauge",
    "Visits filed under somebody who had died before they began: two people under one number, or a death reported wrongly. "
    "Every replica counts them all: take the largest, not the sum.",
    ["kind"],
)
PLANNED = metrics.declare("baton_patients_planned_total", "counter", "Patients whose plan was made.")

_RAISE_MARKS = """
INSERT INTO baton.applied_mark AS held (consumer, topic, "partition", mark)
SELECT $1, $2, p, m FROM unnest($3::integer[], $4::timestamptz[]) AS given (p, m) ORDER BY p
ON CONFLICT (consumer, topic, "partition") DO UPDATE SET mark = greatest(held.mark, excluded.mark)
"""


class Doors:
    """The handlers of transitions."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._unreadable = 0

    async def on_encounters(self, service: Service, records: list[Record]) -> None:
        """Take over newer visits, plan their patients anew, note how far admissions has read."""
        visits, told = self._read(service, records)
        async with asyncio.TaskGroup() as lanes:
            for lane in _lanes(visits):
                lanes.create_task(self._take_all(service.pool, lane))
        async with transaction(service.pool) as db:
            # Only now: what admissions had read by its mark is in the visits before it.
            await _raise_marks(db, told)
            await service.marks.write(db, records)
        service.registry.counter(PLANNED).inc(len(visits))
        if visits:
            service.relay.wake()

    def _read(
        self, service: Service, records: Iterable[Record]
    ) -> tuple[dict[UUID, EncounterEvent], dict[int, AppliedMark]]:
        visits: dict[UUID, EncounterEvent] = {}
        told: dict[int, AppliedMark] = {}
        for record in records:
            if record.value is None:
                continue
            try:
                if record.header("ce_type") == MARK_TYPE:
                    said = AppliedMark.model_validate_json(record.value)
                    if record.partition < said.partitions <= MOST_PARTITIONS:
                        told[record.partition] = said
                    else:
                        self._pass_by(service, record, ["partitions"])
                    continue
                event = EncounterEvent.model_validate_json(record.value)
            except ValidationError as error:
                self._pass_by(service, record, places_of(error))
                continue
            known = visits.get(event.visit_id)
            if known is None or event.revision > known.revision:
                visits[event.visit_id] = event
        return visits, told

    async def refuse_encounter(self, service: Service, record: Record, why: str) -> None:
        """Pass by a visit that cannot be kept: admissions holds it, and publishes it again when asked."""
        async with service.pool.acquire() as db:
            await service.marks.write(db, [record])
        self._pass_by(service, record, [why])

    def _pass_by(self, service: Service, record: Record, places: list[str]) -> None:
        service.registry.counter(UNREADABLE).inc()
        self._unreadable += 1
        where = {"partition": record.partition, "offset": record.offset, "places": places}
        log.error("a record on adt.encounters is no visit", **where)

    async def _take_all(self, pool: Pool, visits: dict[UUID, EncounterEvent]) -> None:
        async with transaction(pool) as db:
            await self._take(db, visits)

    async def _take(self, db: Db, visits: dict[UUID, EncounterEvent]) -> None:
        await store.share_binding(db)
        patients = {event.patient.patient_id for event in visits.values()}
        patients |= await store.patients_of(db, visits)
        await store.lock_patients(db, patients)
        known = await store.known_visits(db, visits)
        moved_from = {one.stay.patient_id for one in known.values()} - patients
        if moved_from:
            await store.lock_patients(db, moved_from)
        newer = [
            KnownStay(stay_of(event, self.rules.facilities), event.learned_at, event.test).after(
                known.get(visit_id)
            )
            for visit_id, event in visits.items()
            if visit_id not in known or event.revision > known[visit_id].stay.revision
        ]
        if newer:
            await store.upsert_visits(db, newer)
            await self._follow(db, [one.stay for one in newer if one.told()], known)

    async def _follow(self, db: Db, told: Sequence[Stay], known: Mapping[UUID, KnownStay]) -> None:
        """Let what people did find the visits that changed, and plan anew whom they belong to or belonged to."""
        if not told:
            return
        went_on = [
            (before.stay.root_id, stay.root_id, stay.number)
            for stay in told
            if stay.number and (before := known.get(stay.visit_id)) and before.stay.root_id != stay.root_id
        ]
        if went_on:
            await store.follow_actions(db, went_on)
        numbers = {stay.number for stay in told if stay.number}
        await store.bind_actions(db, numbers, max(stay.learned_at for stay in told))
        arrivals: dict[UUID, datetime] = {}
        for stay in told:
            before = known.get(stay.visit_id)
            for patient_id in {stay.patient_id, before.stay.patient_id if before else stay.patient_id}:
                arrivals[patient_id] = max(arrivals.get(patient_id, stay.learned_at), stay.learned_at)
        await self._plan(db, arrivals, news_of(told, known))

    async def check(self) -> str | None:
        """What /readyz says of visits that could not be read: their patients are not followed up."""
        if not self._unreadable:
            return None
        return (
            f"{self._unreadable} records on adt.encounters could not be read: put matching versions of admissions and "
            "transitions in place, then run `baton republish`."
        )

    async def on_actions(self, service: Service, records: list[Record]) -> None:
        """Keep what people did, and plan anew those whom it concerns."""
        async with service.pool.acquire() as db:
            now = await clock.now(db)
        read: list[tuple[Read, Record]] = []
        refused: list[tuple[UUID, Record, Refusal, datetime]] = []
        for record in records:
            said = self.rules.read(record.value or b"", arrived(record, now))
            if isinstance(said, Read):
                read.append((said, record))
                service.registry.counter(ACTIONS).labels(said.type).inc()
            else:
                refused.append((_rejection_id(record), record, said, arrived(record, now)))
        async with transaction(service.pool) as db:
            await self._keep(db, read, refused)
            await service.marks.write(db, records)
        for _, _, why, _ in refused:
            service.registry.counter(REFUSED).labels(why.code).inc()
        service.relay.wake()

    async def refuse_action(self, service: Service, record: Record, why: str) -> None:
        """Keep an action as refused that was read and cannot be applied; `why` is the class of the error."""
        said = Refusal("cannot_be_applied", f"applying it failed ({why})")
        async with transaction(service.pool) as db:
            arrival = arrived(record, await clock.now(db))
            await store.insert_rejections(db, [(_rejection_id(record), record, said, arrival)])
            await service.marks.write(db, [record])
        service.registry.counter(REFUSED).labels(said.code).inc()
        service.relay.wake()

    async def _keep(
        self,
        db: Db,
        read: Sequence[tuple[Read, Record]],
        refused: list[tuple[UUID, Record, Refusal, datetime]],
    ) -> None:
        numbers = {said.visit for said, _ in read if said.visit}
        found = await store.visits_by_number(db, numbers)
        unmet = any(said.visit and not meant(said, found) for said, _ in read)
        if unmet or any(said.type == WITHDRAWN for said, _ in read):
            # Look again behind the visits and actions that are just appearing: they would not see ours, nor we them.
            await store.hold_binding(db)
            found = await store.visits_by_number(db, numbers)
        else:
            await store.share_binding(db)
        bound: dict[str, tuple[Read, UUID | None]] = {}
        withdrawals: dict[str, Read] = {}
        lists: list[Read] = []
        for said, record in read:
            if said.type == WITHDRAWN:
                withdrawals.setdefault(said.action_id, said)
            elif said.visit is None:
                lists.append(said)
            else:
                roots = meant(said, found)
                if len(roots) > 1:
                    why = Refusal(
                        "ambiguous_visit",
                        "several visits have this number: name the facility or authority",
                        "visit",
                    )
                    refused.append((_rejection_id(record), record, why, said.at))
                else:
                    bound.setdefault(said.action_id, (said, roots.pop() if roots else None))
        new = await store.insert_actions(db, list(bound.values())) if bound else set()
        refused += await _used_again(db, read, new)
        new |= await self._withdraw(db, lists, withdrawals)
        if refused:
            await store.insert_rejections(db, refused)
        if new:
            await self._plan_after(db, {said.action_id: said.at for said, _ in read if said.action_id in new})
            asked = {said.action_id: said for said, _ in bound.values()} | withdrawals
            await store.answer_at_door(db, [said for said in asked.values() if said.action_id in new])
        if lists:
            await store.answer_lists(db, lists)

    async def _plan_after(self, db: Db, arrived_at: dict[str, datetime]) -> None:
        concerned = await store.patients_of_actions(db, arrived_at)
        if not concerned:
            return
        await store.lock_patients(db, {patient_id for _, patient_id in concerned})
        # A merge may have moved a visit while we waited for the locks.
        concerned = await store.patients_of_actions(db, arrived_at)
        await store.lock_patients(db, {patient_id for _, patient_id in concerned})
        arrivals: dict[UUID, datetime] = {}
        for action_id, patient_id in concerned:
            at = arrived_at[action_id]
            arrivals[patient_id] = max(arrivals.get(patient_id, at), at)
        await self._plan(db, arrivals)

    async def _withdraw(self, db: Db, lists: Sequence[Read], withdrawals: Mapping[str, Read]) -> set[str]:
        """Keep what was taken back, and who has the lists of teams after that; gives the withdrawals that were new."""
        new = await store.insert_withdrawals(db, list(withdrawals.values())) if withdrawals else set()
        if lists or new:
            teams = [(self.rules.facilities.of(said.facility or "").team, said) for said in lists]
            known_at = max(said.at for said in (*lists, *withdrawals.values()))
            await store.acknowledge_lists(db, teams, new, known_at)
        return new

    async def _plan(self, db: Db, arrivals: dict[UUID, datetime], news: News = NO_NEWS) -> None:
        mark = await marks.lowest(db, CONSUMER, FIRING_TOPICS) or NEVER
        as_of = dict.fromkeys(arrivals, mark)
        await replan(db, sorted(arrivals), self.rules, as_of=as_of, arrivals=arrivals, news=news)


def _lanes(visits: dict[UUID, EncounterEvent]) -> list[dict[UUID, EncounterEvent]]:
    """A large batch in two parts with different patients: while Postgres works for one, we work for the other."""
    if len(visits) < WORTH_PARTING:
        return [visits] if visits else []
    lanes: list[dict[UUID, EncounterEvent]] = [{}, {}]
    for visit_id, event in visits.items():
        lanes[event.patient.patient_id.int % 2][visit_id] = event
    return lanes


def meant(said: Read, found: Mapping[str, Iterable[asyncpg.Record]]) -> set[UUID]:
    """The visit numbers, by their surrogates, that an action can mean."""
    return {
        row["root_id"]
        for row in found.get(said.visit or "", ())
        if said.facility in (None, row["facility"]) and said.authority in (None, row["authority"])
    }


async def _used_again(
    db: Db, read: Sequence[tuple[Read, Record]], new: set[str]
) -> list[tuple[UUID, Record, Refusal, datetime]]:
    """Actions under an id that another one has: they are not the same said twice."""
    given = [(said, record) for said, record in read if said.type != WITHDRAWN and said.visit is not None]
    if len(given) == len(new):
        return []
    first = await store.action_bodies(db, {said.action_id for said, _ in given})
    why = Refusal("id_used_again", "another action has this id already: send it under an id of its own", "id")
    return [
        (_rejection_id(record), record, why, said.at)
        for said, record in given
        if first.get(said.action_id, said.body) != said.body
    ]


async def _raise_marks(db: Db, told: dict[int, AppliedMark]) -> None:
    """Note admissions' mark for the partitions it came through; a partition it has not come through holds it back."""
    if not told:
        return
    all_of_them = range(max(one.partitions for one in told.values()))
    await db.execute(
        _RAISE_MARKS,
        CONSUMER,
        topics.ADT_INBOUND,
        list(all_of_them),
        [told[number].mark if number in told else None for number in all_of_them],
    )


def _rejection_id(record: Record) -> UUID:
    """The same record read again is the same refusal."""
    name = f"{record.topic}/{record.partition}/{record.offset}/{record.timestamp.timestamp()}/"
    return UUID(bytes=hashlib.sha256(name.encode() + (record.value or b"")).digest()[:16])
