"""A refused record that an operator sends again says so in a header."""

from uuid import UUID

from services.chassis.kafka.records import Record

HEADER = "retry_of"


def retry_of(record: Record) -> UUID | None:
    """The refusal this record was sent again for; None for any other record."""
    try:
        return UUID(record.header(HEADER) or "")
    except ValueError:
        return None
