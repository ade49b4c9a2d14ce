"""One MLLP connection: frames in, acknowledgements out in their order, each when its message is safe."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from services.admissions.mllp import acknowledge, metrics
from services.admissions.mllp.acknowledge import NOT_STORED, STORED, Fault
from services.admissions.mllp.carrier import Carrier, Parcel, RefusedByKafka
from services.admissions.mllp.door import TOO_LARGE, Door, Judged
from services.admissions.mllp.framing import Frames
from services.admissions.mllp.settings import Settings
from services.chassis.clock import monotonic
from services.chassis.kafka import Outgoing
from services.chassis.metrics import Registry

CHUNK = 64 * 1024
HELD_BYTES = 4 * 1024 * 1024
"""As many bytes of one connection may wait to be stored; then it is not read."""
WRITE_WITHIN = 30.0
"""A sender that does not take its acknowledgements for so many seconds is gone."""
_GONE = (OSError, ssl.SSLError, EOFError)


@dataclass(slots=True)
class Shared:
    """What all connections of a listener have in common."""

    settings: Settings
    door: Door
    carrier: Carrier
    registry: Registry
    limit: int
    """The largest payload of a frame, in bytes."""
    control_id: Callable[[], str]
    now: Callable[[], datetime]
    stamp: Callable[[], int | None]
    """The records' timestamp in ms where the controlled clock is on."""
    partial_limit: int = 256 * 1024 * 1024
    partial: int = 0
    """Bytes of all frames that are not complete."""


@dataclass(slots=True)
class _Held:
    """One frame that waits for its answer; the parcel is None where nothing of it is stored."""

    judged: Judged
    parcel: Parcel | None
    size: int
    at: float


