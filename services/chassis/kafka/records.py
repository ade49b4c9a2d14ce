"""A record as it comes from Kafka and as it goes there; reading one cannot fail."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from msgspec import Struct

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp() * 1000)


class Record(Struct, frozen=True):
    """One record, with its topic by our name for it (without the prefix)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: datetime
    timestamp_type: Literal["create", "append"]

    def header(self, name: str) -> str | None:
        """The last header of that name as text; None where there is none or it is no text."""
        for key, value in reversed(self.headers):
            if key == name:
                try:
                    return value.decode()
                except UnicodeDecodeError:
                    return None
        return None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to send; without a partition the key chooses, without a timestamp it is the sender's now."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    partition: int | None = None
    timestamp_ms: int | None = None


def from_kafka(raw: Any, prefix: int) -> Record:
    """Make a Record of aiokafka's; `prefix` is how many characters of the topic's name are not ours."""
    return Record(
        raw.topic[prefix:],
        raw.partition,
        raw.offset,
        raw.key,
        raw.value,
        tuple((name, value if value is not None else b"") for name, value in raw.headers),
        _instant(raw.timestamp),
        "append" if raw.timestamp_type == 1 else "create",
    )


def _instant(milliseconds: int | None) -> datetime:
    # A producer may stamp anything, and old ones stamp -1: nothing here may fail for that.
    return _EPOCH + timedelta(milliseconds=min(max(milliseconds or 0, 0), _LAST_MS))
