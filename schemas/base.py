"""What every message on Kafka is made of: frozen, tolerant of newer fields, silent about values in errors."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999 in UTC") from None


def iso(instant: datetime) -> str:
    """Write an aware instant as ISO 8601 in UTC ending in Z, without superfluous zeros."""
    text = instant.astimezone(UTC).isoformat()
    return text.removesuffix("+00:00") + "Z"


Instant = Annotated[
    AwareDatetime,
    AfterValidator(_to_utc),
    PlainSerializer(iso, return_type=str, when_used="json"),
]
"""A point in time: always aware, UTC inside, ISO 8601 ending in Z on the wire."""


class Message(BaseModel):
    """A frozen value. Unknown fields are ignored, so that an older consumer reads a newer producer."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, str_strip_whitespace=False
    )
