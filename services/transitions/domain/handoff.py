"""Which handoff an acknowledgement or a waiver is about."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.transitions.domain.episodes import Draft
from services.transitions.domain.model import Deed
from services.transitions.domain.protocol import AckRule


def acknowledge(drafts: Sequence[Draft], deeds: Sequence[Deed], lead: timedelta) -> None:
    """Write onto each handoff of a visit number when it was acknowledged. Drafts by start, deeds by time.

    Each acknowledgement goes to the latest handoff opened by then that has none yet, else to the next one
    opened within `lead` after it: the receiver often accepts before the patient moves.
    """
    for deed in deeds:
        if deed.type != "handoff_acknowledged":
            continue
        open_to = [draft for draft in drafts if draft.acknowledged_at is None and _takes(draft, deed)]
        begun = [draft for draft in open_to if draft.start.at <= deed.occurred_at]
        coming = [draft for draft in open_to if deed.occurred_at < draft.start.at <= deed.occurred_at + lead]
        if begun:
            begun[-1].acknowledged_at = deed.occurred_at
        elif coming:
            coming[0].acknowledged_at = deed.occurred_at


def _takes(draft: Draft, deed: Deed) -> bool:
    return any(
        isinstance(rule.met_by, AckRule)
        and deed.kind in {None, rule.kind}
        and (deed.read_back is True or not rule.met_by.read_back)
        for rule in draft.opening.deadlines
    )


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
