"""Seconds since 1970 as HL7 writes them: local wall-clock time with its offset from UTC."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

HOUR, DAY = 3600, 86400
_QUARTER = 900
_EPOCH = date(1970, 1, 1).toordinal()
_MINUTES = tuple(f"{minute // 60:02d}{minute % 60:02d}" for minute in range(1440))
_SECONDS = tuple(f"{second:02d}" for second in range(60))


class Clock:
    """The wall clock of a zone. Offsets change on quarters of an hour only, so one look-up serves for each."""

    __slots__ = ("_days", "_offsets", "_zone")

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._offsets: dict[int, tuple[int, str]] = {}
        self._days: dict[int, str] = {}

    def local(self, at: int) -> int:
        """Seconds since 1970 on the wall clock."""
        quarter = at // _QUARTER
        return at + (self._offsets.get(quarter) or self._offset(quarter))[0]

    def stamp(self, at: int) -> str:
        """TS: YYYYMMDDHHMMSS and the offset."""
        quarter = at // _QUARTER
        seconds, written = self._offsets.get(quarter) or self._offset(quarter)
        day, rest = divmod(at + seconds, DAY)
        minute, second = divmod(rest, 60)
        return f"{self._days.get(day) or self._day(day)}{_MINUTES[minute]}{_SECONDS[second]}{written}"

    def _offset(self, quarter: int) -> tuple[int, str]:
        if len(self._offsets) > 20_000:
            self._offsets.clear()
        offset = datetime.fromtimestamp(quarter * _QUARTER, self._zone).utcoffset() or timedelta()
        seconds = round(offset.total_seconds())
        sign, minutes = "-" if seconds < 0 else "+", abs(seconds) // 60
        found = self._offsets[quarter] = (seconds, f"{sign}{minutes // 60:02d}{minutes % 60:02d}")
        return found

    def _day(self, day: int) -> str:
        if len(self._days) > 2000:
            self._days.clear()
        found = self._days[day] = f"{date.fromordinal(_EPOCH + day):%Y%m%d}"
        return found


def instant(at: int) -> datetime:
    """As an aware datetime in UTC."""
    return datetime.fromtimestamp(at, UTC)


def day_of(local: int) -> date:
    """The date of a local second."""
    return date.fromordinal(_EPOCH + local // DAY)
