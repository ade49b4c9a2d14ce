"""Runs of small hospitals, and what Baton makes of them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from baton import replay
from baton.replay.admissions import Admissions
from baton.simulate import Hospital, Sent, Simulation
from schemas.base import iso
from schemas.encounters import Patient, Visit

START = datetime(2026, 3, 2, 5, tzinfo=UTC)
"""A Monday's midnight in New York, six days before its clocks go forward."""


@dataclass(frozen=True, slots=True)
class Run:
    """A feed in order of arrival, and the truth of its visits by number."""

    sent: list[Sent]
    truth: dict[str, dict[str, Any]]

    def data(self) -> list[bytes]:
        return [one.data for one in self.sent]


def run(days: float = 10, **options: Any) -> Run:
    hospital = Hospital(**({"beds": 20} | options))
    simulation = Simulation(hospital, START, START + timedelta(days=days))
    sent = list(simulation)
    return Run(sent, {visit["visit"]: visit for visit in simulation.truth()})


def folded(sent: list[Sent]) -> tuple[Admissions, dict[str, dict[str, Any]]]:
    """What admissions holds after reading these messages, in the words of the truth."""
    admissions = Admissions(replay.load().inbound)
    for one in sent:
        admissions.on_messages(admissions.read([replay.Line(one.at, adt=one.data)]), one.at)
    return admissions, {
        row.visit.number or "": _described(row.visit, who) for row, who in admissions.visits()
    }


def _described(visit: Visit, patient: Patient) -> dict[str, Any]:
    finest = min(
        (diagnosis.type or "" for diagnosis in visit.diagnoses), key=["F", "W", "A"].index, default=None
    )
    return {
        "visit": visit.number,
        "survivor": patient.number,
        "state": visit.state.value,
        "class": visit.patient_class,
        "started_at": _instant(visit.started_at),
        "admitted_at": _instant(visit.admitted_at),
        "discharged_at": _instant(visit.discharged_at),
        "disposition": visit.disposition.code if visit.disposition else None,
        "unit": visit.location.unit if visit.location else None,
        "transfers": [
            {
                "at": iso(move.at),
                "trigger": move.trigger,
                "from": move.origin.unit,
                "to": move.destination.unit,
            }
            for move in visit.transfers
        ],
        "diagnoses": [diagnosis.code for diagnosis in visit.diagnoses if diagnosis.type == finest],
        "died_at": iso(patient.death.at) if patient.death else None,
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else iso(at)
