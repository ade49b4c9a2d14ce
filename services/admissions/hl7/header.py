"""MSH and EVN: which event a message speaks of, who sent it, and what makes it itself."""

import hashlib

from msgspec import Struct

from services.admissions.domain.model import Rejection
from services.admissions.hl7 import er7
from services.admissions.hl7.rules import FeedRules
from services.admissions.hl7.triggers import IGNORED, TYPES

_NOT_ADT = Rejection("not_adt", "MSH-9.1 is not ADT.", "MSH", 9)
_NO_EVENT = Rejection("no_event", "MSH-9.2 names no trigger event.", "MSH", 9)
_UNKNOWN_EVENT = Rejection(
    "unknown_event", "MSH-9.2 names an event this strict feed does not take.", "MSH", 9
)
_NO_CONTROL_ID = Rejection("no_control_id", "MSH-10 is empty, or longer than any control id.", "MSH", 10)
_LONGEST_CONTROL_ID = 250

_NO_FIELDS = [""] * 64


class Header(Struct, gc=False):
    """MSH and EVN: what all events of one message share."""

    trigger: str
    type: str
    control_id: str
    application: str
    facility: str
    event_id: str
    test: bool
    sequence: int | None
    msh: list[str]
    event_type: list[str]


def read_header(message: er7.Message, rules: FeedRules) -> Header | Rejection:
    """Only MSH-9.2 names the event: MSH-9.3 is advice, and EVN-1 speaks where an old feed sends bare `ADT`."""
    msh, dialect = message.header, message.dialect
    event_type = message.first("EVN") or _NO_FIELDS
    kind = dialect.first_leaves(msh[9])
    if kind[0].upper() != "ADT":
        return _NOT_ADT
    trigger = (kind[1] or dialect.value(event_type[1])).upper()
    if not trigger:
        return _NO_EVENT
    if trigger not in TYPES and rules.profile.strict_events:
        return _UNKNOWN_EVENT
    control_id = dialect.leaf(msh[10])
    if not control_id or len(control_id) > _LONGEST_CONTROL_ID:
        return _NO_CONTROL_ID
    processing_id = dialect.value(msh[11]).upper()
    if not processing_id:
        message.flags.append("no_processing_id")
    if not msh[12].startswith("2"):
        message.flags.append("unknown_version")
    sequence = dialect.leaf(msh[13])
    identity = (rules.profile.feed, msh[3], msh[4], control_id, message.fingerprint)
    return Header(
        trigger=trigger,
        type=TYPES.get(trigger, IGNORED),
        control_id=control_id,
        application=dialect.organisation(msh[3]),
        facility=dialect.organisation(msh[4]),
        event_id=hashlib.sha256("\x1f".join(identity).encode()).hexdigest()[:32],
        # Without a word on it a message is taken for real: a drill acted on costs less than a patient missed.
        test=processing_id not in rules.processing_ids if processing_id else False,
        sequence=int(sequence)
        if sequence.isascii() and sequence.isdecimal() and len(sequence) < 19
        else None,
        msh=msh,
        event_type=event_type,
    )
