"""MLLP framing: from bytes as they come to frames. Knows no socket and no message."""

import re

from msgspec import Struct

START, FS, CR = 0x0B, b"\x1c", 0x0D
FRAME_START, FRAME_END = b"\x0b", b"\x1c\r"
HEAD = 8 * 1024
"""Of a frame that is too large so many bytes are kept: enough for its MSH."""
SEEK = 16
"""How many times the limit is read on in search of the end of a frame that is too large."""

# A sender that broke off and began anew on the same connection. A lone 0x0B before anything else is text.
_BEGUN_ANEW = re.compile(rb"\x0b(?=(?:\xef\xbb\xbf)?(?:MSH|FHS|BHS)[^A-Za-z0-9\s])")


class Frame(Struct, frozen=True):
    """What stood between the marks; of one that is too large only its head."""

    payload: bytes
    too_large: bool = False


class Frames:
    """Cuts one connection's bytes into frames, however they are split over reads.

    Bytes before the start mark are dropped and counted. 0x1C ends a frame when 0x0D follows, and when the next
    frame's start mark does; any other 0x1C is text. What is odd is counted in `odd` by its kind.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._scanned = 0
        self._dropped = 0
        self.inside = False
        self.endless = False
        """A frame went on so long that its end is not looked for: nothing after it can be read."""
        self.odd: dict[str, int] = {}

    @property
    def held(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Take what was read; give the frames that are complete with it, in their order."""
        self._buffer += data
        found: list[Frame] = []
        while not self.endless and self._enter():
            frame = self._complete()
            if frame is None:
                break
            found.append(frame)
        return found

    def _enter(self) -> bool:
        """Stand inside a frame; False where no bytes of one are left."""
        if not self.inside:
            start = self._buffer.find(START)
            stray = len(self._buffer) if start < 0 else start
            if stray:
                self._count("stray_bytes", stray)
            del self._buffer[: stray + (start >= 0)]
            self.inside = start >= 0
            self._scanned = self._dropped = 0
        return self.inside

    def _complete(self) -> Frame | None:
        while (at := self._buffer.find(FS, self._scanned)) >= 0:
            if at + 1 == len(self._buffer):
                self._scanned = at
                self._shorten(keep=1)
                return None
            follows = self._buffer[at + 1]
            if follows in {CR, START}:
                return self._cut(at, follows)
            self._scanned = at + 1
        self._scanned = len(self._buffer)
        self._shorten(keep=0)
        return self._give_up() if self._dropped > SEEK * self._limit else None

    def _cut(self, at: int, follows: int) -> Frame:
        payload = bytes(self._buffer[:at])
        if follows == START:
            self._count("no_carriage_return", 1)
        del self._buffer[: at + (2 if follows == CR else 1)]
        self.inside = False
        if len(payload) + self._dropped > self._limit:
            self._count("too_large", 1)
            return Frame(payload[:HEAD], too_large=True)
        begun = [match.end() for match in _BEGUN_ANEW.finditer(payload)]
        if begun:
            self._count("begun_anew", len(begun))
        return Frame(payload[begun[-1] :] if begun else payload)

    def _shorten(self, *, keep: int) -> None:
        """Let go of all but the head of a frame that is too large, and of the last bytes, which may begin its end."""
        if len(self._buffer) > self._limit:
            end = len(self._buffer) - keep
            self._dropped += end - HEAD
            del self._buffer[HEAD:end]
            self._scanned = HEAD

    def _give_up(self) -> Frame:
        self._count("too_large", 1)
        frame = Frame(bytes(self._buffer[:HEAD]), too_large=True)
        self._buffer.clear()
        self.inside, self.endless = False, True
        return frame

    def _count(self, kind: str, amount: int) -> None:
        self.odd[kind] = self.odd.get(kind, 0) + amount
