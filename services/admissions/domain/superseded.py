"""Updates overtaken by the next: of a storm of A08 on one visit the fold needs the first, the last, and what stays said."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Generic, TypeVar

from msgspec import UNSET, Struct, structs

from services.admissions.domain.cancels import discharge_time
from services.admissions.domain.model import AdtEvent, Demographics, Place
from services.admissions.domain.order import record_key
from services.admissions.domain.states import ADMITS, PLANS

Who = TypeVar("Who")

_OVERWRITTEN = ("admission_type", "admit_source", "attending", "expected_return_at", "hospital_service")
"""Fields of which only the last statement counts; so it is with PV1-3, whose parts have rules of their own."""


_TELLS_APART = frozenset(
    {"event_id", "control_id", "fingerprint", "sequence"}
    | {"occurred_at", "recorded_at", "created_at", "received_at", "stated_at"}
    | {"trigger", "type", "prior_location", "person", "identifiers", "enterprise"}
)
"""What tells an event from an update that says the same of the visit, and what of an update is not folded."""

_ONWARD = ADMITS | PLANS | {"A02", "A03", "A08"}
"""Events that take nothing back."""

_content = attrgetter(*(name for name in AdtEvent.__struct_fields__ if name not in _TELLS_APART))
_recorded_at = attrgetter("recorded_at")
_NEVER = datetime.min.replace(tzinfo=UTC)


class Essence(Struct, Generic[Who], frozen=True):
    """Enough of the events of a visit number to fold it, each with the identifier it came under.

    They were `count`; those with the fingerprints `gone` were left out.
    """

    told: Sequence[tuple[Who, AdtEvent]]
    count: int
    gone: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """How many events and fingerprints it holds."""
        return len(self.told) + len(self.gone)


def essence(told: Sequence[tuple[Who, AdtEvent]], window: timedelta) -> Essence[Who]:
    """Leave out what changes nothing: of these events, and of any that `extended` takes after them.

    Updates between two others that say the same of all that lasts, and repetitions within the window. What stands
    of a visit, whose it is, and which messages told of it come out as they do from all events.
    """
    in_order = sorted(told, key=lambda each: record_key(each[1]))
    events = [event for _, event in in_order]
    standing, idle = _without_replays(events, window)
    idle |= _between(events, standing)
    for n in range(len(events)):
        if n in idle and not (n + 1 < len(events) and _covered(in_order[n], in_order[n + 1])):
            idle.discard(n)
    _keep_ends_of_instants(events, idle)
    gone = frozenset(events[n].fingerprint for n in idle.intersection(standing))
    return Essence([each for n, each in enumerate(in_order) if n not in idle], len(events), gone)


def extended(
    known: Essence[Who], told: Sequence[tuple[Who, AdtEvent]], window: timedelta
) -> Essence[Who] | None:
    """The essence with these new events; None where what was left out may matter to them."""
    if len(known.told) < known.count and not _all_follow(known, told):
        return None
    found = essence([*known.told, *told], window)
    return Essence(found.told, known.count + len(told), known.gone | found.gone)


def _all_follow(known: Essence[Who], told: Iterable[tuple[Who, AdtEvent]]) -> bool:
    kept = [event for _, event in known.told]
    recorded = max(record_key(event) for event in kept)
    occurred_at = max(event.occurred_at for event in kept)
    received_at = max(event.received_at for event in kept)
    written = {event.fingerprint: event.created_at for event in sorted(kept, key=attrgetter("created_at"))}
    return all(
        _plain(event)
        and record_key(event) > recorded
        and event.occurred_at >= occurred_at
        and event.received_at >= received_at
        and event.fingerprint not in known.gone
        and event.created_at >= written.get(event.fingerprint, event.created_at)
        for _, event in told
    )


def _plain(event: AdtEvent) -> bool:
    """An update that happened when it was recorded: it stands at one place in every order."""
    return event.trigger == "A08" and _at_once(event)


def _at_once(event: AdtEvent) -> bool:
    return event.occurred_at == event.recorded_at and event.stated_at in (None, event.recorded_at)


def last_word(events: Sequence[AdtEvent]) -> AdtEvent | None:
    """The last of these events in every order, if an update may say it again; None where there is none."""
    last = max(reversed(events), key=_recorded_at)
    if any(event.recorded_at == last.recorded_at and event is not last for event in events):
        last = max(events, key=record_key)
    if not _at_once(last) or (last.trigger != "A08" and not _repeatable(last, events)):
        return None
    # What acts on single codes may leave them in another order the second time.
    if any(entry.action is not None for entry in last.diagnoses):
        return None
    return None if any(_later(event, last) for event in events) else last


def _repeatable(last: AdtEvent, events: Sequence[AdtEvent]) -> bool:
    """Whether an update with the same words as this last event, which is none, says no more than the event.

    It may where nothing is ever taken back. It discharges by its PV1-45 and deletes by its nulls, unlike what
    is no discharge; and it is no admission, which after a discharge is judged by rules of its own.
    """
    if last.trigger in PLANS or any(
        event.trigger not in _ONWARD or event.discharge_at is None for event in events
    ):
        return False
    if last.trigger == "A03":
        return True
    if last.discharge_at is not UNSET or last.disposition is None:
        return False
    return last.trigger == "A02" or not any(discharge_time(event) for event in events)


def _later(event: AdtEvent, last: AdtEvent) -> bool:
    """Whether something of the event happens, or it arrived, after the one recorded last."""
    at = last.occurred_at
    return (
        event.occurred_at > at
        or event.received_at > last.received_at
        or (event.stated_at is not None and event.stated_at > at)
        or (isinstance(event.admit_at, datetime) and event.admit_at > at)
    )


def repeats(event: AdtEvent, last: AdtEvent) -> bool:
    """Whether a new update only says again what the last word of its visit says: then no visit changes by it."""
    return (
        _plain(event)
        and event.recorded_at > last.recorded_at
        and event.received_at > last.received_at
        and _content(event) == _content(last)
    )


def _without_replays(events: Sequence[AdtEvent], window: timedelta) -> tuple[list[int], set[int]]:
    """Positions of events that are no repetition of another, and of repetitions that tell nothing."""
    if len({event.fingerprint for event in events}) == len(events):
        return list(range(len(events))), set()
    latest: dict[str, int] = {}
    standing: list[int] = []
    idle: set[int] = set()
    for n in sorted(range(len(events)), key=lambda n: (events[n].created_at, n)):
        event = events[n]
        first = latest.get(event.fingerprint)
        if first is None or event.created_at - events[first].created_at > window:
            latest[event.fingerprint] = n
            standing.append(n)
        elif event.received_at >= events[first].received_at:
            idle.add(n)
    return sorted(standing), idle


def _between(events: Sequence[AdtEvent], standing: Sequence[int]) -> set[int]:
    """Positions inside a run of updates, each of which overwrites the one before."""
    often = Counter(event.fingerprint for event in events)
    marks = sorted(_marks(events))
    found: set[int] = set()
    begun = 0
    lasting: AdtEvent | None = None
    for place, n in enumerate(standing):
        event = events[n]
        said = _lasting(event) if _plain(event) and often[event.fingerprint] == 1 else None
        before = events[standing[place - 1]]
        if (
            said is None
            or said != lasting
            or event.occurred_at < before.occurred_at
            or event.received_at < before.received_at
            or not _overwrites(event, before)
            or _any_within(marks, before.occurred_at, event.occurred_at)
        ):
            begun = place
        elif place - begun > 1:
            found.add(standing[place - 1])
        lasting = said
    return found


def _marks(events: Iterable[AdtEvent]) -> set[datetime]:
    """Every instant at which something else may happen, begin or end than updates."""
    found: set[datetime] = set()
    for event in events:
        if not _plain(event):
            found |= {event.occurred_at, event.recorded_at}
            if event.stated_at is not None:
                found.add(event.stated_at)
            if isinstance(event.admit_at, datetime):
                found.add(event.admit_at)
    return found


def _any_within(marks: Sequence[datetime], first: datetime, last: datetime) -> bool:
    at = bisect_left(marks, first)
    return at < len(marks) and marks[at] <= last


def _lasting(event: AdtEvent) -> AdtEvent:
    """The event without what the next one overwrites, what tells it from another, and what is not folded."""
    return structs.replace(
        event,
        event_id="",
        control_id="",
        fingerprint="",
        occurred_at=_NEVER,
        recorded_at=_NEVER,
        created_at=_NEVER,
        received_at=_NEVER,
        stated_at=None,
        sequence=None,
        identifiers=(),
        enterprise=None,
        admission_type=UNSET,
        admit_source=UNSET,
        hospital_service=UNSET,
        attending=UNSET,
        location=UNSET,
        prior_location=UNSET,
        expected_return_at=UNSET,
        person=Demographics(),
    )


def _overwrites(event: AdtEvent, before: AdtEvent) -> bool:
    """Whether the update states all that the one before stated and that does not last."""
    here, there = event.location, before.location
    if here != there:
        stated = isinstance(here, Place) and (here.unit or here.room or here.bed)
        facility = isinstance(there, Place) and there.facility is not None
        if not stated or (facility and not (isinstance(here, Place) and here.facility)):
            return False
    return all(
        getattr(before, field) is UNSET or getattr(event, field) is not UNSET for field in _OVERWRITTEN
    )


def _covered(one: tuple[Who, AdtEvent], following: tuple[Who, AdtEvent]) -> bool:
    """Whether the next event is of the same patient, and did not arrive earlier."""
    (who, event), (next_who, after) = one, following
    return who == next_who and after.trigger != "A31" and event.received_at <= after.received_at


def _keep_ends_of_instants(events: Sequence[AdtEvent], idle: set[int]) -> None:
    """Of what arrived at one instant the first and the last by id stand for all: keep them where anything is kept."""
    instants: dict[datetime, list[tuple[str, int]]] = defaultdict(list)
    for n, event in enumerate(events):
        instants[event.received_at].append((event.event_id, n))
    for arrived in instants.values():
        if any(n not in idle for _, n in arrived):
            idle -= {min(arrived)[1], max(arrived)[1]}
