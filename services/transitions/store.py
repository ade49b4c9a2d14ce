"""What transitions keeps in Postgres: one typed function a statement; the caller opens the transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from services.chassis import sql
from services.chassis.kafka import Record
from services.chassis.kafka.retries import retry_of
from services.chassis.postgres import Db
from services.transitions.domain.actions import Read, Refusal
from services.transitions.domain.model import (
    Answer,
    AnswerRow,
    Assessment,
    DeadlineRow,
    Deed,
    EpisodeRow,
    Handoff,
    Notice,
    PlannedReadmission,
    Span,
    Stay,
    WarningAt,
)
from services.transitions.domain.responsibility import unowned_from
from services.transitions.domain.risk.model import Lace, Programme
from services.transitions.domain.stays import KnownStay

SQL = sql.load("services.transitions")

encode = msgspec.json.encode
_stay = msgspec.json.Decoder(Stay)
_warnings = msgspec.json.Decoder(tuple[WarningAt, ...])
_readmission = msgspec.json.Decoder(PlannedReadmission)
_programme = msgspec.json.Decoder(Programme)
_lace = msgspec.json.Decoder(Lace)
_notices = msgspec.json.Decoder(tuple[Notice, ...])
_handoff = msgspec.json.Decoder(Handoff)
_spans = msgspec.json.Decoder(tuple[Span, ...])
_kinds = msgspec.json.Decoder(tuple[str, ...])


class _Form(Struct):
    clinician_callback: bool = False
    red_flag: bool = False


class _Body(Struct):
    type: str
    by: str | None = None
    outcome: str | None = None
    channel: str | None = None
    party: str | None = None
    kind: str | None = None
    read_back: bool | None = None
    decision: str | None = None
    owner: str | None = None
    review_at: datetime | None = None
    occurs_at: datetime | None = None
    complexity: str | None = None
    protocol: str | None = None
    specialty: str | None = None
    discharging_practitioner: bool = False
    patient: str | None = None
    clinician: bool = False
    form: _Form | None = None
    checklist: dict[str, bool] | None = None
    occurred_at: datetime | None = None


_body = msgspec.json.Decoder(_Body)
_assessment = msgspec.json.Decoder(Assessment)


@dataclass(slots=True)
class Holding:
    """Everything kept about one patient. `acknowledged` is the stored JSON by episode and deadline id.

    `answers` holds what became of actions so far, with the patient for whom that was said.
    """

    stays: list[Stay]
    deeds: list[Deed]
    episodes: list[EpisodeRow]
    acknowledged: dict[str | UUID, str]
    answers: dict[str, tuple[AnswerRow, UUID | None]] = field(default_factory=dict)


async def patients_of(db: Db, visits: Iterable[UUID]) -> set[UUID]:
    """To whom these visits belong, as far as they are known."""
    return {row["patient_id"] for row in await db.fetch(SQL["patients_of"], list(visits))}


async def known_visits(db: Db, visits: Iterable[UUID]) -> dict[UUID, KnownStay]:
    """These visits as they are known so far."""
    rows = await db.fetch(SQL["known_visits"], list(visits))
    stays = [(_stay.decode(row["document"]), row) for row in rows]
    return {
        stay.visit_id: KnownStay(stay, row["learned_at"] or stay.learned_at, row["test"])
        for stay, row in stays
    }


async def follow_actions(db: Db, went_on: Sequence[tuple[UUID, UUID, str]]) -> None:
    """Let what was done about visits follow them: (old visit number, new one, the number as people write it)."""
    await db.execute(SQL["follow_actions"], *(list(column) for column in zip(*went_on, strict=True)))


async def lock_patients(db: Db, patients: Iterable[UUID]) -> None:
    """Hold the patients until the caller's transaction ends, in the order of their ids."""
    ids = list(patients)
    await db.execute(SQL["ensure_patients"], ids)
    await db.fetch(SQL["lock_patients"], ids)


async def upsert_visits(db: Db, visits: Sequence[KnownStay]) -> None:
    """Take over visits that are newer than what is known."""
    await db.execute(
        SQL["upsert_visits"],
        [one.stay.visit_id for one in visits],
        [one.stay.root_id for one in visits],
        [one.stay.patient_id for one in visits],
        [one.stay.number for one in visits],
        [one.stay.authority for one in visits],
        [one.stay.facility for one in visits],
        [one.test for one in visits],
        [one.stay.revision for one in visits],
        [encode(one.stay).decode() for one in visits],
        [one.heard_at for one in visits],
    )


async def share_binding(db: Db) -> None:
    """Keep out, until the transaction ends, whoever keeps an action because its visit is not yet known."""
    await db.execute(SQL["share_binding"])


