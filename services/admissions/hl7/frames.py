"""Files and frames: cutting bytes that may hold many messages into one piece for each."""

import re
from collections.abc import Iterator

# Start and end of an MLLP frame. A lone 0x1C inside a line is text, if odd text.
_FRAME = re.compile(rb"\x0b|\x1c(?=[\r\n\x0b]|\Z)")
# A header at the start of a line: of a message, or of a file or batch (chapter 2.10.3), whose lines are dropped.
_START = re.compile(rb"(?:\A|(?<=[\r\n]))(MSH|FHS|BHS|BTS|FTS)(?=[^A-Za-z0-9\s])")
_BOM = b"\xef\xbb\xbf"
_BLANK = b"\r\n \t"


def split(data: bytes) -> Iterator[bytes]:
    """The messages of a file in their order, without framing bytes, batch segments and blank lines between.

    An MSH at the start of a line begins a message. What stands before the first one, and a frame without
    any, come out as pieces of their own, so that they are refused rather than lost.
    """
    for frame in _FRAME.split(data):
        yield from _messages(frame.removeprefix(_BOM))


def _messages(frame: bytes) -> Iterator[bytes]:
    end_of_last, name = 0, b"MSH"
    for start in _START.finditer(frame):
        yield from _piece(frame[end_of_last : start.start()], name)
        end_of_last, name = start.start(), start[1]
    yield from _piece(frame[end_of_last:], name)


def _piece(raw: bytes, name: bytes) -> Iterator[bytes]:
    if name != b"MSH":
        # Of a batch header only its own line goes; what follows without an MSH is kept to be refused.
        raw = re.split(rb"[\r\n]", raw, maxsplit=1)[1] if re.search(rb"[\r\n]", raw) else b""
    piece = raw.strip(_BLANK)
    if piece:
        yield piece
