"""ER7, the vertical-bar encoding of HL7 v2: from bytes to segments; knows no event and no patient."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache

from services.admissions.domain.model import Rejection
from services.admissions.hl7 import charsets
from services.admissions.hl7.dialect import Dialect, dialect_of

MAX_SIZE = 1024 * 1024
"""The largest message that is read, in bytes."""

FRAMING = b"\x0b\x1c\r\n \t"
"""Start and end of an MLLP frame, and the blanks around a message."""

_BOM = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff", b"M\0S\0H\0", b"\0M\0S\0H", b"M\0\0\0S\0", b"\0\0\0M\0\0")

_NOT_HL7 = Rejection("not_hl7", "The message does not begin with an MSH segment.", "MSH")
_NO_SEPARATOR = Rejection("not_hl7", "MSH-1 is not a usable field separator.", "MSH", 1)
_NO_ENCODING = Rejection("not_hl7", "MSH-2 does not name usable encoding characters.", "MSH", 2)
_TOO_LARGE = Rejection("too_large", f"The message is larger than {MAX_SIZE} bytes.")
_SEVERAL = Rejection(
    "several_messages", "The record holds more than one MSH segment; send one message each.", "MSH"
)
_WIDE_CHARSET = Rejection(
    "unsupported_charset", "The message is written in a multi-byte form of Unicode.", "MSH", 18
)
_CHARSET = Rejection(
    "unsupported_charset",
    "MSH-18 names a character set that this feed is not set up for; add it to `charsets` of the feed profile.",
    "MSH",
    18,
)


Segments = dict[str, list[str]]
"""The lines of one message, or of one group of it, by segment name."""


class Message:
    """One message, split into segments; fields are split when asked for.

    `lines` are the segments after MSH in their order, `header` the fields of MSH by their numbers.
    `fingerprint` is SHA-256 over the message without MSH-7, MSH-10 and the kind of line ends, so that a
    retransmission is known under a new control id.
    """

    __slots__ = ("dialect", "fingerprint", "flags", "header", "lines")

    def __init__(self, dialect: Dialect, lines: list[str], fingerprint: str, flags: list[str]) -> None:
        self.dialect = dialect
        self.header = dialect.header(lines[0])
        self.lines = lines[1:]
        self.fingerprint = fingerprint
        self.flags = flags

    def first(self, name: str) -> list[str] | None:
        """The fields of the first segment of this name."""
        beginning = name + self.dialect.field
        for line in self.lines:
            if line.startswith(beginning) or line == name:
                return self.dialect.fields(line)
        return None

    @property
    def segments(self) -> Segments:
        """The lines by segment name."""
        return by_name(self.lines, self.dialect.field)


def by_name(lines: Iterable[str], separator: str) -> Segments:
    """Segments under their names, each list in the order of the message."""
    segments: Segments = {}
    for line in lines:
        name = line[:3] if line[3:4] == separator else line.split(separator, 1)[0]
        if name in segments:
            segments[name].append(line)
        else:
            segments[name] = [line]
    return segments


def read(
    data: bytes, fallback_charset: str = "cp1252", charsets_by_name: Mapping[str, str] | None = None
) -> Message | Rejection:
    """Split one message. Framing bytes, a byte-order mark and blank segments are dropped; NUL too."""
    if len(data) > MAX_SIZE:
        return _TOO_LARGE
    body = data.strip(FRAMING)
    if body.startswith(_WIDE):
        return _WIDE_CHARSET
    if b"\0" in body:
        body = body.replace(b"\0", b"")
    body = body.removeprefix(_BOM)
    fault = _fault_of_header(body)
    if fault is not None:
        return fault
    flags: list[str] = []
    if b"\n" in body or b"" in body.split(b"\r"):
        body = _cleaned(body, flags)
    separator = body[3:4]
    first, cr, rest = body.partition(b"\r")
    header = first.split(separator)
    marks = _marks(header[1])
    if isinstance(marks, Rejection):
        return marks
    declared = header[17].decode("latin-1") if len(header) > 17 else ""
    if marks[1:2]:
        declared = declared.split(marks[1])[0]
    text = charsets.decode(body, declared, fallback_charset, charsets_by_name or {})
    if text is None:
        return _CHARSET
    if text.flag is not None:
        flags.append(text.flag)
    lines = text.text.split("\r")
    # A codec that moves the marks themselves would leave nothing to split by.
    if not lines[0].startswith("MSH" + chr(separator[0])):
        return _CHARSET
    dialect = dialect_of(chr(separator[0]), marks, text.codec)
    message = Message(dialect, lines, _fingerprint(header, separator, cr + rest), flags)
    return _SEVERAL if text.text.rfind("MSH") > 0 and "MSH" in message.segments else message


def _fault_of_header(body: bytes) -> Rejection | None:
    if body[:3] != b"MSH":
        return _NOT_HL7
    separator = body[3:4]
    usable = separator and 0x20 < separator[0] < 0x7F and not separator.isalnum() and separator != b'"'
    return None if usable else _NO_SEPARATOR


def _cleaned(body: bytes, flags: list[str]) -> bytes:
    """The segments with one CR between them.

    CR ends segments where there is one, and a line feed is then text but for one that follows a CR.
    """
    if b"\r" in body:
        segments = [segment.removeprefix(b"\n") for segment in body.split(b"\r")]
    else:
        segments = body.split(b"\n")
        flags.append("lf_terminated")
    return b"\r".join(filter(None, segments))


@lru_cache(maxsize=256)
def _marks(raw: bytes) -> str | Rejection:
    """MSH-2: distinct printable marks, in the standard's order; a shorter one leaves the later marks unused."""
    if len(raw) > 5 or not raw.isascii():
        return _NO_ENCODING
    marks = raw.decode("ascii")
    usable = all(mark.isprintable() and not mark.isalnum() and mark not in ' "' for mark in marks)
    if not usable or len(set(marks)) < len(marks):
        return _NO_ENCODING
    return marks


def _fingerprint(header: list[bytes], separator: bytes, rest: bytes) -> str:
    header = [*header]
    for number in (7, 10):
        if number <= len(header):
            header[number - 1] = b""
    return hashlib.sha256(separator.join(header) + rest).hexdigest()
