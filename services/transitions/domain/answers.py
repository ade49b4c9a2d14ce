"""What became of each action: counted, or noted without effect and why; knows nothing of how it was planned."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from services.transitions.domain.acknowledge import DUE_SOON, MISSED, READMISSION
from services.transitions.domain.episodes import GONE
from services.transitions.domain.handoff import ACCEPTED_TYPE
from services.transitions.domain.meant import misdirected
from services.transitions.domain.model import Answer, Deed, Plan, PlannedDeadline, PlannedEpisode, Stay

COUNTED, NOTED, WAITING = "counted", "noted", "waiting"
DISCHARGE = "discharge"
DONE = frozenset({"met", "met_late"})
WRONG_NUMBER = "wrong_number"


class Case(Struct, frozen=True, gc=False):
    """What one visit number is owed, and the judgements on its stays: what an action on it can be about."""

    stays: tuple[Stay, ...]
    episodes: tuple[PlannedEpisode, ...]
    readmissions: frozenset[UUID]


def answers(stays: Sequence[Stay], deeds: Sequence[Deed], plan: Plan) -> dict[str, Answer]:
    """What became of the actions of one patient, by their ids. `plan` is the one made from these stays and deeds."""
    if not deeds:
        return {}
    cases = _cases(stays, {deed.root_id for deed in deeds}, plan)
    found: dict[str, Answer] = {}
    for deed in sorted(deeds, key=lambda deed: (deed.occurred_at, deed.at, deed.action_id)):
        case = cases.get(deed.root_id)
        if case is not None:
            found[deed.action_id] = _answer(deed, case)
    return found


def _cases(stays: Sequence[Stay], roots: set[UUID], plan: Plan) -> dict[UUID, Case]:
    mine: dict[UUID, list[Stay]] = {}
    for stay in stays:
        if stay.root_id in roots:
            mine.setdefault(stay.root_id, []).append(stay)
    told = frozenset(later.visit_id for _, later in plan.readmissions)
    cases = {}
    for root, group in mine.items():
        group.sort(key=lambda stay: (stay.state not in GONE, stay.generation))
        visits = {stay.visit_id for stay in group}
        episodes = tuple(episode for episode in plan.episodes if episode.visit_id in visits)
        cases[root] = Case(tuple(group), episodes, told & visits)
    return cases


def _answer(deed: Deed, case: Case) -> Answer:
    latest = case.stays[-1]
    if misdirected(deed, case.stays):
        return Answer(NOTED, "other_patient", visit_id=latest.visit_id)
    if all(stay.state in GONE for stay in case.stays):
        reason = "visit_folded" if latest.state == "folded" else "visit_cancelled"
        return Answer(NOTED, reason, visit_id=latest.visit_id)
    found = _JUDGES.get(deed.type, _statement)(deed, case)
    return found if found.visit_id else replace(found, visit_id=latest.visit_id)


def _of(episode: PlannedEpisode, kinds: Iterable[str] = ()) -> Answer:
    return Answer(COUNTED, None, tuple(kinds), episode.visit_id, episode.episode_id)


def _discharges(case: Case) -> list[PlannedEpisode]:
    return [episode for episode in case.episodes if not episode.anchor and episode.kind == DISCHARGE]


def _followed(deed: Deed, case: Case) -> PlannedEpisode | Answer:
    """The discharge that something done then follows up, or why there is none."""
    discharges = _discharges(case)
    begun = [episode for episode in discharges if episode.opened_at <= deed.occurred_at]
    if not begun:
        return Answer(NOTED, "before_discharge") if discharges else _without_discharge(case, NOTED)
    if _over(begun[-1], deed.occurred_at):
        return Answer(NOTED, "episode_over", (), begun[-1].visit_id)
    return begun[-1]


def _without_discharge(case: Case, effect: str) -> Answer:
    """Nothing was opened: because nobody has left yet, or because this discharge opens nothing."""
    if any(stay.discharged_at is None and stay.state not in GONE for stay in case.stays):
        return Answer(effect, "before_discharge" if effect == NOTED else "no_discharge_yet")
    return Answer(NOTED, "no_episode")


def _over(episode: PlannedEpisode, at: datetime) -> bool:
    return episode.closed is not None and episode.closed[1] <= at


def _settled(episode: PlannedEpisode, at: datetime) -> tuple[str, ...]:
    return tuple(
        d.kind for d in episode.deadlines if d.settled and d.settled[0] in DONE and d.settled[1] == at
    )


def _contact(deed: Deed, case: Case) -> Answer:
    """A conversation or a try. All within an open case are part of it; a wrong number is not even a try."""
    found = _followed(deed, case)
    if isinstance(found, Answer):
        return found
    if deed.outcome == WRONG_NUMBER:
        return Answer(NOTED, "no_attempt", (), found.visit_id)
    return _of(found, _settled(found, deed.occurred_at))


def _service(deed: Deed, case: Case) -> Answer:
    """A visit, a reconciliation, a notice: counts where it settles something."""
    found = _followed(deed, case)
    if isinstance(found, Answer):
        return found
    kinds = _settled(found, deed.occurred_at)
    return _of(found, kinds) if kinds else Answer(NOTED, "nothing_waiting", (), found.visit_id)


def _statement(deed: Deed, case: Case) -> Answer:
    """What was said about the patient holds for the case, whether said before it opened or later."""
    discharges = _discharges(case)
    if not discharges:
        return _without_discharge(case, WAITING)
    last = discharges[-1]
    if _over(last, deed.occurred_at):
        return Answer(NOTED, "episode_over", (), last.visit_id)
    return _of(last)


def _handoff(deed: Deed, case: Case) -> Answer:
    """What a party of a handoff said: part of the one handoff it was found to be about."""
    handoffs = [episode for episode in case.episodes if episode.kind != DISCHARGE]
    for episode in handoffs:
        if deed.action_id in episode.said:
            if deed.type != ACCEPTED_TYPE:
                return _of(episode)
            if episode.closed == ("completed", deed.occurred_at):
                return _of(episode, _settled(episode, deed.occurred_at))
            unread = deed.read_back is not True
            return Answer(NOTED, "no_read_back" if unread else "checklist_incomplete", (), episode.visit_id)
    if not handoffs:
        return _without_discharge(case, WAITING)
    begun = any(episode.opened_at <= deed.occurred_at for episode in handoffs)
    return Answer(NOTED, "nothing_waiting" if begun else "too_early")


def _waiver(deed: Deed, case: Case) -> Answer:
    owing = [(e, d) for e in case.episodes for d in e.deadlines if d.kind == deed.kind]
    if not owing:
        waits = not _discharges(case) and _without_discharge(case, WAITING)
        return waits if waits and waits.effect == WAITING else Answer(NOTED, "kind_not_owed")
    for episode, deadline in reversed(owing):
        if _waived(deed, deadline, episode):
            return _of(episode, (deadline.kind,))
    return Answer(NOTED, "nothing_waiting", (), owing[-1][0].visit_id)


def _waived(deed: Deed, deadline: PlannedDeadline, episode: PlannedEpisode) -> bool:
    """Before its time it is waived; after a miss it only is nobody's work any more."""
    if deadline.settled is not None:
        return deadline.settled == ("waived", deed.at)
    return deadline.waived and episode.opened_at <= deed.at


