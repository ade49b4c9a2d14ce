"""Acknowledgements (domain.md 1.10): the table's codes, and the bytes of the answer."""

import re
from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from services.admissions.hl7.er7 import FRAMING
from services.admissions.mllp.framing import FRAME_END, FRAME_START

_BOM = b"\xef\xbb\xbf"
_LINE = re.compile(rb"[^\r\n]*")
_EVENT = re.compile(rb"[A-Za-z0-9]{1,10}")
_DEFAULT_MARKS = b"^~\\&"
# Table 0357, as far as it is used here.
TEXTS = {
    100: "Segment sequence error",
    101: "Required field missing",
    103: "Table value not found",
    104: "Value too long",
    200: "Unsupported message type",
    201: "Unsupported event code",
    202: "Unsupported processing id",
    203: "Unsupported version id",
    207: "Application internal error",
}


class Fault(Struct, frozen=True):
    """Why a message is not simply accepted: a code of table 0357 and where; never a value of the message."""

    condition: int
    segment: str = ""
    field: int | None = None
    kept: bool = False
    """True where the message is stored all the same: an error in it, no refusal of it."""
    partly: bool = False
    """True for a frame of several messages of which some are stored and some refused."""


STORED = None
NOT_STORED = Fault(207)


class Msh(Struct, frozen=True):
    """The sender's MSH as bytes, as far as it can be read: what an answer repeats of it.

    `fields` stand by their numbers in the standard; any number past the end is empty.
    """

    separator: bytes
    marks: bytes
    fields: list[bytes]

    @property
    def component(self) -> bytes:
        return self.marks[:1]

    def field(self, number: int) -> bytes:
        return self.fields[number] if number < len(self.fields) else b""

    def first(self, number: int, component: int = 0) -> bytes:
        """One component of the first repetition of a field, without blanks."""
        field = self.field(number)
        if self.marks[1:2]:
            field = field.split(self.marks[1:2])[0]
        parts = field.split(self.component) if self.component else [field]
        return parts[component].strip() if component < len(parts) else b""

    @property
    def enhanced(self) -> bool:
        """Enhanced mode is asked for by valuing either of MSH-15 and MSH-16."""
        return bool(self.first(15) or self.first(16))


def read_msh(payload: bytes) -> Msh:
    """Read what can be read; a message without a usable MSH is answered with the usual delimiters and no control id."""
    body = payload.strip(FRAMING).replace(b"\0", b"").removeprefix(_BOM)
    separator = body[3:4]
    usable = body[:3] == b"MSH" and separator and 0x20 < separator[0] < 0x7F and not separator.isalnum()
    if not usable or separator == b'"':
        return Msh(b"|", _DEFAULT_MARKS, [])
    line = _LINE.match(body)
    fields = line[0].split(separator) if line else []
    marks = fields[1]
    odd = (
        not marks.isascii() or len(set(marks)) < len(marks) or len(marks) > 5 or re.search(rb'[\w\s"]', marks)
    )
    return Msh(separator, _DEFAULT_MARKS if odd else marks, [fields[0], separator, *fields[1:]])


def asked(condition: bytes, *, success: bool) -> bool:
    """Whether MSH-15 or MSH-16 asks for an answer; empty beside a valued one does not, an unknown word does."""
    match condition.upper():
        case b"" | b"NE":
            return False
        case b"ER":
            return not success
        case b"SU":
            return success
    return True


def codes(msh: Msh, fault: Fault | None, *, when_away: str = "close") -> list[str]:
    """MSA-1 of each answer that is due, in order; none where the sender wants none or gets none.

    `when_away` is "answer" where the original mode answers AE to what could not be stored.
    """
    if not msh.enhanced:
        if fault is NOT_STORED:
            return ["AE"] if when_away == "answer" else []
        return ["AA" if fault is STORED else "AE" if fault.kept or fault.partly else "AR"]
    stored = fault is STORED or fault.kept
    accept = _accept(fault)
    due = [accept] if asked(msh.first(15), success=stored) else []
    if stored and asked(msh.first(16), success=fault is STORED):
        due.append("AA" if fault is STORED else "AE")
    return due


def _accept(fault: Fault | None) -> str:
    if fault is STORED or fault.kept:
        return "CA"
    return "CE" if fault is NOT_STORED or fault.partly else "CR"


def answer(msh: Msh, code: str, fault: Fault | None, *, control_id: str, at: datetime) -> bytes:
    """One framed acknowledgement: sender and receiver swapped, the sender's delimiters, version and character set."""
    sep, comp = msh.separator, msh.component
    event = msh.first(9, 1)
    kind = [b"ACK", event, b"ACK"] if comp and _EVENT.fullmatch(event) else [b"ACK"]
    header = [
        b"MSH", msh.marks, msh.field(5), msh.field(6), msh.field(3), msh.field(4),
        at.strftime("%Y%m%d%H%M%S%z").encode(), b"", comp.join(kind), control_id.encode(),
        msh.field(11) or b"P", msh.field(12) or b"2.5.1",
    ]  # fmt: skip
    if msh.field(18):
        header += [b""] * 5 + [msh.field(18)]
    segments = [header, [b"MSA", code.encode(), msh.field(10)]]
    if fault is not None:
        segments.append(list(_err(msh, fault)))
    return FRAME_START + b"".join(sep.join(segment) + b"\r" for segment in segments) + FRAME_END


def _err(msh: Msh, fault: Fault) -> Iterator[bytes]:
    place = [fault.segment, "1", str(fault.field)] if fault.field else [fault.segment]
    yield b"ERR"
    yield b""
    yield _joined(msh, place)
    yield _joined(msh, [str(fault.condition), TEXTS[fault.condition], "HL70357"])
    yield b"E"


def _joined(msh: Msh, parts: list[str]) -> bytes:
    """A field of ours in the sender's delimiters; without a component mark only its first part can be said."""
    reserved = {chr(mark) for mark in msh.separator + msh.marks}
    clean = ["".join(" " if mark in reserved else mark for mark in part) for part in parts]
    return (msh.component.join(part.encode() for part in clean)) if msh.component else clean[0].encode()