async def hold_binding(db: Db) -> None:
    """Let no visit appear until the transaction ends; to be taken before any patient is locked."""
    await db.execute(SQL["hold_binding"])


async def bind_actions(db: Db, numbers: Iterable[str], known_at: datetime) -> None:
    """Let actions find the visits they waited for, or say of them that several can be meant."""
    asked = list(numbers)
    await db.execute(SQL["bind_actions"], asked)
    await db.execute(SQL["ambiguous_answers"], asked, known_at)


async def visits_by_number(db: Db, numbers: Iterable[str]) -> dict[str, list[asyncpg.Record]]:
    """The visits that each number can mean."""
    found: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in await db.fetch(SQL["visits_by_number"], list(numbers)):
        found[row["number"]].append(row)
    return found


async def insert_actions(db: Db, actions: Sequence[tuple[Read, UUID | None]]) -> set[str]:
    """Keep actions under the visit number they are bound to; gives those that were new."""
    rows = await db.fetch(
        SQL["insert_actions"],
        [read.action_id for read, _ in actions],
        [read.type for read, _ in actions],
        [read.at for read, _ in actions],
        [read.visit for read, _ in actions],
        [read.facility for read, _ in actions],
        [read.authority for read, _ in actions],
        [root for _, root in actions],
        [read.body.decode() for read, _ in actions],
    )
    return {row["action_id"] for row in rows}


async def action_bodies(db: Db, actions: Iterable[str]) -> dict[str, bytes]:
    """What is kept under these ids."""
    rows = await db.fetch(SQL["action_bodies"], list(actions))
    return {row["action_id"]: row["body"].encode() for row in rows}


async def insert_withdrawals(db: Db, reads: Sequence[Read]) -> set[str]:
    """Keep withdrawals; gives those that were new."""
    rows = await db.fetch(
        SQL["insert_withdrawals"],
        [read.action_id for read in reads],
        [read.at for read in reads],
        [read.body.decode() for read in reads],
    )
    return {row["action_id"] for row in rows}


async def patients_of_actions(db: Db, actions: Iterable[str]) -> list[tuple[str, UUID]]:
    """Whose plan these actions (or withdrawals of them) concern, where that is known yet: (action, patient).

    A number that was used again for another patient concerns both.
    """
    rows = await db.fetch(SQL["patients_of_actions"], list(actions))
    return [(row["action_id"], row["patient_id"]) for row in rows]


async def holdings(db: Db, patients: Sequence[UUID]) -> dict[UUID, Holding]:
    """Everything kept about patients the caller has locked; deadlines are held against firing as well."""
    held = {patient_id: Holding([], [], [], {}) for patient_id in patients}
    owner: dict[UUID, UUID] = {}
    for row in await db.fetch(SQL["stays"], patients):
        stay = _stay.decode(row["document"])
        held[row["patient_id"]].stays.append(stay)
        owner[stay.visit_id] = row["patient_id"]
    for row in await db.fetch(SQL["deeds"], patients):
        deed = deed_of(row["action_id"], row["root_id"], row["at"], row["body"])
        holding = held[row["patient_id"]]
        holding.deeds.append(deed)
        if row["revision"] is not None:
            holding.answers[deed.action_id] = _answer(deed, row), row["answered_for"]
    deadlines: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in await db.fetch(SQL["deadlines"], patients):
        deadlines[row["episode_id"]].append(row)
    for row in await db.fetch(SQL["episodes"], patients):
        # A merge moves a visit, and its episodes with it, from one patient to another.
        holding = held[owner.get(row["visit_id"], row["patient_id"])]
        holding.episodes.append(_episode(row, deadlines[row["episode_id"]]))
        holding.acknowledged[row["episode_id"]] = row["acknowledged"]
        for one in deadlines[row["episode_id"]]:
            holding.acknowledged[one["deadline_id"]] = one["acknowledged"]
    return held


def _utc(at: datetime | None) -> datetime | None:
    return at and at.astimezone(UTC)


def deed_of(action_id: str, root_id: UUID, at: datetime, body: str | bytes) -> Deed:
    """An action, bound to a visit number, as the plan reads it."""
    said = _body.decode(body)
    return Deed(
        action_id=action_id,
        type=said.type,
        at=at,
        occurred_at=min(_utc(said.occurred_at) or at, at),
        root_id=root_id,
        by=said.by,
        outcome=said.outcome,
        channel=said.channel,
        party=said.party,
        kind=said.kind,
        read_back=said.read_back,
        decision=said.decision,
        owner=said.owner,
        review_at=_utc(said.review_at),
        assessment=_assessment.decode(body) if said.type == "assessment_recorded" else None,
        occurs_at=_utc(said.occurs_at),
        complexity=said.complexity,
        protocol=said.protocol,
        specialty=said.specialty,
        discharging_practitioner=said.discharging_practitioner,
        patient=said.patient,
        clinician=said.clinician,
        callback=said.form is not None and said.form.clinician_callback,
        red_flag=said.form is not None and said.form.red_flag,
        checklist=None if said.checklist is None else tuple(k for k, told in said.checklist.items() if told),
    )


