"""One patient's page: everything that is known of them, and the facts of their timeline in order."""

import json
from collections.abc import Iterable, Sequence
from uuid import UUID

from schemas.encounters import Patient
from schemas.reference.conditions import conditions
from schemas.transitions import DeadlineEvent, EpisodeEvent, Programme
from services.chassis.postgres import Row
from services.worklist import facts
from services.worklist.desk import Look
from services.worklist.queries import alert_view
from services.worklist.sql import SQL
from services.worklist.store import programme_of
from services.worklist.told import Told
from services.worklist.views import (
    ActionState,
    ActionView,
    CaseView,
    DeadlineView,
    PatientPage,
    Person,
    ProgrammeView,
    Taken,
    VisitView,
)


async def patient_page(
    look: Look, patient_id: UUID, *, case: str | None = None, sensitive: bool = False
) -> PatientPage | None:
    """Everything about one patient; None where nobody is known by this id.

    `sensitive`: with the reasons of a programme, and the places of a visit under 42 CFR Part 2, that only roles with
    permission may read.
    """
    db = look.db
    document = await db.fetchval(SQL["patient"], patient_id)
    if document is None:
        return None
    visits = [Told.of(row["document"]) for row in await db.fetch(SQL["visits_of"], patient_id)]
    if not sensitive:
        visits = [visit.discreet() for visit in visits]
    episodes = [
        EpisodeEvent.model_validate_json(row["document"])
        for row in await db.fetch(SQL["episodes_of"], patient_id)
    ]
    ids = [episode.episode_id for episode in episodes]
    deadlines = [
        DeadlineEvent.model_validate_json(row["document"]) for row in await db.fetch(SQL["deadlines_of"], ids)
    ]
    answers = {d.deadline_id: ack.by for d in deadlines for ack in d.acknowledged if ack.by}
    alerts = [
        alert_view(row["document"], answers) for row in await db.fetch(SQL["alerts_of"], patient_id, ids)
    ]
    numbered = [visit.visit for visit in visits if visit.visit.number]
    rows = await db.fetch(
        SQL["actions_of"],
        patient_id,
        ids,
        [visit.number for visit in numbered],
        [visit.facility for visit in numbered],
    )
    lease = await db.fetchrow(SQL["lease_of"], patient_id, look.now)
    person = person_of(Patient.model_validate_json(document))
    cases = [_case(look, episode, deadlines, visits, sensitive=sensitive) for episode in episodes]
    actions = [action_view(row) for row in rows]
    opened = next((one.case for one in cases if case and one.case == case.upper()), None)
    return PatientPage(
        person=person,
        hours=look.contact.hours(_facility(visits), look.now),
        taken=Taken(by=lease["by"], until=lease["until"]) if lease else None,
        case=opened or _most_urgent(cases),
        cases=tuple(cases),
        visits=tuple(_visit(visit) for visit in visits),
        facts=tuple(facts.timeline(person, visits, episodes, deadlines, alerts, actions)),
        alerts=tuple(alerts),
        actions=tuple(actions),
        as_of=look.now,
        change=look.change,
    )


def person_of(patient: Patient) -> Person:
    return Person(
        patient_id=patient.patient_id,
        name=patient.name,
        birth_date=patient.birth_date,
        sex=patient.sex,
        language=patient.language,
        number=patient.number,
        authority=patient.authority,
        identifiers=patient.identifiers,
        telecom=patient.telecom,
        caregivers=patient.caregivers,
        primary_care_provider=patient.primary_care_provider,
        died_at=patient.death.at if patient.death else None,
    )


def _facility(visits: Sequence[Told]) -> str | None:
    return visits[0].visit.facility if visits else None


def _most_urgent(cases: Iterable[CaseView]) -> str | None:
    """The case with the earliest thing owed; else the latest case."""
    cases = list(cases)
    owed = [(due.due_at, case.case) for case in cases for due in case.deadlines if due.owed]
    return min(owed)[1] if owed else next((case.case for case in cases), None)