class Connection:
    """Reads and answers until the sender hangs up, does what it must not, or `stop` is called."""

    def __init__(
        self, shared: Shared, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes
    ) -> None:
        self._shared = shared
        self._reader = reader
        self._writer = writer
        self._key = key
        self._frames = Frames(shared.limit)
        self._queue: asyncio.Queue[_Held | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self._held = self._held_bytes = self._partial = 0
        self._headers = [("feed", shared.settings.mllp_feed.encode())] if shared.settings.mllp_feed else []
        self._reading: asyncio.Task[str] | None = None
        self._odd: dict[str, int] = {}
        self.messages = self.bytes = 0
        self.why = "closed by us"

    async def serve(self) -> None:
        """Run to the end; what is held is answered before the connection is closed, where that can be."""
        self._reading = asyncio.create_task(self._read())
        answering = asyncio.create_task(self._answer_all())
        try:
            await asyncio.wait({self._reading, answering}, return_when=asyncio.FIRST_COMPLETED)
            self._reading.cancel()
            await asyncio.wait({self._reading})
            if not self._reading.cancelled():
                self.why = self._reading.result()
            self._queue.put_nowait(None)
            await answering
        finally:
            for task in (self._reading, answering):
                task.cancel()
            self._account_partial(0)
            await self._close()

    def stop(self) -> None:
        """Read no further; what is held is still answered."""
        if self._reading is not None:
            self._reading.cancel()

    # --- reading ------------------------------------------------------------------------------------------------

    async def _read(self) -> str:
        """Read until nothing more is to be read; gives why, for the log."""
        began: float | None = None
        while True:
            paused = monotonic()
            await self._wait_for_room()
            now = monotonic()
            # While we do not read, the sender cannot finish its frame.
            began = None if began is None else began + (now - paused)
            left = None if began is None else began + self._shared.settings.mllp_frame_seconds - now
            try:
                async with asyncio.timeout(left):
                    data = await self._reader.read(CHUNK)
            except TimeoutError:
                return self._violation("slow", "a frame was not complete in time")
            except _GONE:
                return self._hung_up()
            if not data:
                return self._hung_up()
            found = self._take(data)
            began = None if not self._frames.inside else monotonic() if found or began is None else began
            if self._frames.endless:
                return "a frame did not end"
            self._account_partial(self._frames.held)
            if self._shared.partial > self._shared.partial_limit:
                return self._violation("crowded", "too many bytes of unfinished frames")

    def _hung_up(self) -> str:
        if self._frames.inside:
            return self._violation("unfinished", "the sender hung up within a frame")
        return "the sender hung up"

    def _take(self, data: bytes) -> bool:
        """Hand on the frames that are complete with these bytes; whether there were any."""
        self.bytes += len(data)
        self._shared.registry.counter(metrics.RECEIVED).inc(len(data))
        frames = self._frames.feed(data)
        for frame in frames:
            judged = self._shared.door.judge(frame, self._shared.now())
            size = len(frame.payload)
            self._held += 1
            self._held_bytes += size
            self._queue.put_nowait(_Held(judged, self._post(judged), size, monotonic()))
        for kind, count in self._frames.odd.items():
            if more := count - self._odd.get(kind, 0):
                self._shared.registry.counter(metrics.ODDITIES).labels(kind).inc(more)
        self._odd = dict(self._frames.odd)
        return bool(frames)

    def _post(self, judged: Judged) -> Parcel | None:
        if not judged.messages:
            return None
        stamp = self._shared.stamp()
        return self._shared.carrier.put(
            [Outgoing(self._key, raw, self._headers, timestamp_ms=stamp) for raw in judged.messages]
        )

    async def _wait_for_room(self) -> None:
        while self._held >= self._shared.settings.mllp_held or self._held_bytes >= HELD_BYTES:
            self._room.clear()
            await self._room.wait()

    def _account_partial(self, now: int) -> None:
        self._shared.partial += now - self._partial
        self._partial = now

    def _violation(self, kind: str, why: str) -> str:
        self._shared.registry.counter(metrics.ODDITIES).labels(kind).inc()
        return why

    # --- answering ----------------------------------------------------------------------------------------------

    async def _answer_all(self) -> None:
        """Answer in the order of the frames; ends where the connection must."""
        try:
            while (held := await self._queue.get()) is not None:
                if not await self._answer(held):
                    self.why = "a message could not be stored in time"
                    return
                self._held -= 1
                self._held_bytes -= held.size
                self._room.set()
        except (*_GONE, TimeoutError):
            self.why = "the sender takes no acknowledgement"
        finally:
            self._abandon_rest()

    async def _answer(self, held: _Held) -> bool:
        """Answer one frame; False where the sender must learn from the end of the connection that it is not stored."""
        self.messages += 1
        fault = await self._outcome(held)
        if held.judged.silent:
            self._violation("acknowledgement", "")
            self._count(None)
            return True
        due = acknowledge.codes(held.judged.msh, fault, when_away=self._shared.settings.mllp_when_away)
        for code in due:
            said = None if code in {"AA", "CA"} else fault
            answer = acknowledge.answer(
                held.judged.msh, code, said, control_id=self._shared.control_id(), at=self._shared.now()
            )
            self._writer.write(answer)
            self._count(code)
        if due:
            async with asyncio.timeout(WRITE_WITHIN):
                await self._writer.drain()
            self._shared.registry.histogram(metrics.ACK_SECONDS).observe(monotonic() - held.at)
        else:
            self._count(None)
        return bool(due) or fault is not NOT_STORED

    async def _outcome(self, held: _Held) -> Fault | None:
        """What became of a frame, when that is known or the time for it is over."""
        fault = held.judged.fault
        if held.parcel is not None:
            left = held.at + self._shared.settings.mllp_store_seconds - monotonic()
            await asyncio.wait({held.parcel.stored}, timeout=max(left, 0))
            if not held.parcel.stored.done():
                held.parcel.abandon()
                return NOT_STORED
            if isinstance(held.parcel.stored.exception(), RefusedByKafka):
                return TOO_LARGE
        if fault is not None and fault.kept and self._shared.settings.mllp_answer_unidentified == "AA":
            return STORED
        return fault

    def _count(self, code: str | None) -> None:
        self._shared.registry.counter(metrics.ANSWERED).labels(code or "none").inc()

    def _abandon_rest(self) -> None:
        """What was read and will not be answered is stored or not; its sender sends it again."""
        while not self._queue.empty():
            held = self._queue.get_nowait()
            if held is not None and held.parcel is not None and not held.parcel.stored.done():
                held.parcel.abandon()

    async def _close(self) -> None:
        with suppress(*_GONE, TimeoutError):
            async with asyncio.timeout(1.0):
                self._writer.close()
                await self._writer.wait_closed()
        self._writer.transport.abort()
