"""`adt.rejected`, `care.rejected` and `adt.inbound`: bytes as they came; what we know of them stands in headers."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from schemas.base import Message

AGAIN = "the refusal that this record is sent again for, by `baton dlq retry`"

_Number = Annotated[str, Field(pattern="^[0-9]+$")]
_NumberOrNone = Annotated[str, Field(pattern="^[0-9]*$")]


class InboundHeaders(Message):
    """`adt.inbound` needs no header."""

    feed: str | None = Field(default=None, description="the feed, where topic and MSH-3/MSH-4 do not tell it")
    retry_of: UUID | None = Field(default=None, description=AGAIN)


class _Refused(Message):
    code: str = Field(description="why, in one word: what `baton normalize` says")
    source_topic: str = Field(description="where it was read")
    source_partition: _Number
    source_offset: _Number


class RejectedMessageHeaders(_Refused):
    """Of a refused HL7 message. Key and value are those of the record it came in."""

    segment: str = Field(description="the HL7 segment that is wrong; empty: none in particular")
    field: _NumberOrNone = Field(description="its field, counted from 1; empty: none in particular")
    feed: str


class RejectedActionHeaders(_Refused):
    """Of a refused action. Key and value are those of the record it came in."""

    field: str = Field(description="the field that is wrong, with dots; empty: none in particular")
