"""Bring what is owed to some patients up to date: load, plan, reconcile, write only the difference."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from msgspec import structs

from schemas.reference.facilities import Facilities
from schemas.transitions import Ack
from services.chassis.postgres import Db
from services.transitions import store
from services.transitions.domain.acknowledge import acknowledgements
from services.transitions.domain.actions import Read, Refusal, read_action
from services.transitions.domain.answers import COUNTED, answers
from services.transitions.domain.kept import MOVED, NOTHING_KEPT, Kept, Under
from services.transitions.domain.model import NO_NEWS, Answer, AnswerRow, DeadlineRow, EpisodeRow, News, Plan
from services.transitions.domain.plan import plan
from services.transitions.domain.protocol import Protocol
from services.transitions.domain.reconcile import reconcile, timers
from services.transitions.protocol import VERSIONED, Library, ProtocolError
from services.transitions.store import Holding

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
REPLAN = -1


@dataclass(frozen=True, slots=True)
class Rules:
    """What plans are made by."""

    protocol: Protocol
    facilities: Facilities
    library: Library = field(default_factory=Library)

    def knows(self, label: str) -> bool:
        """Whether there is a protocol of this label."""
        try:
            self.library.kept(label)
        except ProtocolError:
            return False
        return True

    def read(self, value: bytes, at: datetime) -> Read | Refusal:
        """Read the JSON of one action; one that moves a case to a protocol that is not here is refused."""
        said = read_action(value, at)
        if not isinstance(said, Read) or said.type != MOVED:
            return said
        label = msgspec.json.decode(said.body)["protocol"]
        if VERSIONED in label and self.knows(label):
            return said
        return Refusal("unknown_protocol", "there is no protocol of this name and version", "protocol")

    def under(self, label: str) -> Under:
        """The protocol that a case keeps. One that is not here (another replica has it) is planned as at present."""
        if not self.knows(label):
            return Under(self.protocol, label)
        protocol = self.library.kept(label)
        return Under(protocol, protocol.label)


@dataclass(slots=True)
class Difference:
    """What has to be written."""

    episodes: list[EpisodeRow] = field(default_factory=list)
    deadlines: list[tuple[UUID, DeadlineRow]] = field(default_factory=list)
    rearmed: set[UUID] = field(default_factory=set)
    timers: list[tuple[UUID, int, datetime]] = field(default_factory=list)
    acknowledged: dict[str | UUID, str] = field(default_factory=dict)
    readmissions: dict[UUID, list[tuple[UUID, UUID, str]]] = field(default_factory=dict)
    alarms: dict[UUID, tuple[tuple[UUID, str], ...]] = field(default_factory=dict)
    answers: dict[str, tuple[UUID, AnswerRow]] = field(default_factory=dict)


async def replan(
    db: Db,
    patients: Sequence[UUID],
    rules: Rules,
    *,
    as_of: Mapping[UUID, datetime],
    arrivals: Mapping[UUID, datetime],
    news: News = NO_NEWS,
) -> int:
    """Plan the patients anew and write the difference; the caller has locked them.

    `as_of` tells up to when everything of the patient is known, `arrivals` the arrival of the newest input of
    this batch, `news` what it tells of their visits. Gives the number of rows written.
    """
    held = await store.holdings(db, patients)
    difference = Difference()
    for patient_id, holding in held.items():
        arrival = arrivals[patient_id]
        ought = plan_one(patient_id, holding, rules, as_of[patient_id], arrival, difference, news)
        if holding.deeds:
            _answer(patient_id, holding, ought, arrival, difference)
    if difference.episodes:
        await store.upsert_episodes(db, difference.episodes, difference.acknowledged)
    if difference.deadlines:
        await store.upsert_deadlines(db, difference.deadlines, difference.acknowledged)
    if difference.answers:
        await store.upsert_answers(db, list(difference.answers.values()))
    await store.keep_judgements(db, difference.readmissions, difference.alarms)
    await store.rearm(db, difference.rearmed, difference.timers)
    return len(difference.episodes) + len(difference.deadlines)


def plan_one(
    patient_id: UUID, holding: Holding, rules: Rules, as_of: datetime, arrival: datetime, out: Difference,
    news: News = NO_NEWS,
) -> Plan:  # fmt: skip
    """One patient's share of the difference, from everything kept about them; no database is asked. Gives their plan."""
    ought = plan(
        holding.stays,
        holding.deeds,
        protocol=rules.protocol,
        facilities=rules.facilities,
        as_of=as_of,
        kept=_kept(holding, rules),
    )
    changes = reconcile(
        holding.episodes,
        ought,
        patient_id=patient_id,
        as_of=as_of,
        arrival=arrival,
        news=news,
    )
    episodes = {row.episode_id: row for row in changes.episodes}
    deadlines = {row.deadline_id: row for row in changes.deadlines}
    _acknowledge(holding, episodes, deadlines, out)
    out.episodes += episodes.values()
    out.deadlines += ((patient_id, row) for row in deadlines.values())
    ends = {one.episode_id: one.window_end for one in ought.episodes} if deadlines else {}
    for row in deadlines.values():
        out.rearmed.add(row.deadline_id)
        out.timers += ((row.deadline_id, n, at) for n, at in timers(row, ends.get(row.episode_id)))
    out.readmissions[patient_id] = [
        (index, found.visit_id, found.verdict) for index, found in ought.readmissions
    ]
    out.alarms[patient_id] = ought.alarms
    out.rearmed.add(patient_id)
    if changes.replan_at is not None:
        out.timers.append((patient_id, REPLAN, changes.replan_at))
    return ought


