"""The outcome document of a replay, from its rows in memory."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from baton import document
from baton.document import AlertRow, DeadlineRow, EpisodeRow, ReadmissionRow, VisitRow
from baton.replay.engine import Engine
from services.admissions import ledger
from services.notifications.domain.model import READMISSION_DETECTED


def outcome(engine: Engine) -> dict[str, Any]:
    return document.build(
        visits=_visits(engine),
        episodes=_episodes(engine),
        readmissions=_readmissions(engine),
        alerts=_alerts(engine),
        rejected=[*engine.admissions.rejected, *engine.transitions.rejected],
    )


def _visits(engine: Engine) -> Iterator[VisitRow]:
    for row, patient in engine.admissions.visits():
        visit = row.visit
        if not row.test and ledger.NEVER_WAS not in visit.flags:
            yield VisitRow(
                number=visit.number or "",
                facility=visit.facility,
                generation=visit.generation,
                patient_id=patient.number,
                state=visit.state.value,
                patient_class=visit.patient_class,
                admitted_at=visit.admitted_at,
                discharged_at=visit.discharged_at,
                disposition=visit.disposition.code if visit.disposition else None,
            )


def _episodes(engine: Engine) -> Iterator[EpisodeRow]:
    for row in engine.transitions.episodes.values():
        stay = engine.transitions.stays[row.visit_id]
        yield EpisodeRow(
            visit=stay.number or "",
            facility=row.facility,
            patient_id=stay.patient_number,
            kind=row.kind,
            status=row.status,
            opened_at=row.opened_at,
            closed_at=row.closed_at,
            close_reason=row.close_reason,
            programme=row.programme,
            lace=row.lace,
            deadlines=tuple(
                DeadlineRow(
                    kind=deadline.kind,
                    due_at=deadline.due_at,
                    status=deadline.status,
                    settled_at=deadline.settled_at,
                    late_known=deadline.late_known,
                    provisional=deadline.provisional,
                    because=deadline.because,
                )
                for deadline in row.deadlines.values()
            ),
        )


def _readmissions(engine: Engine) -> Iterator[ReadmissionRow]:
    for verdicts in engine.transitions.readmissions.values():
        for index, visit, verdict in verdicts:
            yield ReadmissionRow(_number(engine, index) or "", _number(engine, visit) or "", verdict)


def _alerts(engine: Engine) -> Iterator[AlertRow]:
    for alert in engine.notifications.alerts():
        visit, index = alert.visit_id, None
        if alert.kind == READMISSION_DETECTED and alert.episode_id is not None:
            index = engine.transitions.episodes[alert.episode_id].visit_id
        yield AlertRow(
            visit=_number(engine, visit),
            index_visit=_number(engine, index),
            kind=alert.kind,
            severity=alert.severity,
            raised_at=alert.raised_at,
            status=alert.status,
            ended_at=alert.ended_at,
        )


def _number(engine: Engine, visit_id: UUID | None) -> str | None:
    return engine.transitions.stays[visit_id].number if visit_id else None
