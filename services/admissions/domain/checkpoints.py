"""A visit long closed stands as it is: an older message fills what was never said, a newer one begins the next stay."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from schemas.encounters import CareClass, Visit
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.fold import fold
from services.admissions.domain.generations import Bound, generation_of
from services.admissions.domain.model import AdtEvent
from services.admissions.domain.states import ADMITS, DATA, DISCHARGED
from services.admissions.domain.stay import security_label

Who = TypeVar("Who")

_GAPS = (
    "admission_type",
    "admit_source",
    "attending",
    "diagnoses",
    "hospital_service",
    "location",
    "started_at",
)
_STAYS = (CareClass.INPATIENT, CareClass.OBSERVATION, CareClass.NEWBORN)


def parted(
    closed: Sequence[Visit], told: Iterable[tuple[Who, AdtEvent]]
) -> tuple[list[list[tuple[Who, AdtEvent]]], list[tuple[Who, AdtEvent]]]:
    """Part what came after the checkpoint of a visit number: what speaks of each closed stay, and of what follows.

    What follows begins with a PV1-44 after the last stay, or with an admission without one that happened after it.
    """
    told = list(told)
    bounds: list[Bound] = []
    left: datetime | None = None
    for number, visit in enumerate(closed):
        left = visit.discharged_at or visit.cancelled_at or left
        if left is not None and number + 1 < len(closed):
            bounds.append((left, closed[number + 1].started_at or left))
    start = min(
        (at for _, event in told if (at := _begins(event)) and (left is None or at > left)), default=None
    )
    if start is not None and left is not None:
        bounds.append((left, start))
    lefts, starts = [left for left, _ in bounds], [start for _, start in bounds]
    parts: list[list[tuple[Who, AdtEvent]]] = [[] for _ in range(len(closed) + 1)]
    for each in told:
        parts[generation_of(each[1], lefts, starts)].append(each)
    return parts[:-1], parts[-1]


def _begins(event: AdtEvent) -> datetime | None:
    if isinstance(event.admit_at, datetime):
        return event.admit_at if event.trigger in DATA else None
    return event.occurred_at if event.trigger in ADMITS else None


def filled(visit: Visit, events: Sequence[AdtEvent], profile: FeedProfile) -> Visit:
    """Give the closed visit with what only these late events say of it. State, discharge and moves stay.

    A label is taken over whenever it comes, also by a cancelled visit.
    """
    news: dict[str, Any] = {}
    if events and visit.security_label is None and (label := security_label(events, profile)):
        news["security_label"] = label
    for late in fold(events, profile) if visit.state is DISCHARGED else ():
        news = {
            name: said for name in _GAPS if (said := getattr(late, name)) and not getattr(visit, name)
        } | news
        if visit.admitted_at is None and late.admitted_at and visit.care_class in _STAYS:
            news.setdefault("admitted_at", late.admitted_at)
            news.setdefault("admit_learned_at", late.admit_learned_at)
        if (
            visit.disposition is not None
            and not visit.disposition.stated
            and late.disposition is not None
            and late.disposition.stated
        ):
            news.setdefault("disposition", late.disposition)
    if visit.gap and visit.state is DISCHARGED and any(event.trigger in ("A01", "A04") for event in events):
        news["gap"] = False
    return visit.model_copy(update=news) if news else visit
