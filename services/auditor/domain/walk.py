"""What the messages of one visit number come to: its stays, each walked through from its first event."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from services.auditor.domain.diagnoses import history
from services.auditor.domain.message import NULL, Message
from services.auditor.domain.stay import COMES, Stay, Transfer

_SAYS_NOTHING = frozenset({"", "U"})
_WHOLE_STAY = frozenset({"A11", "A23"})
_PAIRS = {"A12": "A02", "A38": "A05", "A27": "A14", "A52": "A21", "A53": "A22"}
CANCELS = frozenset({"A13", *_WHOLE_STAY, *_PAIRS})
_STATE_EVENTS = frozenset({"A01", "A02", "A03", "A04", "A05", "A06", "A07", "A14", "A21", "A22"})
_UPDATES = frozenset({"A08", "A09", "A10", "A15", "A16", "A25", "A26", "A32", "A33", "A54", "A55"})
NOT_FOLLOWED = frozenset({"A17", "A24", "A35", "A37", *(f"A{number}" for number in range(41, 52))})
"""Swaps, links, and moves and re-labels of identifiers: what they make of a visit the audit does not compute."""

SPEAKS_OF_VISIT = _STATE_EVENTS | _UPDATES | CANCELS
_PLANS = frozenset({"A05", "A14", "A38", "A27"})
_SILENT = frozenset({"A09", "A10", "A15", "A16", "A25", "A26", "A32", "A33", "A55"})
"""Events whose diagnoses and admission type nobody reads: tracking, plans, and what takes those back."""

_ASIDE = -1
_MOVES = frozenset({"A01", "A02", "A04", "A06", "A07"})
_FIRST_SEEN = frozenset({"A08", "A02", "A54", "A55"})


def stays(messages: Iterable[Message]) -> list[Stay]:
    """The stays of one visit number, from all its messages, in whatever order they came."""
    said = [each for each in messages if each.trigger in SPEAKS_OF_VISIT]
    cancels = [each for each in said if _cancels_something(each)]
    plain = [each for each in said if each.trigger not in CANCELS]
    undone: set[Message] = set()
    aside: set[Message] = set()
    no_discharge: set[Message] = set()
    hit: list[tuple[Message, int]] = []
    for cancel in sorted(cancels, key=lambda each: (each.moment, each.order)):
        standing = [m for m in plain if m not in undone and m.recorded <= cancel.moment and m is not cancel]
        so_far = _walk(standing, hit, no_discharge)
        last = so_far[-1] if so_far else None
        members = [] if last is None else [m for m in last.applied if m in standing]
        hit.append((cancel, last.generation if last else 0))
        before = set(undone)
        _undo(cancel, members, undone, no_discharge)
        if cancel.trigger not in _WHOLE_STAY:
            aside |= undone - before
    found = _walk([m for m in plain if m not in undone], hit, no_discharge, aside)
    for stay in found:
        stay.diagnoses = history(stay.told)
    return found


def _cancels_something(message: Message) -> bool:
    if message.trigger == "A08":
        return message.discharge_null and message.feed.null_discharge_undoes
    return message.trigger in CANCELS


def _undo(
    cancel: Message, members: Sequence[Message], undone: set[Message], no_discharge: set[Message]
) -> None:
    if cancel.trigger in _WHOLE_STAY:
        undone.update(members)
    elif cancel.trigger in {"A13", "A08"}:
        undone.update(m for m in members if m.trigger == "A03")
        no_discharge.update(m for m in members if m.discharged is not None)
    else:
        pair = [m for m in members if m.trigger == _PAIRS[cancel.trigger]]
        if pair:
            undone.add(max(pair, key=lambda m: (m.happened, m.order)))


def _walk(
    standing: Sequence[Message],
    hit: Sequence[tuple[Message, int]],
    no_discharge: set[Message],
    aside: Iterable[Message] = (),
) -> list[Stay]:
    """Apply what stands in the order of event times; cancels count as events at their own moment.

    What was cancelled did not happen; but what else such a message says, as of diagnoses, was true when it was typed.
    """
    registered = {m.recorded for m in standing if m.trigger == "A04"}

    def when(message: Message) -> tuple[datetime, tuple[object, ...]]:
        at = message.happened
        if message.trigger == "A01" and any(at_desk <= message.recorded for at_desk in registered):
            at = message.spoken_at
        return (at, message.order)

    cancelled_times = {m.discharged for m in no_discharge}
    steps: list[tuple[tuple[datetime, tuple[object, ...]], Message, int | None]] = [
        (when(m), m, None) for m in standing
    ]
    steps += [((c.moment, c.order), c, generation) for c, generation in hit if c.trigger != "A08"]
    steps += [((m.recorded if m.trigger == "A03" else m.happened, m.order), m, _ASIDE) for m in aside]
    found: list[Stay] = []
    for at, message, generation in sorted(steps, key=lambda step: step[0]):
        if generation == _ASIDE:
            if found:
                _words(found[-1], message)
            continue
        if generation is not None:
            _apply_cancel(found, message, generation)
            continue
        current = found[-1] if found else _open(found, message)
        stay = _again(found, current, message, at[0])
        if stay is not None:
            silent = message in no_discharge or (
                message.trigger == "A08" and message.discharged in cancelled_times
            )
            _apply(stay, message, at[0], silent=silent)
    return found


def _open(found: list[Stay], message: Message) -> Stay:
    assert message.visit is not None
    found.append(Stay(message.visit, len(found)))
    return found[-1]


def _again(found: list[Stay], stay: Stay, message: Message, at: datetime) -> Stay | None:
    """An admission or registration on a stay that is over: 1.3.1. None where nothing is to be done with it."""
    if message.trigger not in COMES or stay.state != "discharged":
        return stay
    left = stay.discharged
    assert left is not None
    admitted = stay.admitted[1] if stay.admitted else None
    told = message.admitted
    if told is not None and told > left:
        return _open(found, message)
    admissions = [m for m in stay.applied if m.trigger in COMES]
    same = admitted is None or told == admitted
    if same and message.recorded > _recorded_discharge(stay) and admissions and not message.discharged:
        stay.state = "admitted"
        stay.left = stay.left_event = None
        return stay
    if at <= left and same:
        return stay
    return None


def _recorded_discharge(stay: Stay) -> datetime:
    return max(m.recorded for m in stay.applied if m.trigger == "A03" or m.discharged is not None)


def _apply_cancel(found: list[Stay], cancel: Message, generation: int) -> None:
    if not found and generation == 0:
        _open(found, cancel)
    if generation >= len(found):
        return
    stay = found[generation]
    later = [m for m in stay.applied if m.recorded > cancel.moment]
    state = stay.state
    if cancel.trigger in _WHOLE_STAY and not any(m.trigger in _STATE_EVENTS for m in later):
        state = "cancelled"
    elif cancel.trigger == "A13" and not any(m.trigger == "A03" for m in later):
        if state in {"none", "planned"}:
            state = "admitted"
        elif state == "discharged":
            state = "admitted" if stay.inpatient or stay.observation else "registered"
            stay.left = stay.left_event = None
    elif cancel.trigger in {"A38", "A27"} and state in {"none", "planned"}:
        state = "cancelled"
    elif cancel.trigger == "A52" and state == "on_leave":
        state = "admitted"
    elif cancel.trigger == "A53" and state == "admitted":
        state = "on_leave"
    if state == "admitted" and stay.state == "none":
        stay.started, stay.start_told = cancel.admitted or cancel.happened, False
    stay.state = state
    stay.applied.append(cancel)
    _words(stay, cancel)
    _snapshot(stay, cancel, silent=True)


def _apply(stay: Stay, message: Message, at: datetime, *, silent: bool) -> None:
    before, was_admitted = stay.state, stay.state in {"admitted", "on_leave"}
    late_admission = before == "discharged" and message.trigger in COMES
    location = (stay.unit, stay.place, stay.service)
    stay.applied.append(message)
    _words(stay, message)
    _snapshot(stay, message, silent=silent)
    stay.state = before if late_admission else _next(stay, message, silent=silent)
    if stay.state == "discharged" and message.trigger == "A03":
        stay.left_event = message.happened
    elif stay.state == "discharged" and before != "discharged":
        stay.left_event = message.discharged or at
    _note_start(stay, message, before, at)
    moved = location != (stay.unit, stay.place, stay.service) and any(location)
    if message.trigger == "A02" and was_admitted and stay.state == "admitted" and moved:
        stay.transfers.append(Transfer(message.happened, message.unit, message))
    # An update just before an A01 may have spoken of somebody who was only expected.
    here = stay.emergency or any(m.trigger == "A04" for m in stay.applied)
    converted = before == "registered" and (message.trigger == "A06" or (message.trigger == "A01" and here))
    if converted and stay.state == "admitted":
        stay.transfers.append(Transfer(at, message.unit, message))


def _note_start(stay: Stay, message: Message, before: str, at: datetime) -> None:
    if stay.state in {"admitted", "on_leave", "discharged"} and stay.started is None and stay.inpatient:
        stay.started = at if message.trigger in {"A01", "A06"} else message.admitted or at
        stay.start_told = not (before == "none" and message.trigger in _FIRST_SEEN)
        stay.started_by_change = before == "registered" or message.trigger == "A06"
    elif not stay.inpatient:
        stay.started, stay.started_by_change = None, False


def _snapshot(stay: Stay, message: Message, *, silent: bool) -> None:
    """Take what the message says of the visit; what it does not say stays.

    Who updated a visit before a move of it was typed in could not know of the move.
    """
    moves = message.trigger in _MOVES
    if not moves and stay.moved_when is not None and message.recorded < stay.moved_when:
        _times(stay, message, silent=silent)
        return
    if moves:
        stay.moved_when = message.recorded
    said = message.patient_class
    if said in _SAYS_NOTHING:
        said = {"A01": "I", "A06": "I", "A04": "O", "A07": "O"}.get(message.trigger, "") or said
    if said not in _SAYS_NOTHING:
        stay.patient_class = said
    stay.patient_type = message.patient_type or stay.patient_type
    stay.unit = message.unit or stay.unit
    stay.place = message.place or stay.place
    stay.service = message.service or stay.service
    stay.facility, stay.zone = message.facility or stay.facility, message.zone
    stay.number = message.number or stay.number
    stay.emergency = stay.emergency or stay.patient_class == "E"
    _times(stay, message, silent=silent)


def _words(stay: Stay, message: Message) -> None:
    """Diagnoses and admission type. What is said of a visit to come no longer counts once the patient is there."""
    to_come = message.trigger in _PLANS and stay.state not in {"none", "planned", "cancelled"}
    if message.trigger in _SILENT or to_come:
        return
    if message.diagnoses:
        stay.told.append((message.happened, message.diagnoses))
    if message.admission_type:
        stay.admission_type = "" if message.admission_type == NULL else message.admission_type


def _times(stay: Stay, message: Message, *, silent: bool) -> None:
    """PV1-44, PV1-45 and PV1-36: those of the latest recorded."""
    if message.admitted is not None and (stay.admitted is None or message.order >= stay.admitted[0]):
        stay.admitted = (message.order, message.admitted)
    if silent:
        return
    if message.discharged is not None and (stay.left is None or message.order >= stay.left[0]):
        stay.left = (message.order, message.discharged)
    if message.disposition and (stay.disposition is None or message.order >= stay.disposition[0]):
        stay.disposition = (message.order, message.disposition)


def _next(stay: Stay, message: Message, *, silent: bool) -> str:
    state, trigger = stay.state, message.trigger
    fresh = state in {"none", "planned"}
    if state == "cancelled":
        reopened = {
            "A01": "admitted",
            "A04": "registered",
            "A05": "planned",
            "A14": "planned",
            "A06": "admitted",
        }
        return reopened.get(trigger, state)
    if trigger in {"A01", "A06"}:
        return "admitted"
    if trigger == "A04":
        return "registered" if fresh else state
    if trigger in {"A05", "A14"}:
        return "planned" if state == "none" else state
    if trigger == "A07":
        return "registered" if fresh or state in {"admitted", "on_leave"} else state
    if trigger == "A03":
        return "discharged"
    if trigger == "A21":
        return "on_leave" if fresh or state == "admitted" else state
    if trigger == "A22":
        return "admitted" if fresh or state == "on_leave" else state
    if trigger == "A02" and state in {"planned", "on_leave"}:
        return "admitted"
    if state == "none":
        return _first_sight(stay, message)
    implied = trigger == "A08" and message.discharged is not None and message.feed.a08_implies_discharge
    if implied and not silent and state in {"admitted", "on_leave"}:
        return "discharged"
    if (
        trigger == "A08"
        and message.discharge_null
        and message.feed.null_discharge_undoes
        and state == "discharged"
    ):
        stay.left = stay.left_event = None
        return "admitted" if stay.inpatient or stay.observation else "registered"
    return state


def _first_sight(stay: Stay, message: Message) -> str:
    if message.discharged is not None:
        return "discharged"
    return "admitted" if stay.inpatient else "registered"
