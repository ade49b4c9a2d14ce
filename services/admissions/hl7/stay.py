"""PV1, PV2 and DG1 together: a hospital sends the same ones with most messages of a visit, and each is read once."""

from collections.abc import Callable
from datetime import datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct

from services.admissions.domain.model import DiagnosisEntry, Time, VisitKey
from services.admissions.hl7 import er7
from services.admissions.hl7 import visit as visits
from services.admissions.hl7.dialect import Dialect
from services.admissions.hl7.identifiers import Identifiers
from services.admissions.hl7.rules import FeedRules
from services.admissions.hl7.times import DATE_ONLY, Times

SEGMENTS = frozenset({"PV1", "PV2", "DG1"})


class Stay(Struct, frozen=True, gc=False):
    """What these segments of one message say, with the zone its times are read in.

    `flags` come from PV1, `later_flags` from PV2. `by_day`: a time is known only to the day.
    """

    facility: str
    zone: ZoneInfo
    visit: VisitKey | None
    numbered: bool
    has_pv1: bool
    stated: visits.Stated
    diagnoses: tuple[DiagnosisEntry, ...]
    expected_return_at: Time
    flags: tuple[str, ...]
    later_flags: tuple[str, ...]
    by_day: bool


def read(
    lines: tuple[str, ...],
    dialect: Dialect,
    rules: FeedRules,
    sender: str,
    organisation: str,
    zone_of: Callable[[str], ZoneInfo],
    offset: tzinfo | None,
    anchors: tuple[datetime, ...] = (),
) -> Stay:
    """Read them. `organisation` stands in where PV1 names no facility; for `anchors` see `Times`."""
    segments = er7.by_name(lines, dialect.field)
    pv1 = _pv1(segments["PV1"][0], dialect, rules) if "PV1" in segments else None
    facility = (pv1.facility if pv1 else "") or organisation
    times = Times(rules.zone or zone_of(facility), dialect.component, [])
    times.offset, times.zero_is_date = offset, rules.profile.zero_time_means_date_only
    times.anchors += anchors
    stated = visits.stated(pv1, times) if pv1 else visits.NOTHING
    early = len(times.flags)
    expected = visits.expected_return(segments["PV2"], dialect, times) if "PV2" in segments else UNSET
    return Stay(
        facility=facility,
        zone=times.zone,
        visit=Identifiers(dialect, rules.identifiers, sender).visit(pv1.number) if pv1 else None,
        numbered=bool(pv1 and pv1.number),
        has_pv1=pv1 is not None,
        stated=stated,
        diagnoses=visits.diagnoses(tuple(segments["DG1"]), dialect) if "DG1" in segments else (),
        expected_return_at=expected,
        flags=tuple(times.flags[:early]),
        later_flags=tuple(times.flags[early:]),
        by_day=any(flag.startswith(DATE_ONLY) for flag in times.flags),
    )


kept = lru_cache(maxsize=4096)(read)
"""The same without anchors; what is `by_day` is to be read anew with those of its message."""


@lru_cache(maxsize=4096)
def _pv1(line: str, dialect: Dialect, rules: FeedRules) -> visits.Pv1:
    return visits.read(dialect.fields(line), dialect, rules.visits)
