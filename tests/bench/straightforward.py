"""The baseline of `pipeline`: the same work as one would write it first.

One FastStream handler for each message in both services (pattern A of the house style: explicit
acknowledgement after the handler), python-hl7 for the same fields, one transaction each with fsync on, the
product's own fold, person, plan and reconcile on its own tables, and each visit that changed published after the
commit. A repeated message is known by its id; rows are locked by patient; nothing is done that a careful
developer would leave out, and nothing is slowed down. It does less than the product: no rejections, no relay (a
crash between commit and publication loses an event), no applied mark, no `care.transitions`, no firing and no
alerts; merges move the visits and no more.

`python -m tests.bench.straightforward admissions|transitions` runs one of the two, with the settings of Baton.
"""

import asyncio
import hashlib
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
import hl7
import msgspec
import uvloop
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from msgspec import UNSET, UnsetType

from schemas.encounters import EncounterEvent, Identifier, Patient
from schemas.reference.dispositions import dispositions
from schemas.topics import ADT_ENCOUNTERS, ADT_INBOUND
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.fold import fold
from services.admissions.domain.model import (
    AdtEvent,
    Demographics,
    DiagnosisEntry,
    DispositionCode,
    NextOfKin,
    PatientKey,
    Phone,
    Place,
    VisitKey,
)
from services.admissions.domain.person import Registers, absorb, person
from services.admissions.hl7.triggers import TYPES
from services.chassis.postgres import Db, Pool
from services.chassis.settings import ServiceSettings, load
from services.transitions import store
from services.transitions.domain.stays import KnownStay, stay_of
from services.transitions.planner import replan
from services.transitions.settings import Settings

ZONE = ZoneInfo("America/New_York")
_NOTHING = [""] * 12
PROFILE = FeedProfile(feed="default")