def _visit(told: Told) -> VisitView:
    visit = told.visit
    return VisitView(
        visit_id=told.visit_id,
        number=visit.number,
        facility=visit.facility,
        unit=visit.location.unit if visit.location else None,
        state=visit.state,
        started_at=visit.started_at,
        admitted_at=visit.admitted_at,
        discharged_at=visit.discharged_at,
        disposition=visit.disposition.category if visit.disposition else None,
        attending=visit.attending,
        hospital_service=visit.hospital_service,
        live=told.live,
        doubtful="implausible_time" in visit.flags,
        security_label=visit.security_label,
        source=told.source,
    )


def _case(
    look: Look,
    episode: EpisodeEvent,
    deadlines: Iterable[DeadlineEvent],
    visits: Iterable[Told],
    *,
    sensitive: bool,
) -> CaseView:
    number = next((told.visit.number for told in visits if told.visit_id == episode.visit_id), None)
    return CaseView(
        case=episode.episode_id,
        kind=episode.kind,
        status=episode.status,
        opened_at=episode.opened_at,
        closed_at=episode.closed_at,
        close_reason=episode.close_reason,
        facility=episode.facility,
        unit=episode.unit,
        team=episode.team,
        programme=programme_of(episode),
        why_programme=_programme(episode.programme, sensitive=sensitive) if episode.programme else None,
        lace=episode.lace,
        handoff=episode.handoff,
        responsible=_responsible(episode, look),
        readmission=episode.readmission.verdict if episode.readmission else None,
        visit_id=episode.visit_id,
        visit_number=number,
        deadlines=tuple(_deadline(look, one) for one in deadlines if one.episode_id == episode.episode_id),
        source=f"{episode.episode_id}:{episode.revision}",
    )


def _programme(programme: Programme, *, sensitive: bool) -> ProgrammeView:
    kept_back = frozenset() if sensitive else conditions().sensitive
    shown = tuple(each for each in programme.reasons if each not in kept_back)
    return ProgrammeView(
        decision=programme.decision,
        since=programme.since,
        reasons=shown,
        hidden=len(shown) < len(programme.reasons),
        not_met=tuple(each for each in programme.not_met if each not in kept_back),
        unknown=tuple(each for each in programme.unknown if each not in kept_back),
        missing=programme.missing,
        proposed=programme.proposed,
        confirmed_by=programme.confirmed_by,
        notes=programme.notes,
        steps=programme.steps,
    )


def _responsible(episode: EpisodeEvent, look: Look) -> str | None:
    """The party of the span that now lies in."""
    return next(
        (
            span.party
            for span in episode.responsibility
            if span.since <= look.now and (span.until is None or look.now < span.until)
        ),
        None,
    )


def _deadline(look: Look, event: DeadlineEvent) -> DeadlineView:
    return DeadlineView(
        deadline_id=event.deadline_id,
        kind=event.kind,
        status=event.status,
        due_at=event.due_at,
        settled_at=event.settled_at,
        owed=event.owed,
        overdue=event.owed and event.due_at <= look.now,
        late_known=event.late_known,
        provisional=event.provisional,
        severity=event.severity,
        because=event.because,
        responsible=event.responsible,
        warnings=tuple(warning.at for warning in event.warnings),
        source=f"{event.deadline_id}:{event.revision}",
    )


def action_view(row: Row) -> ActionView:
    """An action as a page shows it."""
    return ActionView(
        action_id=row["action_id"],
        type=row["type"],
        state=ActionState(row["state"]),
        case=row["episode_id"],
        by=row["by"],
        at=row["at"],
        occurred_at=row["occurred_at"],
        body=json.loads(row["body"]),
        ours=row["ours"],
        withdrawn=bool(row["withdrawn"]),
        effect=row["effect"],
        kinds=tuple(row["kinds"]),
        reason=row["reason"],
    )
