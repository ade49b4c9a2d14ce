"""MSH and EVN: which event a message speaks of, who sent it, and what makes it itself."""

import hashlib
from functools import lru_cache

from msgspec import Struct

from services.admissions.domain.model import Rejection
from services.admissions.hl7 import er7
from services.admissions.hl7.dialect import Dialect
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


class Kind(Struct, frozen=True, gc=False):
    """What many messages have in common: the event, its sender, whether it is a test; `flags` of what was odd there."""

    trigger: str
    type: str
    application: str
    facility: str
    test: bool
    flags: tuple[str, ...]


class Header(Struct, gc=False):
    """MSH and EVN: what all events of one message share."""

    kind: Kind
    control_id: str
    event_id: str
    sequence: int | None
    msh: list[str]
    event_type: list[str]


def read_header(message: er7.Message, rules: FeedRules) -> Header | Rejection:
    """Read both, and flag in the message what was odd there."""
    msh, dialect = message.header, message.dialect
    event_type = message.first("EVN") or _NO_FIELDS
    kind = _kind(msh[3], msh[4], msh[9], msh[11], msh[12], event_type[1], dialect, rules)
    if isinstance(kind, Rejection):
        return kind
    control_id = dialect.leaf(msh[10])
    if not control_id or len(control_id) > _LONGEST_CONTROL_ID:
        return _NO_CONTROL_ID
    message.flags += kind.flags
    sequence = dialect.leaf(msh[13])
    identity = (rules.profile.feed, msh[3], msh[4], control_id, message.fingerprint)
    return Header(
        kind=kind,
        control_id=control_id,
        event_id=hashlib.sha256("\x1f".join(identity).encode()).hexdigest()[:32],
        sequence=int(sequence)
        if sequence.isascii() and sequence.isdecimal() and len(sequence) < 19
        else None,
        msh=msh,
        event_type=event_type,
    )


# A feed sends few kinds of messages, and many of each.
@lru_cache(maxsize=1024)
def _kind(
    msh3: str,
    msh4: str,
    msh9: str,
    msh11: str,
    msh12: str,
    event_code: str,
    dialect: Dialect,
    rules: FeedRules,
) -> Kind | Rejection:
    """Only MSH-9.2 names the event: MSH-9.3 is advice, and EVN-1 speaks where an old feed sends bare `ADT`."""
    message_type, named = dialect.first_leaves(msh9)[:2]
    if message_type.upper() != "ADT":
        return _NOT_ADT
    trigger = (named or dialect.value(event_code)).upper()
    if not trigger:
        return _NO_EVENT
    if trigger not in TYPES and rules.profile.strict_events:
        return _UNKNOWN_EVENT
    processing_id = dialect.value(msh11).upper()
    flags = [] if processing_id else ["no_processing_id"]
    if not msh12.startswith("2"):
        flags.append("unknown_version")
    return Kind(
        trigger=trigger,
        type=TYPES.get(trigger, IGNORED),
        application=dialect.organisation(msh3),
        facility=dialect.organisation(msh4),
        # Without a word on it a message is taken for real: a drill acted on costs less than a patient missed.
        test=processing_id not in rules.processing_ids if processing_id else False,
        flags=tuple(flags),
    )