_FIND_PATIENT = """
INSERT INTO admissions.patient AS p (patient_id, authority, type, number, survivor_id) VALUES ($1, $2, $3, $4, $1)
ON CONFLICT ON CONSTRAINT patient_key DO UPDATE SET number = excluded.number
RETURNING patient_id, survivor_id, registers, person
"""
_FIND_ROOT = """
INSERT INTO admissions.visit_root AS r (root_id, feed, authority, number) VALUES ($1, $2, $3, $4)
ON CONFLICT ON CONSTRAINT visit_root_key DO UPDATE SET number = excluded.number
RETURNING root_id
"""
_KEEP_EVENT = """
INSERT INTO admissions.event (event_id, root_id, patient_id, feed, trigger, applied, occurred_at, received_at, body)
VALUES ($1, $2, $3, $4, $5, true, $6, $7, $8)
ON CONFLICT ON CONSTRAINT event_pkey DO NOTHING
RETURNING event_id
"""
_KEEP_MESSAGE = """
INSERT INTO admissions.message (event_id, received_at, topic, partition, record_offset, raw)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_EVENTS = "SELECT body FROM admissions.event WHERE root_id = $1"
_VISITS = (
    "SELECT visit_id, generation, patient_id, document, revision FROM admissions.visit WHERE root_id = $1"
)
_KEEP_VISIT = """
INSERT INTO admissions.visit (
    visit_id, root_id, generation, reported_id, patient_id, feed, live, test, state, discharged_at, learned_at, cause,
    changed, document, revision
) VALUES ($1, $2, $3, $4, $5, 'default', true, false, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT ON CONSTRAINT visit_pkey DO UPDATE SET
    reported_id = excluded.reported_id, patient_id = excluded.patient_id, state = excluded.state,
    discharged_at = excluded.discharged_at, learned_at = excluded.learned_at, cause = excluded.cause,
    changed = excluded.changed, document = excluded.document, revision = excluded.revision
"""
_KEEP_PERSON = "UPDATE admissions.patient SET registers = $2, person = $3 WHERE patient_id = $1"
_MERGE = "UPDATE admissions.patient SET survivor_id = $2 WHERE survivor_id = $1"
_MOVE = """
UPDATE admissions.visit SET patient_id = $2, revision = revision + 1
WHERE patient_id = $1
RETURNING visit_id, root_id, document, revision
"""
_PERSON = "SELECT person FROM admissions.patient WHERE patient_id = $1"

_events = msgspec.json.Decoder(AdtEvent)
_registers = msgspec.json.Decoder(Registers)


# --- reading with python-hl7 --------------------------------------------------------------------------------


class _Message:
    """What one parsed message says, field by field; missing and empty are the same empty text."""

    def __init__(self, data: bytes) -> None:
        self.segments: dict[str, list[hl7.Segment]] = {}
        for segment in hl7.parse(data.decode("utf-8")):
            self.segments.setdefault(str(segment[0]), []).append(segment)

    def count(self, segment: str) -> int:
        return len(self.segments.get(segment, ()))

    def repetitions(self, segment: str, field: int, number: int = 1) -> list[list[str]]:
        """The components of each repetition; a field without structure is one component."""
        if self.count(segment) < number or len(self.segments[segment][number - 1]) <= field:
            return []
        parsed = self.segments[segment][number - 1][field]
        return [
            [str(component) for component in each] if isinstance(each, hl7.Repetition) else [str(each)]
            for each in parsed
        ]

    def parts(self, segment: str, field: int, number: int = 1) -> list[str]:
        """The components of the first repetition, and empty ones behind them."""
        found = self.repetitions(segment, field, number)
        return [*(found[0] if found else ()), *_NOTHING]

    def text(self, segment: str, field: int, component: int = 1, number: int = 1) -> str:
        return self.parts(segment, field, number)[component - 1]

    def time(self, segment: str, field: int) -> datetime | None:
        said: datetime | None = hl7.parse_datetime(self.text(segment, field))
        return said.replace(tzinfo=ZONE).astimezone(UTC) if said else None


def event_of(data: bytes, received_at: datetime) -> AdtEvent:
    """The canonical event of one message, as far as this feed says anything."""
    said = _Message(data)
    trigger, control_id = said.text("MSH", 9, 2), said.text("MSH", 10)
    application, sender = said.text("MSH", 3), said.text("MSH", 4)
    created, recorded, stated = said.time("MSH", 7), said.time("EVN", 2), said.time("EVN", 6)
    admitted, discharged = said.time("PV1", 44), said.time("PV1", 45)
    occurred = {"A01": admitted, "A04": admitted, "A06": stated, "A03": discharged}.get(trigger)
    fingerprint = hashlib.sha256(data.replace(control_id.encode(), b"", 1)).hexdigest()
    name = f"default|{application}|{sender}|{control_id}|{fingerprint}"
    identifiers = tuple(
        PatientKey(parts[3], parts[4] or "MR", parts[0]) for parts in said.repetitions("PID", 3)
    )
    retired = said.text("MRG", 1)
    visit, account = said.text("PV1", 19), said.text("PID", 18)
    return AdtEvent(
        event_id=hashlib.sha256(name.encode()).hexdigest()[:32],
        feed="default",
        trigger=trigger,
        type=TYPES.get(trigger, "ignored"),
        control_id=control_id,
        fingerprint=fingerprint,
        sending_application=application,
        sending_facility=sender,
        facility=said.text("PV1", 3, 4) or said.text("EVN", 7) or sender,
        occurred_at=occurred or stated or recorded or created or received_at,
        recorded_at=recorded or created or received_at,
        created_at=created or received_at,
        received_at=received_at,
        stated_at=stated,
        sequence=int(said.text("MSH", 13)) if said.text("MSH", 13) else None,
        patient=identifiers[0],
        identifiers=identifiers,
        prior_patient=PatientKey(said.text("MRG", 1, 4), said.text("MRG", 1, 5), retired)
        if retired
        else None,
        visit=VisitKey(said.text("PV1", 19, 4), visit) if visit else None,
        account=VisitKey(said.text("PID", 18, 4), account) if account else None,
        patient_class=said.text("PV1", 2) or UNSET,
        observation=False if said.text("PV1", 2) else UNSET,
        admission_type=said.text("PV1", 4) or UNSET,
        admit_source=said.text("PV1", 14) or UNSET,
        hospital_service=said.text("PV1", 10) or UNSET,
        attending=_clinician(said, "PV1", 7),
        location=_place(said, 3),
        prior_location=_place(said, 6),
        admit_at=admitted or UNSET,
        discharge_at=discharged or UNSET,
        disposition=_disposition(said.text("PV1", 36)),
        diagnoses=tuple(
            DiagnosisEntry(
                said.text("DG1", 3, 1, number),
                said.text("DG1", 3, 3, number) or None,
                said.text("DG1", 6, 1, number) or None,
                said.text("DG1", 15, 1, number) or None,
            )
            for number in range(1, said.count("DG1") + 1)
        ),
        person=_demographics(said),
        has_pv1=said.count("PV1") > 0,
    )


def _demographics(said: _Message) -> Demographics:
    phones = tuple(_phone(parts) for field in (13, 14) for parts in said.repetitions("PID", field))
    kin = tuple(
        NextOfKin(
            ", ".join(said.parts("NK1", 2, number)[:2]),
            said.text("NK1", 3, 1, number) or None,
            (_phone(said.parts("NK1", 5, number)),),
        )
        for number in range(1, said.count("NK1") + 1)
    )
    family, given, middle, *_ = said.parts("PID", 5)
    return Demographics(
        name=f"{family}, {given} {middle}",
        birth_date=date.fromisoformat(said.text("PID", 7)),
        sex=said.text("PID", 8) or UNSET,
        language=said.text("PID", 15) or UNSET,
        telecom=phones,
        caregivers=kin or UNSET,
        primary_care_provider=_clinician(said, "PD1", 4),
    )


def _phone(parts: list[str]) -> Phone:
    return Phone(f"+{parts[4]}{parts[5]}{parts[6]}", parts[1] or None, parts[2] or None)


def _clinician(said: _Message, segment: str, field: int) -> str | UnsetType:
    number, family, given, *_ = said.parts(segment, field)
    return f"{family}, {given} ({number})" if number else UNSET


def _place(said: _Message, field: int) -> Place | UnsetType:
    unit, room, bed, facility, *_ = said.parts("PV1", field)
    return Place(unit, room, bed, facility) if unit else UNSET


def _disposition(code: str) -> DispositionCode | UnsetType:
    if not code:
        return UNSET
    known = dispositions().get(code)
    return DispositionCode(code, known.category, known.twin_of is not None) if known else UNSET


# --- admissions ---------------------------------------------------------------------------------------------


class Admissions:
    """One message, one transaction; then its visits are published."""

    def __init__(self, pool: Pool, broker: KafkaBroker, topic: str) -> None:
        self._pool = pool
        self._broker = broker
        self._topic = topic

    async def on_message(self, message: KafkaMessage) -> None:
        record = message.raw_message
        assert not isinstance(record, tuple)
        assert record.value is not None
        received_at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        event = event_of(record.value, received_at)
        async with self._pool.acquire() as db, db.transaction():
            published = await self._apply(db, event, record.value, record.partition, record.offset)
        for one in published:
            await self._broker.publish(
                one.model_dump_json(exclude_none=True).encode(), self._topic, key=str(one.visit_id).encode()
            )

    async def _apply(
        self, db: Db, event: AdtEvent, raw: bytes, partition: int, offset: int
    ) -> list[EncounterEvent]:
        key, visit = event.patient, event.visit
        assert key is not None
        patient = await db.fetchrow(_FIND_PATIENT, uuid4(), key.authority, key.type, key.id)
        assert patient is not None
        root_id: UUID | None = None
        if visit is not None:
            root_id = await db.fetchval(_FIND_ROOT, uuid4(), event.feed, visit.authority, visit.number)
        event_id = UUID(event.event_id)
        body = msgspec.json.encode(event)
        new = await db.fetchval(
            _KEEP_EVENT, event_id, root_id, patient["patient_id"], event.feed, event.trigger, event.occurred_at,
            event.received_at, body,
        )  # fmt: skip
        if new is None:
            return []
        await db.execute(_KEEP_MESSAGE, event_id, event.received_at, ADT_INBOUND, partition, offset, raw)
        told = await self._person(db, patient, key, event)
        survivor_id = patient["survivor_id"]
        if survivor_id != patient["patient_id"]:
            told = await db.fetchval(_PERSON, survivor_id) or told
        if event.trigger == "A40":
            return await self._merge(db, event, patient["patient_id"], told)
        if root_id is None:
            return []
        return await self._visits(db, event, root_id, patient["patient_id"], survivor_id, told)

    async def _person(self, db: Db, row: asyncpg.Record, key: PatientKey, event: AdtEvent) -> str:
        registers = absorb(row["registers"] and _registers.decode(row["registers"]), event)
        document = Patient(
            patient_id=row["patient_id"],
            number=key.id,
            authority=key.authority,
            identifiers=(Identifier(id=key.id, authority=key.authority, type=key.type),),
            **person(registers),
        ).model_dump_json(exclude_none=True, exclude_defaults=True)
        await db.execute(_KEEP_PERSON, row["patient_id"], msgspec.json.encode(registers).decode(), document)
        return document

    async def _visits(
        self, db: Db, event: AdtEvent, root_id: UUID, reported_id: UUID, patient_id: UUID, told: str
    ) -> list[EncounterEvent]:
        events = [_events.decode(row["body"]) for row in await db.fetch(_EVENTS, root_id)]
        stand = {row["generation"]: row for row in await db.fetch(_VISITS, root_id)}
        changed = []
        for generation, visit in enumerate(fold(events, PROFILE)):
            document = visit.model_dump_json(exclude_none=True, exclude_defaults=True)
            before = stand.get(generation)
            if before and before["document"] == document and before["patient_id"] == patient_id:
                continue
            visit_id = before["visit_id"] if before else root_id if generation == 0 else uuid4()
            revision = before["revision"] + 1 if before else 1
            what = ["visit"] if before else ["new"]
            await db.execute(
                _KEEP_VISIT, visit_id, root_id, generation, reported_id, patient_id, visit.state.value,
                visit.discharged_at, event.received_at, event.trigger, what, document, revision,
            )  # fmt: skip
            changed.append(_encounter(visit_id, root_id, revision, event, document, told))
        return changed

    async def _merge(self, db: Db, event: AdtEvent, surviving_id: UUID, told: str) -> list[EncounterEvent]:
        key = event.prior_patient
        assert key is not None
        retired = await db.fetchrow(_FIND_PATIENT, uuid4(), key.authority, key.type, key.id)
        assert retired is not None
        await db.execute(_MERGE, retired["patient_id"], surviving_id)
        rows = await db.fetch(_MOVE, retired["patient_id"], surviving_id)
        return [
            _encounter(row["visit_id"], row["root_id"], row["revision"], event, row["document"], told)
            for row in rows
        ]


def _encounter(
    visit_id: UUID, root_id: UUID, revision: int, event: AdtEvent, visit: str, patient: str
) -> EncounterEvent:
    return EncounterEvent.model_validate(
        {
            "visit_id": visit_id,
            "root_id": root_id,
            "revision": revision,
            "feed": event.feed,
            "learned_at": event.received_at,
            "cause": event.trigger,
            "visit": json.loads(visit),
            "patient": json.loads(patient),
        },
        strict=False,
    )


# --- transitions --------------------------------------------------------------------------------------------


class Transitions:
    """One visit, one transaction: its patient is planned and the difference written."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._rules = settings.rules()

    async def on_visit(self, message: KafkaMessage) -> None:
        event = EncounterEvent.model_validate_json(message.body)
        patient_id = event.patient.patient_id
        async with self._pool.acquire() as db, db.transaction():
            await store.lock_patients(db, [patient_id])
            known = (await store.known_visits(db, [event.visit_id])).get(event.visit_id)
            if known and known.stay.revision >= event.revision:
                return
            stay = stay_of(event, self._rules.facilities)
            await store.upsert_visits(db, [KnownStay(stay, event.learned_at, event.test)])
            concerned = sorted({patient_id, known.stay.patient_id} if known else {patient_id})
            now = datetime.now(UTC)
            await replan(
                db,
                concerned,
                self._rules,
                as_of=dict.fromkeys(concerned, now),
                arrivals=dict.fromkeys(concerned, event.learned_at),
            )


# --- the processes ------------------------------------------------------------------------------------------


async def main(which: str) -> None:
    settings = load(Settings)
    pool = await asyncpg.create_pool(
        settings.database_url, min_size=1, max_size=4, server_settings={"jit": "off"}
    )
    broker = KafkaBroker(
        settings.kafka_bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        allow_auto_create_topics=False,
        log_level=logging.DEBUG,
    )
    if which == "admissions":
        async with pool.acquire() as db:
            await db.execute("SELECT admissions.ensure_message_month(now())")
        handler = Admissions(pool, broker, settings.topic(ADT_ENCOUNTERS)).on_message
    else:
        handler = Transitions(pool, settings).on_visit
    _subscribe(broker, settings, ADT_INBOUND if which == "admissions" else ADT_ENCOUNTERS, which, handler)
    async with broker:
        await broker.start()
        print(json.dumps({"event": "started"}), flush=True)
        await asyncio.Event().wait()


def _subscribe(
    broker: KafkaBroker,
    settings: ServiceSettings,
    topic: str,
    group: str,
    handler: Callable[[KafkaMessage], Awaitable[None]],
) -> None:
    broker.subscriber(
        settings.topic(topic),
        group_id=settings.topic_prefix + group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )(handler)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
