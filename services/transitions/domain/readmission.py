"""What a later arrival of the same person means for an earlier stay. No verdict here is an HRRP result."""

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from operator import itemgetter
from uuid import UUID

from msgspec.structs import replace

from schemas.reference.conditions import meaning, plain
from services.transitions.domain import calendar
from services.transitions.domain.episodes import Circumstances, left_at
from services.transitions.domain.model import Diagnosis, PlannedReadmission, Stay

UNPLANNED = "readmit_suspected_unplanned"
PLANNED = "readmit_suspected_planned"
CHAIN = "transfer_chain"
COMBINED = "same_day_combined"
ED_REVISIT = "ed_revisit"
OBS_REVISIT = "obs_revisit"

AFTER_DEATH = "admitted_after_death"
"""Two people share a number, or a death was reported wrongly."""

REVISITS = frozenset({ED_REVISIT, OBS_REVISIT})

_REVISITS = {"emergency": ED_REVISIT, "observation": OBS_REVISIT}
_NO_INDEX = frozenset({"still_patient", "expired"})
_EMERGENCY = frozenset({"E", "1"})
_ELECTIVE = frozenset({"C", "3"})
_BEGUN = itemgetter(0)
_CATEGORY = re.compile(r"[A-Z0-9][0-9][0-9A-Z]")


class History:
    """The stays of one person in order, read once for all verdicts."""

    def __init__(self, stays: Sequence[Stay], given: Circumstances) -> None:
        self.engine = given.protocol.engine
        self.facilities = given.facilities
        self.died_at = given.died_at
        known = [(begun, stay) for stay in stays if (begun := begun_at(stay))]
        known.sort(key=_BEGUN)
        if any(one[0] == other[0] for one, other in pairwise(known)):
            known.sort(key=lambda pair: (pair[0], *_among_equals(pair[1])))
        self.stays = [stay for _, stay in known]
        self.order = {stay.visit_id: n for n, stay in enumerate(self.stays)}
        self.starts = {n: stay for n, stay in enumerate(self.stays) if self._counts_as_start(stay)}

    def _counts_as_start(self, stay: Stay) -> bool:
        """An A01 or A06 into acute inpatient care: post-acute stays are no readmissions (CMS measure 0506)."""
        # A stay first seen in the middle (the day a feed goes live, all are) did not start with what we saw.
        return is_inpatient(stay) and stay.start_told and self.facilities.of(stay.facility).acute

    def within(self, earlier: Stay, at: datetime) -> int | None:
        """Days from the discharge to `at` on the calendar of the facility that discharged, if they count."""
        left = left_at(earlier)
        if left is None:
            return None
        zone = self.facilities.of(earlier.facility).tz
        days = (calendar.local_date(at, zone) - calendar.local_date(left, zone)).days
        return days if 0 <= days <= self.engine.readmission_days else None

    def back(self, earlier: Stay) -> tuple[datetime, datetime] | None:
        """The first inpatient start after this discharge within the thirty days, and when it was learned.

        Follow-up ends with it, also that of an observation or nursing stay, which is no index.
        """
        if left_at(earlier) is None:
            return None
        place = self.order[earlier.visit_id]
        for n, later in self.starts.items():
            at = later.admitted_at
            if at is None or n <= place or self._dead_by(at):
                continue
            if self.within(earlier, at) is not None:
                return at, later.admit_learned_at or later.learned_at
        return None

    def verdicts(self) -> list[tuple[UUID, PlannedReadmission]]:
        """Every later arrival that counts, with the earlier visit it counts against."""
        found = []
        for n, later in enumerate(self.stays):
            if n in self.starts:
                verdict = self._of_start(n, later)
            elif later.care_class in _REVISITS and not is_inpatient(later) and not self._joined(later):
                verdict = self._of_revisit(n, later)
            else:
                continue
            if verdict:
                found.append(verdict)
        return found

    def _of_start(self, n: int, later: Stay) -> tuple[UUID, PlannedReadmission] | None:
        at = later.admitted_at
        index = self._index(n, at) if at else None
        if index is None or at is None:
            return None
        gap = self.within(index, at)
        if gap is None:
            return None
        verdict = self._judge(index, later, gap)
        notice = verdict in {UNPLANNED, PLANNED} and not (index.implausible or later.implausible)
        found = _readmission(later, index, verdict, at, notice=notice)
        if notice and gap == 0 and index.facility == later.facility and _same_condition(index, later) is None:
            found = replace(found, needs_review=True)
        return index.visit_id, found

    def _of_revisit(self, n: int, later: Stay) -> tuple[UUID, PlannedReadmission] | None:
        at = later.started_at
        seen = at and later.state != "planned" and not later.gap
        index = self._index(n, at) if at and seen else None
        if index is None or at is None or self.within(index, at) is None:
            return None
        return index.visit_id, _readmission(later, index, _REVISITS[later.care_class], at, notice=False)

    def _index(self, n: int, at: datetime) -> Stay | None:
        """The latest acute inpatient stay before the n-th, completed by the day of `at`. Who was dead by then has none."""
        if self._dead_by(at):
            return None
        best: Stay | None = None
        for stay in self.stays[:n]:
            left = left_at(stay)
            if left is None or not is_inpatient(stay):
                continue
            facility = self.facilities.of(stay.facility)
            if not facility.acute or stay.disposition_category in _NO_INDEX:
                continue
            if calendar.local_date(left, facility.tz) > calendar.local_date(at, facility.tz):
                continue
            if best is None or left >= (left_at(best) or left):
                best = stay
        return best

    def _judge(self, index: Stay, later: Stay, gap: int) -> str:
        same_place = index.facility == later.facility
        if not same_place and gap <= 1:
            return CHAIN
        if same_place and gap == 0 and _same_condition(index, later):
            return COMBINED
        if index.disposition_category == "acute_hospital" and gap <= 1:
            return CHAIN
        return PLANNED if _planned(index, later) else UNPLANNED

    def alarms(self) -> list[tuple[UUID, str]]:
        """Stays that began after the death: by the day, or behind the very discharge that said so."""
        died = self.died_at
        if died is None:
            return []
        ends = [
            left for stay in self.stays if stay.disposition_category == "expired" and (left := left_at(stay))
        ]
        found = []
        for stay in self.stays:
            at, zone = stay.admitted_at, self.facilities.of(stay.facility).tz
            if at is None or not is_inpatient(stay):
                continue
            if calendar.local_date(at, zone) > calendar.local_date(died, zone) or min(ends, default=at) < at:
                found.append((stay.visit_id, AFTER_DEATH))
        return found

    def _joined(self, visit: Stay) -> bool:
        """An emergency visit that went on as a stay under another number is part of that stay."""
        if visit.care_class != "emergency":
            return False
        return any(self.led_to(visit, stay) for stay in self.stays)

    def led_to(self, visit: Stay, stay: Stay) -> bool:
        """Whether this emergency visit went on as that stay."""
        begun, left = begun_at(visit), left_at(visit)
        at = stay.admitted_at if is_inpatient(stay) else stay.started_at
        on = is_inpatient(stay) or stay.care_class == "observation"
        if begun is None or not on or not at or stay.facility != visit.facility or stay.state == "planned":
            return False
        return at >= begun and (left is None or at - left <= self.engine.ed_to_ip_gap)

    def _dead_by(self, at: datetime) -> bool:
        return self.died_at is not None and self.died_at <= at