def _answer(deed: Deed, row: asyncpg.Record) -> AnswerRow:
    said = Answer(
        row["effect"], row["reason"], _kinds.decode(row["kinds"]), row["visit_id"], row["episode_id"]
    )
    return AnswerRow(deed, said, row["known_at"], row["revision"])


def _episode(row: asyncpg.Record, deadlines: Sequence[asyncpg.Record]) -> EpisodeRow:
    values = dict(row)
    del values["acknowledged"]
    values["readmission"] = row["readmission"] and _readmission.decode(row["readmission"])
    values["notices"] = () if row["notices"] == "[]" else _notices.decode(row["notices"])
    values["handoff"] = row["handoff"] and _handoff.decode(row["handoff"])
    values["responsibility"] = _spans.decode(row["responsibility"])
    values["programme"] = row["programme"] and _programme.decode(row["programme"])
    values["lace"] = row["lace"] and _lace.decode(row["lace"])
    values["deadlines"] = {one["kind"]: _deadline(one) for one in deadlines}
    return EpisodeRow(**values)


def _deadline(row: asyncpg.Record) -> DeadlineRow:
    values = dict(row)
    del values["patient_id"], values["acknowledged"]
    values["warnings"] = _warnings.decode(row["warnings"])
    return DeadlineRow(**values)


async def upsert_episodes(db: Db, rows: Sequence[EpisodeRow], acknowledged: dict[str | UUID, str]) -> None:
    """Write episodes as they now stand."""
    await db.execute(
        SQL["upsert_episodes"],
        *(
            [getattr(row, name) for row in rows]
            for name in (
                "episode_id", "patient_id", "visit_id", "kind", "anchor", "status", "opened_at", "closed_at",
                "close_reason", "protocol", "facility", "unit", "team", "live",
            )
        ),
        [row.readmission and encode(row.readmission).decode() for row in rows],
        [row.programme and encode(row.programme).decode() for row in rows],
        [row.lace and encode(row.lace).decode() for row in rows],
        [acknowledged.get(row.episode_id, "[]") for row in rows],
        [row.learned_at for row in rows],
        [row.known_at for row in rows],
        [row.revision for row in rows],
        [encode(row.notices).decode() for row in rows],
        [row.handoff and encode(row.handoff).decode() for row in rows],
        [encode(row.responsibility).decode() for row in rows],
        [unowned_from(row.responsibility) for row in rows],
    )  # fmt: skip


async def upsert_deadlines(
    db: Db, rows: Sequence[tuple[UUID, DeadlineRow]], acknowledged: dict[str | UUID, str]
) -> None:
    """Write deadlines as they now stand: (patient, row)."""
    only = [row for _, row in rows]
    await db.execute(
        SQL["upsert_deadlines"],
        [row.deadline_id for row in only],
        [row.episode_id for row in only],
        [patient_id for patient_id, _ in rows],
        *(
            [getattr(row, name) for row in only]
            for name in (
                "kind", "status", "due_at", "becomes", "settled_at", "generation", "late_known", "provisional",
                "owed", "behind", "because", "severity",
            )
        ),
        [encode(row.warnings).decode() for row in only],
        [row.warned for row in only],
        [row.warned_at for row in only],
        [row.hold_until for row in only],
        [acknowledged.get(row.deadline_id, "[]") for row in only],
        [row.learned_at for row in only],
        [row.known_at for row in only],
        [row.revision for row in only],
        [row.waived for row in only],
        [row.responsible for row in only],
    )  # fmt: skip


async def keep_judgements(
    db: Db,
    verdicts: dict[UUID, list[tuple[UUID, UUID, str]]],
    alarms: dict[UUID, tuple[tuple[UUID, str], ...]],
) -> None:
    """Note for each patient every (earlier visit, later visit, verdict) and every (visit, alarm)."""
    await db.execute(
        SQL["keep_judgements"],
        list(verdicts),
        [encode(said).decode() for said in verdicts.values()],
        [encode(alarms.get(patient_id, ())).decode() for patient_id in verdicts],
    )


