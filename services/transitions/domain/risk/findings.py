"""What people found out about a patient, question by question, as it stood from each instant on."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from services.transitions.domain.calendar import local_date
from services.transitions.domain.model import Assessment, Deed
from services.transitions.domain.risk.lace import months_before
from services.transitions.domain.risk.programme import Findings
from services.transitions.domain.risk.rules import ProgrammeRules

_ABOUT_CARE = ("specialists", "supports", "stability")
_BARRIERS = ("interpreter_needed", "housing_unstable", "food_insecure")


def findings_over_time(
    deeds: Sequence[Deed], at: datetime, zone: ZoneInfo, rules: ProgrammeRules
) -> tuple[tuple[datetime, Findings], ...]:
    """The answers that hold at the discharge `at` and after each later assessment. Deeds by time.

    An answer given too long before the discharge holds no more; the later one to a question replaces the earlier.
    """
    deeds = [deed for deed in deeds if deed.assessment is not None]
    if not deeds:
        return ()
    day = local_date(at, zone)
    fresh = months_before(day, rules.assessment_months)
    lasting = months_before(day, rules.sdoh_months)
    values: dict[str, object] = {}
    decided: date | None = None
    pending = False
    found: list[tuple[datetime, Findings]] = []
    for deed in deeds:
        said = deed.assessment
        if said is None:
            continue
        told = local_date(deed.occurred_at, zone)
        values |= _said(said, _ABOUT_CARE if told > fresh else ())
        values |= _said(said, _BARRIERS if told > lasting else ())
        if said.ltc_decision_pending:
            pending, decided = True, None
        elif said.ltc_decision_pending is False and pending:
            pending, decided = False, told
        just = decided is not None and max(day, told) - decided <= timedelta(days=rules.ltc_days)
        held = (deed.occurred_at, Findings(**values, ltc=pending or just))  # type: ignore[arg-type]
        found.append(held)
    return tuple(found)


def _said(said: Assessment, names: Sequence[str]) -> dict[str, object]:
    return {name: value for name in names if (value := getattr(said, name)) is not None}
