"""One deadline of an episode: when it is due, what has settled it, what it becomes otherwise."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from services.transitions.domain import contact, owed
from services.transitions.domain.episodes import Draft, End
from services.transitions.domain.model import Deed, PlannedDeadline
from services.transitions.domain.protocol import AckRule, DeadlineRule, Protocol


class PastDeeds(Struct, frozen=True, gc=False):
    """What was done about one deadline: contacts since the discharge by time, and the waiver."""

    contacts: Sequence[Deed]
    waived_at: datetime | None = None


def plan_deadline(rule: DeadlineRule, draft: Draft, deeds: PastDeeds, protocol: Protocol) -> PlannedDeadline:
    start, end, stay, engine = draft.start, draft.end, draft.stay, protocol.engine
    due, because = owed.due_at(rule, start)
    tried: list[datetime] = []
    enough = False
    if isinstance(rule.met_by, AckRule):
        done = draft.acknowledged_at
    else:
        done = contact.reached_at(rule.met_by, deeds.contacts)
        tried = contact.tries(rule.met_by, deeds.contacts)
        enough = contact.tried_enough(rule.met_by, tried, due, engine.attempt_gap)
    learned = draft.learned_at
    if not draft.anchor and rule.kind not in protocol.unknown_kinds and stay.disposition_learned_at:
        # Owed only because of the destination: nobody could know before that was known.
        learned = max(learned, stay.disposition_learned_at)
    waived = deeds.waived_at if not end or not deeds.waived_at or deeds.waived_at < end.at else None
    return PlannedDeadline(
        kind=rule.kind,
        due_at=due,
        becomes="attempted" if enough else "missed",
        because=because,
        # No score is known to a plan yet: whoever is not known to be at low risk is at high risk.
        severity=owed.severity(
            rule, facility=start.facility, unit=draft.unit, high_risk=True, page=draft.page
        ),
        learned_at=learned,
        settled=_settled(due, done, waived, end, enough=enough),
        provisional=draft.opening.provisional,
        owed=not end and not waived,
        warnings=tuple(owed.warnings(rule, start, due, attempts=tried, page=draft.page)),
        hold_until=draft.hold_until,
    )


def _settled(
    due: datetime, done: datetime | None, waived: datetime | None, end: End | None, *, enough: bool
) -> tuple[str, datetime] | None:
    """What facts alone decide, the earliest fact first. `due` itself is already too late.

    An end at the due instant still finds the deadline pending: messages come before timers.
    """
    if waived and waived < due and (done is None or waived < done):
        return "waived", waived
    if done and done < due:
        return "met", done
    if end and end.at <= due:
        return end.pending, end.at
    if done and not enough:
        return "met_late", done
    return None