def _among_equals(stay: Stay) -> tuple[object, ...]:
    """Of stays that begin at one instant the one that ended first came first; names decide, never surrogates."""
    left = left_at(stay)
    ended = (0, left) if left else (1,)
    return ended, stay.facility, stay.number or "", stay.authority or "", stay.generation, stay.feed


def begun_at(stay: Stay) -> datetime | None:
    return stay.admitted_at or stay.started_at or stay.discharged_at


def death_of(stays: Sequence[Stay]) -> datetime | None:
    """PID-29 as last reported, else the first discharge that says expired (UB-04 20, 40, 41, 42)."""
    told = [(stay.death_learned_at or stay.learned_at, stay.death_at) for stay in stays if stay.death_at]
    if told:
        learned, died = max(told)
        return min(learned, died)  # a year mistyped: nobody dies after the report of it
    return min(
        (left for stay in stays if stay.disposition_category == "expired" and (left := left_at(stay))),
        default=None,
    )


def is_inpatient(stay: Stay) -> bool:
    return (
        stay.inpatient
        and stay.admitted_at is not None
        and stay.state in {"admitted", "on_leave", "discharged"}
    )


def _planned(index: Stay, later: Stay) -> bool:
    """A declared twin (UB-04 81 to 95), a pre-admission, an elective PV1-4. An emergency outweighs all but two of them."""
    if later.admission_type in _EMERGENCY:
        return index.planned_readmission and later.preadmitted
    return index.planned_readmission or is_planned(later)


def is_planned(stay: Stay) -> bool:
    """Whether the stay itself says that it was planned: pre-admitted or elective, and no emergency."""
    if stay.admission_type in _EMERGENCY:
        return False
    return stay.preadmitted or stay.admission_type in _ELECTIVE


def _same_condition(index: Stay, later: Stay) -> bool | None:
    """Whether the first-ranked diagnoses share their three-character category or a chronic condition. None: not known."""
    first, second = _principal(index), _principal(later)
    if first is None or second is None:
        return None
    category = plain(first.code)[:3]
    if category == plain(second.code)[:3] and _CATEGORY.fullmatch(category):
        return True
    one, other = meaning(first.code, first.system), meaning(second.code, second.system)
    return bool(one.chronic & other.chronic) if one and other else None


def _principal(stay: Stay) -> Diagnosis | None:
    return next((diagnosis for diagnosis in stay.diagnoses if diagnosis.until is None), None)


def _readmission(later: Stay, index: Stay, verdict: str, at: datetime, *, notice: bool) -> PlannedReadmission:
    return PlannedReadmission(
        visit_id=later.visit_id,
        verdict=verdict,
        at=at,
        known_at=max(
            later.admit_learned_at or later.learned_at, index.discharge_learned_at or index.learned_at
        ),
        index_ama=index.disposition_category == "ama",
        notice=notice,
    )
