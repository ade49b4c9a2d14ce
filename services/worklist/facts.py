"""The timeline of a patient: what happened and what falls due, one plain sentence each, in order."""

from collections.abc import Iterable, Iterator, Sequence

from schemas.encounters import Location, VisitState
from schemas.transitions import DeadlineEvent, EpisodeEvent
from services.worklist.told import Told
from services.worklist.views import ActionView, AlertView, Fact, FactKind, Person

_CANCELLED = {VisitState.CANCELLED, VisitState.FOLDED}


def timeline(
    person: Person,
    visits: Iterable[Told],
    episodes: Iterable[EpisodeEvent],
    deadlines: Iterable[DeadlineEvent],
    alerts: Iterable[AlertView],
    actions: Iterable[ActionView],
) -> list[Fact]:
    """Everything with a time, the earliest first; what was cancelled or folded away is not there."""
    visits = list(visits)
    cases = list(episodes)
    found = [
        *(fact for told in visits if told.visit.state not in _CANCELLED for fact in _stay(told, cases)),
        *(fact for episode in cases for fact in _readmission(episode)),
        *(_deadline(deadline, visits) for deadline in deadlines),
        *map(_alert, alerts),
        *map(_action, actions),
    ]
    if person.died_at is not None:
        source = visits[0].source if visits else ""
        found.append(
            Fact(kind=FactKind.DEATH, at=person.died_at, name="death", words="Death reported.", source=source)
        )
    return sorted(found, key=lambda fact: (fact.at, fact.kind, fact.name, fact.source))


def _stay(told: Told, cases: Sequence[EpisodeEvent]) -> Iterator[Fact]:
    visit = told.visit
    case = next((one.episode_id for one in cases if one.visit_id == told.visit_id), None)
    begun = visit.admitted_at or visit.started_at
    if begun is not None:
        words = f"{_care(told)} stay at {visit.facility}" + (
            f", unit {visit.location.unit}" if visit.location and visit.location.unit else ""
        )
        yield Fact(
            kind=FactKind.STAY, at=begun, until=visit.discharged_at, name=visit.care_class, words=f"{words}.",
            status=visit.state, case=case, source=told.message(visit.admit_learned_at) or told.source,
        )  # fmt: skip
    for transfer in visit.transfers:
        words = f"Moved from {_place(transfer.origin)} to {_place(transfer.destination)}."
        yield Fact(
            kind=FactKind.TRANSFER, at=transfer.at, name=transfer.trigger, words=words, case=case,
            source=told.message(transfer.learned_at) or told.source,
        )  # fmt: skip
    if visit.discharged_at is not None:
        to = visit.disposition.category.replace("_", " ") if visit.disposition else "an unknown place"
        yield Fact(
            kind=FactKind.DISCHARGE, at=visit.discharged_at, name="discharge", words=f"Discharged to {to}.",
            case=case, source=told.message(visit.discharge_learned_at) or told.source,
        )  # fmt: skip


def _care(told: Told) -> str:
    return told.visit.care_class.replace("_", " ").capitalize()


def _place(location: Location) -> str:
    return " ".join(part for part in (location.facility, location.unit) if part) or "an unknown place"


def _readmission(episode: EpisodeEvent) -> Iterator[Fact]:
    found = episode.readmission
    if found is not None:
        yield Fact(
            kind=FactKind.READMISSION, at=found.at, name=found.verdict,
            words=f"New stay taken for: {found.verdict.replace('_', ' ')}.",
            case=episode.episode_id, source=f"{episode.episode_id}:{episode.revision}",
        )  # fmt: skip


def _deadline(event: DeadlineEvent, visits: Iterable[Told]) -> Fact:
    told = next((one for one in visits if one.visit_id == event.visit_id), None)
    message = told.message(event.learned_at) if told else None
    return Fact(
        kind=FactKind.DEADLINE, at=event.due_at, name=event.kind, words=event.because, status=event.status,
        case=event.episode_id, source=message or f"{event.deadline_id}:{event.revision}",
    )  # fmt: skip


def _alert(alert: AlertView) -> Fact:
    answered = f"; {alert.answered_by or 'someone'} answered" if alert.acknowledged_at else ""
    return Fact(
        kind=FactKind.ALERT, at=alert.raised_at, until=alert.ended_at, name=alert.kind, status=alert.status,
        words=f"{alert.severity} alert: {alert.kind.replace('_', ' ')}{answered}.",
        by=alert.answered_by, case=alert.case, source=alert.source,
    )  # fmt: skip


def _action(action: ActionView) -> Fact:
    said = [
        str(action.body[name])
        for name in ("outcome", "channel", "party", "kind", "complexity")
        if name in action.body
    ]
    words = action.type.replace("_", " ").capitalize() + (f": {', '.join(said)}" if said else "")
    return Fact(
        kind=FactKind.ACTION, at=action.occurred_at, name=action.type, words=words.replace("_", " ") + ".",
        status="withdrawn" if action.withdrawn else action.effect or action.state,
        by=action.by, case=action.case, source=action.action_id,
    )  # fmt: skip
