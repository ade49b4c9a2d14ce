"""What arrives, parted by whom it concerns: patients whom no visit, number or action connects know nothing of each other."""

from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from baton.replay.transitions import Transitions
from schemas.encounters import EncounterEvent
from services.admissions.lanes import Heads, head, join
from services.transitions.domain.actions import WITHDRAWN, Read, Refusal

_LISTS = "lists"
"""What is said of whole lists, of no patient."""


class Arrival(NamedTuple):
    """What comes of one instant: visits that changed, and actions."""

    events: Sequence[EncounterEvent]
    actions: Sequence[bytes]
    at: datetime


class Instant(Struct):
    """What comes of one instant to some patients."""

    at: datetime
    events: list[EncounterEvent]
    actions: list[Read | Refusal]


class Course(Struct):
    """Everything that comes to some patients, by time."""

    patients: dict[UUID, None]
    instants: list[Instant]


def courses(arrivals: Iterable[Arrival], known: Transitions) -> Iterable[Course]:
    """Part what arrives, in order of time, by what visits, their numbers and actions connect, now or before."""
    heads: Heads = {}
    patients: dict[UUID, None] = {}
    concerned: list[tuple[datetime, Hashable, EncounterEvent | Read | Refusal]] = []
    for arrival in arrivals:
        for event in arrival.events:
            mine = _patients(event, known)
            patients |= mine
            _join_all(heads, event.visit_id, (event.root_id, *_number(event.visit.number), *mine))
            concerned.append((arrival.at, event.visit_id, event))
        for value in arrival.actions:
            said = known.read(value, arrival.at)
            about: Hashable = _LISTS
            if isinstance(said, Read):
                about = "action", said.action_id
                number = said.visit or known.number_of(said.action_id)
                mine = known.patients_of_number(number)
                patients |= mine
                ties = (*_number(number), *mine) if number or said.type == WITHDRAWN else (_LISTS,)
                _join_all(heads, about, ties)
            concerned.append((arrival.at, about, said))
    found: dict[Hashable, Course] = {}
    for at, about, what in concerned:
        course = found.setdefault(head(heads, about), Course({}, []))
        if not course.instants or course.instants[-1].at != at:
            course.instants.append(Instant(at, [], []))
        if isinstance(what, EncounterEvent):
            course.instants[-1].events.append(what)
        else:
            course.instants[-1].actions.append(what)
    for patient_id in patients:
        found[head(heads, patient_id)].patients[patient_id] = None
    return found.values()


def _patients(event: EncounterEvent, known: Transitions) -> dict[UUID, None]:
    """Whose plan may change with this visit."""
    mine = {event.patient.patient_id: None, **known.patients_of_root(event.root_id)}
    was = known.stays.get(event.visit_id)
    if was is not None:
        mine |= {was.patient_id: None, **known.patients_of_root(was.root_id)}
    return mine | known.patients_of_number(event.visit.number)


def _number(number: str | None) -> Iterable[Hashable]:
    return (("number", number),) if number else ()


def _join_all(heads: Heads, one: Hashable, others: Iterable[Hashable]) -> None:
    for other in others:
        join(heads, one, other)
