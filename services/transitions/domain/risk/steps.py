"""Case management as steps, each done by somebody or still to be: assess, plan, follow, adjust, hand over."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from services.transitions.domain.model import Deed
from services.transitions.domain.risk.model import CARE_COORDINATION, CASE_MANAGEMENT, Programme, Step


def steps(decided: Programme, deeds: Sequence[Deed]) -> Programme:
    """Put the steps on a programme of case management. Deeds of its visit, by time.

    Assessed is when somebody first found something out, planned with the first plan, followed with the latest
    conversation since, adjusted with the latest later plan, handed over when a person leads the patient down to
    care coordination. The latest plan says who owns what comes next, and when it is looked at again.
    """
    over = next((deed for deed in deeds if deed.decision == CARE_COORDINATION), None)
    if decided.decision != CASE_MANAGEMENT and over is None:
        return decided
    plans = [deed for deed in deeds if deed.type == "care_plan_recorded"]
    latest = plans[-1] if plans else None
    owner, due = (latest.owner, latest.review_at) if latest else (None, None)
    done = {
        "assess": _first(deeds, lambda deed: deed.type == "assessment_recorded"),
        "plan": plans[0] if plans else None,
        "follow": _last(
            deeds, lambda deed: bool(plans) and deed.occurred_at >= plans[0].occurred_at and _talked(deed)
        ),
        "adjust": plans[-1] if len(plans) > 1 else None,
        "hand_over": over if decided.decision == CARE_COORDINATION else None,
    }
    found = []
    for step, deed in done.items():
        at, by = (deed.occurred_at, deed.by) if deed else (None, None)
        follows = step == "follow"
        told = deed.owner if deed and not follows else owner
        found.append(Step(step, at, by, told, due if follows else None))
    return replace(decided, steps=tuple(found))


def _talked(deed: Deed) -> bool:
    return deed.type == "contact_attempted" and deed.outcome == "reached"


def _first(deeds: Sequence[Deed], wanted: Callable[[Deed], bool]) -> Deed | None:
    return next(filter(wanted, deeds), None)


def _last(deeds: Sequence[Deed], wanted: Callable[[Deed], bool]) -> Deed | None:
    return next(filter(wanted, reversed(deeds)), None)