def _kept(holding: Holding, rules: Rules) -> Kept:
    """The cases under another protocol: by their rows, and by decisions. What was void begins anew."""
    opened = {
        (row.visit_id, row.anchor): rules.under(row.protocol)
        for row in holding.episodes
        if row.protocol != rules.protocol.label and row.status != "void"
    }
    moved: dict[UUID, Under] = {}
    for deed in sorted(holding.deeds, key=lambda deed: (deed.at, deed.action_id)):
        if deed.type == MOVED and deed.protocol:
            moved[deed.root_id] = structs.replace(rules.under(deed.protocol), moved_at=deed.at)
    return Kept(opened, moved) if opened or moved else NOTHING_KEPT


def _acknowledge(
    holding: Holding, episodes: dict[str, EpisodeRow], deadlines: dict[UUID, DeadlineRow], out: Difference
) -> None:
    """Put acknowledgements on the rows they speak of; a row that changes only by this is written as well."""
    stored = {key: text for key, text in holding.acknowledged.items() if text != "[]"}
    if not stored and not any(deed.type == "alert_acknowledged" for deed in holding.deeds):
        return
    current = {row.episode_id: row for row in holding.episodes} | episodes
    for row in current.values():
        row = current[row.episode_id] = msgspec.structs.replace(row, deadlines=dict(row.deadlines))  # noqa: PLW2901
        for deadline in deadlines.values():
            if deadline.episode_id == row.episode_id:
                row.deadlines[deadline.kind] = deadline
    found = acknowledgements(current.values(), holding.stays, holding.deeds)
    for row in current.values():
        text = _text(found.get(row.episode_id, ()))
        out.acknowledged[row.episode_id] = text
        if text != holding.acknowledged.get(row.episode_id, "[]") and row.episode_id not in episodes:
            episodes[row.episode_id] = msgspec.structs.replace(row, revision=row.revision + 1)
        for deadline in row.deadlines.values():
            text = _text(found.get(deadline.deadline_id, ()))
            out.acknowledged[deadline.deadline_id] = text
            old = holding.acknowledged.get(deadline.deadline_id, "[]")
            if text != old and deadline.deadline_id not in deadlines:
                deadlines[deadline.deadline_id] = msgspec.structs.replace(
                    deadline, revision=deadline.revision + 1
                )


def _answer(patient_id: UUID, holding: Holding, ought: Plan, arrival: datetime, out: Difference) -> None:
    """Say what became of each action, where that has changed."""
    found = answers(holding.stays, holding.deeds, ought)
    mine = {stay.visit_id for stay in holding.stays}
    for deed in holding.deeds:
        answer = found[deed.action_id]
        held, answered_for = holding.answers.get(deed.action_id, (None, None))
        if held is not None and held.answer == answer and answered_for == patient_id:
            continue
        # Where the number was used again, for another patient, the action is of whom it does more for.
        of_another = answered_for not in {None, patient_id}
        if held and of_another and held.answer.visit_id not in mine and _worth(answer) <= _worth(held.answer):
            continue
        other = out.answers.get(deed.action_id)
        if other is not None and _worth(answer) <= _worth(other[1].answer):
            continue
        known, revision = max(deed.at, arrival), held.revision + 1 if held else 1
        out.answers[deed.action_id] = patient_id, AnswerRow(deed, answer, known, revision)


def _worth(answer: Answer) -> tuple[bool, int]:
    return answer.effect == COUNTED, len(answer.kinds)


def _text(acks: Iterable[Ack]) -> str:
    return "[" + ",".join(ack.model_dump_json() for ack in acks) + "]"
