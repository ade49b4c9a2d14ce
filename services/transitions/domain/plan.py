"""Everything one patient is owed, from stays, deeds, protocol and calendar; knows nothing of what was planned before."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from schemas.reference.facilities import Facilities
from services.transitions.domain import handoff, number, readmission
from services.transitions.domain.episodes import GONE, Circumstances
from services.transitions.domain.kept import NOTHING_KEPT, Kept, Under
from services.transitions.domain.meant import misdirected
from services.transitions.domain.model import Deed, Plan, PlannedEpisode, PlannedReadmission, Stay
from services.transitions.domain.protocol import Protocol
from services.transitions.domain.risk import assess


def plan(
    stays: Sequence[Stay],
    deeds: Sequence[Deed],
    *,
    protocol: Protocol,
    facilities: Facilities,
    as_of: datetime,
    kept: Kept = NOTHING_KEPT,
) -> Plan:
    """Plan one patient. Stays and deeds in any order.

    Time passing decides nothing here but which thirty-day windows have ended. An episode with `opens_at`
    later than `as_of` is not to be opened yet. Shadow and test stays are planned beside the live ones and
    neither sees the other. What someone says they will have done counts for nothing. `protocol` is the present
    one; `kept` names the cases under another.
    """
    if not any(stay.moves or stay.discharged_at for stay in stays):
        return Plan()  # nobody has moved or left
    skew = protocol.engine.clock_skew
    done = [deed for deed in deeds if deed.occurred_at <= deed.at + skew and not misdirected(deed, stays)]
    done.sort(key=lambda deed: (deed.occurred_at, deed.at, deed.action_id))
    present = Under(protocol, protocol.label)
    planned: list[PlannedEpisode] = []
    judged: list[tuple[UUID, PlannedReadmission]] = []
    turns: list[datetime] = []
    alarms: list[tuple[UUID, str]] = []
    for live in (True, False):
        group = [stay for stay in stays if stay.live is live]
        if group:
            given = Circumstances(protocol, facilities, as_of, readmission.death_of(group), present, kept)
            alarms += _plan_group(group, done, given, planned, judged, turns)
    planned.sort(key=number.in_order)
    judged.sort(key=lambda pair: (pair[1].at, pair[0], pair[1].visit_id))
    replan_at = min((at for at in turns if at > as_of), default=None)
    return Plan(tuple(planned), tuple(judged), replan_at, tuple(sorted(alarms)))


def _plan_group(
    stays: Sequence[Stay],
    deeds: Sequence[Deed],
    given: Circumstances,
    planned: list[PlannedEpisode],
    judged: list[tuple[UUID, PlannedReadmission]],
    turns: list[datetime],
) -> list[tuple[UUID, str]]:
    stays = [stay for stay in stays if stay.state not in GONE]
    history = readmission.History(stays, given)
    verdicts = history.verdicts()
    judged += verdicts
    whose = assess.person(history, verdicts, deeds, given.protocol.risk)
    admitted = handoff.admissions(stays)
    against = _first_against(verdicts)
    numbers: dict[UUID, list[Stay]] = {}
    for stay in stays:
        numbers.setdefault(stay.root_id, []).append(stay)
    for root, mine in numbers.items():
        if any(stay.moves or stay.discharged_at for stay in mine):
            about = [deed for deed in deeds if deed.root_id == root]
            found = number.owed(mine, about, given, whose, admitted, against)
            planned += found.episodes
            turns += found.turns
    return history.alarms()


def _first_against(
    verdicts: Sequence[tuple[UUID, PlannedReadmission]],
) -> dict[UUID, PlannedReadmission]:
    """By stay the first inpatient start that counts against it, else the first revisit."""
    found: dict[UUID, PlannedReadmission] = {}
    for visit_id, verdict in verdicts:
        known = found.get(visit_id)
        if known is None or _loudness(verdict) < _loudness(known):
            found[visit_id] = verdict
    return found


def _loudness(verdict: PlannedReadmission) -> tuple[bool, datetime]:
    return verdict.verdict in readmission.REVISITS, verdict.at
