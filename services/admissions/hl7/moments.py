"""When an event was: MSH-7, EVN-2 and EVN-6, the precedence among them and PV1, and what cannot be."""

from datetime import datetime, timedelta, tzinfo

from msgspec import Struct

from services.admissions.hl7 import visit
from services.admissions.hl7.dialect import Dialect
from services.admissions.hl7.header import Header
from services.admissions.hl7.rules import FeedRules
from services.admissions.hl7.times import Times, offset_in
from services.admissions.hl7.triggers import OCCURRED

IMPLAUSIBLE = "implausible_time"
_FUTURE = timedelta(hours=24)
_PAST = timedelta(days=30)


class When(Struct, gc=False):
    """The event time, EVN-2, MSH-7 and EVN-6, each but the last with what stands in for it."""

    occurred_at: datetime
    recorded_at: datetime
    created_at: datetime
    stated_at: datetime | None


def offset_of(header: Header, dialect: Dialect, rules: FeedRules) -> tzinfo | None:
    """The offset of all times of a message that have none of their own: that of its MSH-7, where the feed's is trusted."""
    if not rules.profile.trust_msh7_offset:
        return None
    return offset_in(header.msh[7].partition(dialect.component)[0].strip())


def read(
    header: Header, times: Times, rules: FeedRules, offset: tzinfo | None, received_at: datetime
) -> When:
    """MSH-7, EVN-2 and EVN-6, each of which anchors those after it that name only a day.

    The event time is EVN-6, else the recorded one, until PV1 says better.
    """
    created = times.read(header.msh[7], "MSH-7")
    times.offset = offset
    # MSH-7 is written by a machine: its midnight is one.
    times.zero_is_date = rules.profile.zero_time_means_date_only
    times.anchor(created)
    recorded = times.read(header.event_type[2], "EVN-2")
    times.anchor(recorded)
    stated_at = times.read(header.event_type[6], "EVN-6") or None
    times.anchor(stated_at)
    recorded_at = recorded or created or received_at
    return When(stated_at or recorded_at, recorded_at, created or received_at, stated_at)


def occurred(trigger: str, stated: visit.Stated, when: When) -> datetime:
    """The event time by the precedence of the trigger."""
    for source in OCCURRED.get(trigger, ()):
        if source == "admit":
            found = stated.admit_at
        else:
            found = stated.discharge_at if source == "discharge" else when.stated_at
        if found:
            return found
    return when.occurred_at


def implausible(occurred_at: datetime, when: When, stated: visit.Stated) -> bool:
    """Judged by the time of recording, so that a message says the same whenever it is read."""
    if not -_PAST <= occurred_at - when.recorded_at <= _FUTURE:
        return True
    admit_at, discharge_at = stated.admit_at, stated.discharge_at
    if not discharge_at:
        return False
    return discharge_at - when.recorded_at > _FUTURE or (
        isinstance(admit_at, datetime) and discharge_at < admit_at
    )
