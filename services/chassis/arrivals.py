"""When a record reached us: its timestamp, unless that cannot be one."""

from datetime import UTC, datetime, timedelta

from services.chassis.kafka import Record

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_TOLERANCE = timedelta(days=1)


def arrived(record: Record, now: datetime) -> datetime:
    """The instant a record reached Kafka, in UTC; a stamp years off (producers without a clock) counts as now."""
    return record.timestamp if _EARLIEST < record.timestamp < now + _TOLERANCE else now
