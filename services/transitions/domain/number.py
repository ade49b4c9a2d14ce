"""What one visit number is owed: everything that its follow-up depends on, and the episodes that follow from it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from services.transitions.domain import episodes, handoff, notices
from services.transitions.domain.deadline import call_backs, learned_at, plan_deadline
from services.transitions.domain.episodes import DISCHARGE, FACILITY_HANDOFF, Circumstances, Draft
from services.transitions.domain.identity import episode_id
from services.transitions.domain.kept import NOTHING_KEPT
from services.transitions.domain.latest import Computed
from services.transitions.domain.model import Deed, Notice, PlannedEpisode, PlannedReadmission, Stay
from services.transitions.domain.risk import assess
from services.transitions.domain.work import Work, work_on


class Owed(Struct, frozen=True, gc=False):
    """What a visit number is owed from `since` on and before `until`, the next instant at which time alone changes it."""

    episodes: tuple[PlannedEpisode, ...]
    turns: tuple[datetime, ...]
    since: datetime
    until: datetime | None

    def holds(self, as_of: datetime) -> bool:
        return self.since <= as_of and (self.until is None or as_of < self.until)


in_order = attrgetter("opened_at", "visit_id", "kind", "anchor")
"""The order of what a patient is owed."""

NUMBERS: Computed[Owed] = Computed(10_000)


def owed(
    stays: Sequence[Stay],
    deeds: Sequence[Deed],
    given: Circumstances,
    whose: assess.Person,
    admitted: Sequence[tuple[datetime, str]],
    verdicts: Mapping[UUID, PlannedReadmission],
) -> Owed:
    """What a visit number is owed, of all its generations: as planned last, where all that it comes from is the same.

    `deeds` are those about it, by time; `admitted` tells of all admissions of the patient, `verdicts` what counts
    against these stays.
    """
    left = [stay for stay in stays if episodes.left_at(stay)]
    back = {stay.visit_id: whose.history.back(stay) for stay in left}
    judged = [verdicts.get(stay.visit_id) for stay in left]
    everything = (
        stays, deeds, given.protocol, given.facilities, given.present, given.kept, given.died_at, back, judged,
        assess.depends_on(left, whose), handoff.arrivals([stay for stay in left if _handed_over(stay, given)], admitted),
    )  # fmt: skip

    def planned() -> Owed:
        drafts: list[Draft] = []
        for stay in stays:
            drafts += episodes.of_transfers(stay, given)
            follow_up = episodes.of_discharge(stay, given, back.get(stay.visit_id))
            if follow_up:
                drafts.append(follow_up)
        for draft in drafts:
            draft.risk = assess.risk_of(draft, whose)
            draft.arrived_at = handoff.arrived(draft, admitted)
        drafts.sort(key=lambda draft: (draft.start.at, draft.anchor == "", draft.anchor))
        return Owed(
            episodes=tuple(sorted(_with_deeds(drafts, deeds, given, verdicts), key=in_order)),
            turns=tuple(
                at
                for draft in drafts
                if not draft.acknowledged_at
                for at in (*draft.turns, draft.opens_at)
                if at
            ),
            since=given.as_of,
            until=min((at for draft in drafts for at in draft.turns if at > given.as_of), default=None),
        )

    key = stays[0].root_id, given.protocol.label
    return NUMBERS.of(key, everything, planned, lambda known: known.holds(given.as_of))


def _handed_over(stay: Stay, given: Circumstances) -> bool:
    """Whether this discharge may open a handoff to another facility."""
    opening = given.protocol.for_destination(stay)
    return given.kept is not NOTHING_KEPT or (opening is not None and opening.episode == FACILITY_HANDOFF)


def _with_deeds(
    drafts: Sequence[Draft],
    deeds: Sequence[Deed],
    given: Circumstances,
    verdicts: Mapping[UUID, PlannedReadmission],
) -> list[PlannedEpisode]:
    """The episodes of one visit number with what people did about them."""
    waived: dict[tuple[int, str], datetime] = {}
    if deeds:
        handoff.acknowledge(drafts, deeds, given.protocol.engine.ack_lead)
        waived = handoff.waivers(drafts, deeds)
    return [
        _latest_episode(
            draft,
            work_on(drafts, n, deeds, draft.under.protocol.complexity),
            {kind: at for (m, kind), at in waived.items() if m == n},
            None if draft.anchor else verdicts.get(draft.stay.visit_id),
            notices.of_draft(drafts, n, deeds),
        )
        for n, draft in enumerate(drafts)
    ]


EPISODES: Computed[PlannedEpisode] = Computed(10_000)


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
    return EPISODES.of(
        (draft.stay.visit_id, draft.anchor, draft.under.label), given, lambda: _episode(*given)
    )


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
        episode_id=episode_id(stay.visit_id, draft.opening.episode, draft.anchor),
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