async def rearm(db: Db, subjects: Iterable[UUID], timers: Sequence[tuple[UUID, int, datetime]]) -> None:
    """Replace the timers of the subjects by these: (subject, n, instant); wakes the deadlines process."""
    await db.execute(SQL["disarm"], list(subjects))
    if timers:
        await db.execute(
            SQL["arm"], [one[0] for one in timers], [one[1] for one in timers], [one[2] for one in timers]
        )
        await db.execute(SQL["announce"], min(one[2] for one in timers).isoformat())


async def next_timer(db: Db) -> datetime | None:
    """The next instant at which something happens by itself."""
    at: datetime | None = await db.fetchval(SQL["next_timer"])
    return at


class Fired(NamedTuple):
    """What one firing did: how many timers it claimed, how many deadlines it changed and settled.

    `late` is by how many seconds each deadline of which one could know in time was late.
    """

    claimed: int
    changed: int
    settled: int
    late: Sequence[float]


async def fire(db: Db, until: datetime, limit: int, fired_at: datetime, *, behind: bool) -> Fired:
    """Fire what is due by `until`."""
    row = await db.fetchrow(SQL["fire"], until, limit, fired_at, behind)
    return Fired(**row) if row else Fired(0, 0, 0, ())


async def due_replans(db: Db, until: datetime, limit: int) -> dict[UUID, datetime]:
    """Patients whose plan changes by itself by `until`, each with its instant."""
    return {row["subject"]: row["fire_at"] for row in await db.fetch(SQL["due_replans"], until, limit)}


async def disarm_replans(db: Db, patients: Iterable[UUID], until: datetime) -> None:
    """Their plan is being made anew."""
    await db.execute(SQL["disarm_replans"], list(patients), until)


async def acknowledge_lists(
    db: Db, said: Sequence[tuple[str, Read]], withdrawn: Iterable[str], known_at: datetime
) -> None:
    """Somebody has the lists of these teams, or has taken back that they had one."""
    reads = [read for _, read in said]
    if said:
        await db.execute(
            SQL["insert_list_acks"],
            [read.action_id for read in reads],
            [team for team, _ in said],
            [read.occurred_at for read in reads],
            [read.at for read in reads],
            [_body.decode(read.body).by for read in reads],
        )
    await db.execute(SQL["settle_team_acks"], [*(read.action_id for read in reads), *withdrawn], known_at)


async def answer_at_door(db: Db, reads: Sequence[Read]) -> None:
    """Say what becomes of new actions and withdrawals where that needs no plan."""
    await db.execute(SQL["answer_at_door"], *_asked(reads))


async def answer_lists(db: Db, reads: Sequence[Read]) -> None:
    """Say that acknowledgements of lists count."""
    await db.execute(SQL["answer_lists"], *_asked(reads))


def _asked(reads: Sequence[Read]) -> tuple[list[Any], ...]:
    return (
        [read.action_id for read in reads],
        [read.type for read in reads],
        [read.at for read in reads],
        [read.occurred_at for read in reads],
    )


async def upsert_answers(db: Db, rows: Sequence[tuple[UUID, AnswerRow]]) -> None:
    """Write what became of actions: (patient, row)."""
    only = [(patient_id, row, row.deed, row.answer) for patient_id, row in rows]
    only.sort(key=lambda one: one[2].action_id)
    await db.execute(
        SQL["upsert_answers"],
        [deed.action_id for _, _, deed, _ in only],
        [deed.type for _, _, deed, _ in only],
        [answer.effect for _, _, _, answer in only],
        [answer.reason for _, _, _, answer in only],
        [encode(answer.kinds).decode() for _, _, _, answer in only],
        [patient_id for patient_id, _, _, _ in only],
        [answer.visit_id for _, _, _, answer in only],
        [answer.episode_id for _, _, _, answer in only],
        [deed.at for _, _, deed, _ in only],
        [deed.occurred_at for _, _, deed, _ in only],
        [row.known_at for _, row, _, _ in only],
        [row.revision for _, row, _, _ in only],
    )


async def insert_rejections(db: Db, items: Sequence[tuple[UUID, Record, Refusal, datetime]]) -> None:
    """Keep refused actions: (id, record, why, arrival)."""
    await db.execute(
        SQL["insert_rejections"],
        [one[0] for one in items],
        [one[3] for one in items],
        [one[1].topic for one in items],
        [one[1].partition for one in items],
        [one[1].offset for one in items],
        [one[2].code for one in items],
        [one[2].field for one in items],
        [one[2].detail for one in items],
        [one[1].key for one in items],
        [one[1].value or b"" for one in items],
        [retry_of(one[1]) for one in items],
    )
