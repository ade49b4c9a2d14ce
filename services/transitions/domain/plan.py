"""Everything one patient is owed, from stays, deeds, protocol and calendar; knows nothing of what was planned before."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from schemas.reference.facilities import Facilities
from services.transitions.domain import episodes, handoff, notices, readmission
from services.transitions.domain.deadline import call_backs, learned_at, plan_deadline
from services.transitions.domain.episodes import DISCHARGE, GONE, Circumstances, Draft
from services.transitions.domain.kept import NOTHING_KEPT, Kept, Under
from services.transitions.domain.latest import Latest
from services.transitions.domain.meant import misdirected
from services.transitions.domain.model import Deed, Notice, Plan, PlannedEpisode, PlannedReadmission, Stay
from services.transitions.domain.protocol import Protocol
from services.transitions.domain.risk import assess
from services.transitions.domain.work import Work, work_on


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
    planned.sort(key=lambda episode: (episode.opened_at, str(episode.visit_id), episode.kind, episode.anchor))
    judged.sort(key=lambda pair: (pair[1].at, str(pair[0]), str(pair[1].visit_id)))
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
    drafts: dict[UUID, list[Draft]] = defaultdict(list)
    for stay in stays:
        mine = drafts[stay.root_id]
        mine += episodes.of_transfers(stay, given)
        follow_up = episodes.of_discharge(stay, given, history.back(stay))
        if follow_up:
            mine.append(follow_up)
    whose = assess.person(history, verdicts, deeds, given.protocol.risk)
    for root, mine in drafts.items():
        if mine:
            for draft in mine:
                draft.risk = assess.risk_of(draft, whose)
                draft.arrived_at = handoff.arrived(draft, stays)
            mine.sort(key=lambda draft: (draft.start.at, draft.anchor == "", draft.anchor))
            planned += _with_deeds(
                mine, [deed for deed in deeds if deed.root_id == root], given.protocol, verdicts
            )
            turns += [at for draft in mine if not draft.acknowledged_at for at in draft.turns]
    return history.alarms()


def _with_deeds(
    drafts: Sequence[Draft],
    deeds: Sequence[Deed],
    protocol: Protocol,
    verdicts: Sequence[tuple[UUID, PlannedReadmission]],
) -> list[PlannedEpisode]:
    """The episodes of one visit number, of all its generations, with what people did about them."""
    waived: dict[tuple[int, str], datetime] = {}
    if deeds:
        handoff.acknowledge(drafts, deeds, protocol.engine.ack_lead)
        waived = handoff.waivers(drafts, deeds)
    return [
        _latest_episode(
            draft,
            work_on(drafts, n, deeds, draft.under.protocol.complexity),
            {kind: at for (m, kind), at in waived.items() if m == n},
            None if draft.anchor else _verdict_on(draft.stay, verdicts),
            notices.of_draft(drafts, n, deeds),
        )
        for n, draft in enumerate(drafts)
    ]


EPISODES: Latest[PlannedEpisode] = Latest(10_000)


def _latest_episode(
    draft: Draft,
    work: Work,
    waived: dict[str, datetime],
    verdict: PlannedReadmission | None,
    told: tuple[Notice, ...],
) -> PlannedEpisode:
    """The episode as planned last, where all that it comes from is the same; `turns` only say when to plan again."""
    draft = replace(draft, turns=[])
    given = (draft, work, waived, verdict, told)
    return EPISODES.of((draft.stay.visit_id, draft.anchor), given, lambda: _episode(*given))


def _episode(
    draft: Draft,
    work: Work,
    waived: dict[str, datetime],
    verdict: PlannedReadmission | None,
    told: tuple[Notice, ...],
) -> PlannedEpisode:
    stay, end, taken, protocol = draft.stay, draft.end, draft.acknowledged_at, draft.under.protocol
    chosen = [
        rule
        for rule in draft.opening.deadlines
        if rule.complexity in {None, work.judged.level} and not (stay.part2 and rule.tells_others)
    ]
    rules = [rule for rule in chosen if not rule.opened_by]
    deadlines = tuple(plan_deadline(rule, draft, work, waived.get(rule.kind), protocol) for rule in rules)
    if len(rules) < len(chosen) and work.contacts:
        deadlines += call_backs(chosen, draft, work, waived, protocol)
    closed = ("completed", taken) if taken else (end.reason, end.at) if end else None
    learned = max((learned_at(rule, draft, protocol) for rule in rules), default=draft.learned_at)
    return PlannedEpisode(
        visit_id=stay.visit_id,
        kind=draft.opening.episode,
        anchor=draft.anchor,
        protocol=draft.under.label,
        opened_at=draft.start.at,
        learned_at=learned,
        facility=draft.facility,
        team=draft.start.facility.team,
        unit=None if stay.part2 else draft.unit,
        live=stay.live,
        deadlines=deadlines,
        closed=closed,
        readmission=verdict,
        opens_at=draft.opens_at,
        window_end=draft.window_end,
        programme=draft.risk.programme,
        lace=draft.risk.lace,
        notices=tuple(replace(notice, known_at=max(notice.known_at, learned)) for notice in told),
        handoff=None if draft.opening.episode == DISCHARGE else handoff.state(draft),
        responsibility=handoff.responsible(draft, deadlines, closed[1] if closed else None),
        said=frozenset(deed.action_id for deed in draft.said),
    )


def _verdict_on(stay: Stay, verdicts: Sequence[tuple[UUID, PlannedReadmission]]) -> PlannedReadmission | None:
    """The first inpatient start that counts against this stay, else the first revisit."""
    mine = [verdict for visit_id, verdict in verdicts if visit_id == stay.visit_id]
    return min(mine, key=lambda v: (v.verdict in readmission.REVISITS, v.at), default=None)
