"""A handoff as a contract of two sides: what was offered, who accepted, declined or passed it on, what was missing."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from services.transitions.domain import responsibility
from services.transitions.domain.episodes import DISCHARGE, FACILITY_HANDOFF, Draft
from services.transitions.domain.model import Deed, Handoff, PlannedDeadline, Span, Stay
from services.transitions.domain.protocol import AckRule

ACCEPTED_TYPE, DECLINED_TYPE, DELEGATED_TYPE = "handoff_acknowledged", "handoff_declined", "handoff_delegated"
OFFERED, ACCEPTED, NOTED, DECLINED, DELEGATED = "offered", "accepted", "noted", "declined", "delegated"
CHECKLIST = ("illness_severity", "patient_summary", "action_list", "situation_awareness", "synthesis")
"""The five items of I-PASS (Starmer, NEJM 2014)."""

_STATES = {DECLINED_TYPE: DECLINED, DELEGATED_TYPE: DELEGATED, ACCEPTED_TYPE: NOTED}
_HERE = frozenset({"admitted", "on_leave", "discharged"})


def acknowledge(drafts: Sequence[Draft], deeds: Sequence[Deed], lead: timedelta) -> None:
    """Write onto each handoff of a visit number what was said of it, and when it was accepted.

    Drafts by start, deeds by time. Each word goes to the latest handoff opened by then that nobody has accepted yet,
    else to the next one opened within `lead` after it: the receiver often accepts before the patient moves.
    """
    for deed in deeds:
        if deed.type not in _STATES:
            continue
        open_to = [draft for draft in drafts if draft.acknowledged_at is None and _rule(draft, deed)]
        begun = [draft for draft in open_to if draft.start.at <= deed.occurred_at]
        coming = [draft for draft in open_to if deed.occurred_at < draft.start.at <= deed.occurred_at + lead]
        draft = begun[-1] if begun else coming[0] if coming else None
        if draft is None or (draft.end and deed.occurred_at >= draft.end.at):
            continue  # it was over: whoever took over later took over something else
        draft.said.append(deed)
        if _satisfies(deed, _rule(draft, deed)):
            draft.acknowledged_at = deed.occurred_at


def _rule(draft: Draft, deed: Deed) -> AckRule | None:
    found = (
        rule.met_by
        for rule in draft.opening.deadlines
        if isinstance(rule.met_by, AckRule) and deed.kind in {None, rule.kind}
    )
    return next(found, None)


def _satisfies(deed: Deed, rule: AckRule | None) -> bool:
    if rule is None or deed.type != ACCEPTED_TYPE:
        return False
    whole = not rule.complete or not _missing(deed)
    return whole and (deed.read_back is True or not rule.read_back)


def _missing(deed: Deed) -> tuple[str, ...]:
    return tuple(item for item in CHECKLIST if item not in (deed.checklist or ()))


def state(draft: Draft) -> Handoff:
    """How the handoff stands: the last word counts, an acceptance for good."""
    if not draft.said:
        return Handoff(OFFERED, draft.start.at, arrived_at=draft.arrived_at)
    last = draft.said[-1]
    accepted = draft.acknowledged_at is not None
    checked = last.checklist is not None
    return Handoff(
        state=ACCEPTED if accepted else _STATES[last.type],
        at=last.occurred_at,
        checked=checked,
        missing=_missing(last) if checked else (),
        arrived_at=draft.arrived_at,
    )


def responsible(
    draft: Draft, deadlines: Iterable[PlannedDeadline], closed_at: datetime | None
) -> tuple[Span, ...]:
    """Who is responsible from the discharge or transfer on, until the case is closed."""
    opened_at = draft.start.at
    if draft.opening.episode == DISCHARGE:
        return responsibility.spans(responsibility.TEAM, (), opened_at, closed_at)
    said = [(deed.occurred_at, responsibility.SENDER) for deed in draft.said if deed.type == DECLINED_TYPE]
    if draft.acknowledged_at:
        said.append((draft.acknowledged_at, responsibility.RECEIVER))
    return responsibility.of_handoff(
        said,
        opened_at=opened_at,
        closed_at=closed_at,
        due_at=_acknowledged_by(draft, deadlines),
        arrived_at=draft.arrived_at,
    )


def _acknowledged_by(draft: Draft, deadlines: Iterable[PlannedDeadline]) -> datetime | None:
    """By when somebody is to have taken over; None where that was waived, or is not owed at all."""
    for rule in draft.opening.deadlines:
        if isinstance(rule.met_by, AckRule):
            for one in deadlines:
                if one.kind == rule.kind and not (one.settled and one.settled[0] == "waived"):
                    return one.due_at
    return None


def admissions(stays: Iterable[Stay]) -> list[tuple[datetime, str]]:
    """When a patient was admitted where, as far as a message said so."""
    return [
        (stay.admitted_at, stay.facility)
        for stay in stays
        if stay.inpatient and stay.admitted_at and stay.state in _HERE and stay.start_told
    ]


def arrived(draft: Draft, admitted: Iterable[tuple[datetime, str]]) -> datetime | None:
    """When the patient was admitted at another facility after this discharge to one, as far as its feed is ours.

    That ends the time in which nobody has the patient. It acknowledges nothing: the clinical handoff is owed all the same.
    """
    if draft.opening.episode != FACILITY_HANDOFF:
        return None
    until = draft.end.at if draft.end else None
    since, here = draft.start.at, draft.stay.facility
    return min(
        (at for at, where in admitted if where != here and at >= since and (not until or at <= until)),
        default=None,
    )


def arrivals(left: Sequence[Stay], admitted: Iterable[tuple[datetime, str]]) -> list[tuple[datetime, str]]:
    """All admissions that may be the arrival of one who left one of these stays; see `arrived`."""
    since = min((at for stay in left if (at := stay.discharged_at)), default=None)
    if since is None:
        return []
    return [one for one in admitted if one[0] >= since and any(one[1] != stay.facility for stay in left)]


def waivers(drafts: Sequence[Draft], deeds: Sequence[Deed]) -> dict[tuple[int, str], datetime]:
    """When which deadline of which draft (by position) was waived first. Drafts by start, deeds by time.

    A waiver is about the latest such deadline begun by then; before any discharge about the next one. It
    counts from when it was entered: a decision cannot be taken in hindsight.
    """
    found: dict[tuple[int, str], datetime] = {}
    for deed in deeds:
        if deed.type != "deadline_waived" or deed.kind is None:
            continue
        owing = [
            n for n, draft in enumerate(drafts) if any(r.kind == deed.kind for r in draft.opening.deadlines)
        ]
        begun = [n for n in owing if drafts[n].start.at <= deed.at]
        coming = [n for n in owing if not drafts[n].anchor]
        if begun or coming:
            key = (begun[-1] if begun else coming[0], deed.kind)
            found[key] = min(deed.at, found.get(key, deed.at))
    return found