def _item(deed: Deed, case: Case) -> Answer:
    """Taken or released: who works on what is the worklist's affair; it has only to be there."""
    for episode in reversed(case.episodes):
        if any(deadline.kind == deed.kind for deadline in episode.deadlines):
            return _of(episode, (deed.kind,) if deed.kind else ())
    return Answer(NOTED, "kind_not_owed")


def _alert(deed: Deed, case: Case) -> Answer:
    if deed.kind == READMISSION and case.readmissions:
        return Answer(COUNTED)
    for episode in reversed(case.episodes):
        if any(notice.kind == deed.kind for notice in episode.notices):
            return _of(episode)
        for deadline in episode.deadlines:
            if deed.kind in (deadline.kind, deadline.kind + MISSED, deadline.kind + DUE_SOON):
                return _of(episode, (deadline.kind,))
    return Answer(NOTED, "no_such_alert")


_JUDGES: dict[str, Callable[[Deed, Case], Answer]] = {
    "contact_attempted": _contact,
    "visit_completed": _service,
    "medications_reconciled": _service,
    "pcp_notified": _service,
    "handoff_acknowledged": _handoff,
    "handoff_declined": _handoff,
    "handoff_delegated": _handoff,
    "deadline_waived": _waiver,
    "item_taken": _item,
    "item_released": _item,
    "alert_acknowledged": _alert,
}
