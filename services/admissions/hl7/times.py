"""TS and DTM: from the standard's time values to instants, through offset, facility zone and precision."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct

from services.admissions.domain.model import Time
from services.admissions.hl7.dialect import NULL

AMBIGUOUS = "ambiguous_local_time"
SKIPPED = "nonexistent_local_time"
UNREADABLE = "unreadable_time"
IMPRECISE = "imprecise_time"
DATE_ONLY = "date_only"
HOUR_24 = "hour_24"

_GRAMMAR = re.compile(
    r"(?P<year>[0-9]{4})(?:(?P<month>[0-9]{2})(?:(?P<day>[0-9]{2})(?:(?P<hour>[0-9]{2})(?:(?P<minute>[0-9]{2})"
    r"(?:(?P<second>[0-9]{2})(?P<fraction>\.[0-9]{1,9})?)?)?)?)?)?(?P<offset>[+-][0-9]{4})?"
)
# Digits that remain when the precision component of TS (withdrawn with DTM in 2.6) lowers the precision.
_DIGITS_OF = {"Y": 4, "L": 6, "D": 8, "H": 10, "M": 12, "S": 14}
_LAST_MINUTE = time(23, 59)
_PLAIN = 14
"""So long is a time in the form nearly every sender uses, YYYYMMDDHHMMSS, which needs no taking apart."""


class Stamp(Struct, frozen=True):
    """What a time value says: an instant, or only a day, or neither; with a word on what was odd."""

    instant: datetime | None = None
    day: date | None = None
    flag: str | None = None


@lru_cache(maxsize=1024)
def parse(raw: str, zone: ZoneInfo, offset: tzinfo | None = None, zero_is_date: bool = False) -> Stamp:
    """Read one value. An offset in it wins, then `offset` (that of MSH-7), then the zone of the facility."""
    size = len(raw)
    if (
        (size == 14 or (size == 19 and raw[14] in "+-" and raw[17] < "6"))
        and raw[8:10] != "24"
        and not zero_is_date
    ):
        # The form nearly every sender uses, at a quarter of the price of the grammar below.
        try:
            if raw[:14].isdecimal() and (size == 14 or raw[15:].isdecimal()):
                if size == 14 and offset is None and (off := _offset_all_day(raw[:8], zone)) is not None:
                    return Stamp(datetime.fromisoformat(f"{raw[:8]}T{raw[8:]}Z") - off)
                return _placed(datetime.fromisoformat(f"{raw[:8]}T{raw[8:]}"), zone, offset)
        except (ValueError, OverflowError):
            return Stamp(flag=UNREADABLE)
    match = _GRAMMAR.fullmatch(raw)
    if match is None:
        return Stamp(flag=UNREADABLE)
    try:
        return _from_groups(match, zone, offset, zero_is_date)
    except (ValueError, OverflowError):
        return Stamp(flag=UNREADABLE)


def _from_groups(match: re.Match[str], zone: ZoneInfo, offset: tzinfo | None, zero_is_date: bool) -> Stamp:
    year, month, day, hour, minute, second, fraction, own = match.groups()
    if day is None:
        # Checked although it is not used: 202613 is a fault, 202612 merely says too little.
        datetime(int(year), int(month or 1), 1)  # noqa: DTZ001
        return Stamp(flag=IMPRECISE)
    on = date(int(year), int(month), int(day))
    own_zone = _offset(own) if own else None
    if hour is None or (zero_is_date and not int(hour + (minute or "0") + (second or "0"))):
        return Stamp(day=on)
    if hour == "24" and not int((minute or "0") + (second or "0")):
        midnight = datetime.combine(on + timedelta(days=1), time(), own_zone)
        return Stamp(_placed(midnight, zone, offset).instant, flag=HOUR_24)
    micro = int(fraction[1:7].ljust(6, "0")) if fraction else 0
    local = datetime.combine(on, time(int(hour), int(minute or 0), int(second or 0), micro), own_zone)
    return _placed(local, zone, offset)


def _placed(local: datetime, zone: ZoneInfo, offset: tzinfo | None) -> Stamp:
    if local.tzinfo is not None:
        return Stamp(local.astimezone(UTC))
    if offset is not None:
        return Stamp(local.replace(tzinfo=offset).astimezone(UTC))
    # fold=0 is the first of two equal wall-clock times, and carries a skipped one forward by the gap.
    here = local.replace(tzinfo=zone)
    before, after = here.utcoffset(), here.replace(fold=1).utcoffset()
    if before == after or before is None or after is None:
        return Stamp(here.astimezone(UTC))
    return Stamp(here.astimezone(UTC), flag=AMBIGUOUS if before > after else SKIPPED)


@lru_cache(maxsize=1024)
def _offset_all_day(day: str, zone: ZoneInfo) -> timedelta | None:
    """How far a zone is off UTC on a local day (YYYYMMDD), looked at every hour; None where that changes."""
    hours = [time(hour, tzinfo=zone) for hour in range(24)]
    whole = [datetime.combine(date.fromisoformat(day), at) for at in (*hours, time.max.replace(tzinfo=zone))]
    offsets = {at.replace(fold=fold).utcoffset() for at in whole for fold in (0, 1)}
    return offsets.pop() if len(offsets) == 1 else None


@lru_cache(maxsize=64)
def _offset(text: str) -> timezone:
    minutes = int(text[1:3]) * 60 + int(text[3:5])
    if int(text[3:5]) > 59:
        raise ValueError("minutes of an offset")
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def offset_in(raw: str) -> tzinfo | None:
    """The offset that the value itself carries, as MSH-7 does for all times of its message that have none."""
    sign = raw[-5:-4]
    if sign not in {"+", "-"} or _GRAMMAR.fullmatch(raw) is None:
        return None
    try:
        return _offset(raw[-5:])
    except ValueError:
        return None


class Times:
    """The time fields of one message, read in the light of its MSH-7, its EVN and its facility.

    `anchors` are instants of this message, best first: a time known only to the day takes the first of them
    that falls on that day, else the day's last minute. Nothing here fails: odd values leave a flag.
    """

    __slots__ = ("anchors", "component", "flags", "offset", "zero_is_date", "zone")

    def __init__(self, zone: ZoneInfo, component: str, flags: list[str]) -> None:
        self.zone = zone
        self.component = component
        self.flags = flags
        self.zero_is_date = False
        self.offset: tzinfo | None = None
        self.anchors: list[datetime] = []

    def read(self, field: str, name: str) -> Time:
        """The instant in a field, None for the explicit null, UNSET for nothing or nothing usable."""
        if not field:
            return UNSET
        if len(field) == _PLAIN:
            stamp = parse(field, self.zone, self.offset, self.zero_is_date)
            if stamp.flag is None and stamp.instant is not None:
                return stamp.instant
        raw, rest = field, ""
        if self.component in field:
            raw, rest = field.split(self.component, 1)
        raw = raw.strip()
        if not raw or raw == NULL:
            return None if raw else UNSET
        if rest and (keep := _DIGITS_OF.get(rest.partition(self.component)[0].strip().upper())):
            raw = _lowered(raw, keep)
        stamp = parse(raw, self.zone, self.offset, self.zero_is_date)
        if stamp.flag is not None:
            self.flag(stamp.flag if stamp.instant else f"{stamp.flag}:{name}")
        if stamp.instant is not None:
            return stamp.instant
        if stamp.day is None:
            return UNSET
        self.flag(f"{DATE_ONLY}:{name}")
        return self._anchored(stamp.day)

    def anchor(self, instant: Time) -> None:
        """Put an instant before the anchors there are."""
        if instant:
            self.anchors.insert(0, instant)

    def flag(self, word: str) -> None:
        if word not in self.flags:
            self.flags.append(word)

    def _anchored(self, day: date) -> Time:
        try:
            for anchor in self.anchors:
                if anchor.astimezone(self.zone).date() == day:
                    return anchor
            return datetime.combine(day, _LAST_MINUTE, self.zone).astimezone(UTC)
        except OverflowError:
            return UNSET


def _lowered(raw: str, keep: int) -> str:
    sign = max(raw.find("+"), raw.find("-"))
    digits, offset = (raw, "") if sign < 0 else (raw[:sign], raw[sign:])
    return digits[:keep] + offset
