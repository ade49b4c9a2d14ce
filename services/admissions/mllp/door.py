"""What is refused at the door (domain.md 1.10): only what no feed profile could make readable."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import Rejection
from services.admissions.hl7 import adt, frames
from services.admissions.hl7.er7 import FRAMING
from services.admissions.mllp.acknowledge import Fault, Msh, read_msh
from services.admissions.mllp.framing import Frame

ZoneOf = Callable[[str], ZoneInfo]

TOO_LARGE = Fault(104)
_TYPE, _EVENT, _CONTROL_ID = Fault(200, "MSH", 9), Fault(201, "MSH", 9), Fault(101, "MSH", 10)
_PROCESSING_ID, _VERSION, _CHARSET = Fault(202, "MSH", 11), Fault(203, "MSH", 12), Fault(103, "MSH", 18)

# Table 0103. A training message is taken and kept apart as a test; a word that is none is not.
_PROCESSING_IDS = frozenset({b"", b"P", b"T", b"D", b"N", b"V"})
_READABLE_VERSION = re.compile(rb"2(\.\d+)*")
# The marks of a frame are single bytes: these encodings cannot stand between them.
_WIDE = re.compile(rb"(UNICODE )?UTF-(16|32)", re.IGNORECASE)
# An acknowledgement and a refusal of MLLP release 2.
_COMMIT_BLOCKS = (b"\x06", b"\x15")
_ANOTHER = re.compile(rb"[\r\n](?:MSH|FHS|BHS|BTS|FTS)[^A-Za-z0-9\s]")


class Judged(Struct, frozen=True):
    """One frame: its messages that go to Kafka, whose MSH is answered, and the fault, if any.

    `silent` is an acknowledgement that was sent to us: it is neither stored nor answered.
    """

    msh: Msh
    messages: tuple[bytes, ...] = ()
    fault: Fault | None = None
    silent: bool = False


class Door:
    """Judges the frames of one listener; `profile_of` gives the feed of a message."""

    def __init__(self, profile_of: Callable[[bytes], FeedProfile], zone_of: ZoneOf) -> None:
        self._profile_of = profile_of
        self._zone_of = zone_of

    def judge(self, frame: Frame, now: datetime) -> Judged:
        """Read a frame as far as the answer depends on it; whatever the bytes are, this does not fail."""
        payload = frame.payload
        if frame.too_large:
            return Judged(read_msh(payload), fault=TOO_LARGE)
        if payload in _COMMIT_BLOCKS:
            return Judged(read_msh(payload), silent=True)
        parts = _parts(payload)
        judged = [self._judge_one(part, now) for part in parts]
        if len(judged) == 1:
            return judged[0]
        return _as_one([each for each in judged if not each.silent]) or Judged(read_msh(payload), silent=True)

    def _judge_one(self, raw: bytes, now: datetime) -> Judged:
        msh = read_msh(raw)
        if msh.first(9).upper() == b"ACK":
            return Judged(msh, silent=True)
        fault = self._fault(raw, msh, now)
        return Judged(msh, (raw,) if fault is None or fault.kept else (), fault)

    def _fault(self, raw: bytes, msh: Msh, now: datetime) -> Fault | None:
        profile = self._profile_of(raw)
        said = adt.normalize(raw, profile, zone_of=self._zone_of, received_at=now)
        code = said.code if isinstance(said, Rejection) else ""
        if code == "not_hl7":
            assert isinstance(said, Rejection)
            return Fault(100, "MSH", said.field)
        if code == "too_large":
            return TOO_LARGE
        if _WIDE.match(msh.first(18)) or _is_wide(raw):
            return _CHARSET
        if msh.first(9).upper() != b"ADT":
            return _TYPE
        if code == "unknown_event":
            return _EVENT
        accepted = _PROCESSING_IDS | {word.encode() for word in profile.processing_ids}
        if msh.first(11).upper() not in accepted:
            return _PROCESSING_ID
        if _READABLE_VERSION.fullmatch(msh.first(12)) is None:
            return _VERSION
        if not msh.field(10).strip():
            return _CONTROL_ID
        if code == "no_patient_identifier":
            assert isinstance(said, Rejection)
            return Fault(101, "PID", said.field, kept=True)
        return None


def _parts(payload: bytes) -> Iterable[bytes]:
    """One message as it came; several, and those of a batch, each for itself."""
    if payload[:3] not in {b"FHS", b"BHS"} and _ANOTHER.search(payload) is None:
        return (payload,)
    return tuple(frames.split(payload)) or (payload,)


def _as_one(judged: list[Judged]) -> Judged | None:
    """A frame of several messages has one answer: to the first, AE if any part failed."""
    if not judged:
        return None
    fault = next((each.fault for each in judged if each.fault is not None), None)
    messages = tuple(raw for each in judged for raw in each.messages)
    if fault is not None:
        refused = any(each.fault is not None and not each.fault.kept for each in judged)
        fault = structs.replace(fault, kept=not refused, partly=refused and bool(messages))
    return Judged(judged[0].msh, messages, fault)


def _is_wide(raw: bytes) -> bool:
    head = raw.strip(FRAMING)[:4]
    return b"\0" in head or head[:2] in {b"\xff\xfe", b"\xfe\xff"}
