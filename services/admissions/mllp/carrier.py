"""From connections to `adt.inbound`: what has come since the last round goes in one request, until Kafka has it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from services.chassis.kafka import Outgoing, RecordRefusedError
from services.chassis.logs import error_name, get_logger
from services.chassis.postgres import backoff, is_transient

log = get_logger("mllp")

MOST_RECORDS = 1000
MOST_BYTES = 4 * 1024 * 1024
LONGEST_PAUSE = 1.0

Store = Callable[[Sequence[Outgoing]], Awaitable[None]]


class RefusedByKafka(Exception):
    """Kafka will never take this record: it is larger than the topic allows."""


class Parcel:
    """The records of one frame; `stored` is done when all of them are safe, or will never be."""

    __slots__ = ("records", "size", "stored")

    def __init__(self, records: Sequence[Outgoing]) -> None:
        self.records = records
        self.size = sum(len(record.value or b"") for record in records)
        self.stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def abandon(self) -> None:
        """Nobody waits for it any longer; the sender sends it again."""
        self.stored.cancel()


class Carrier:
    """Stores parcels in the order in which they came, one request at a time."""

    def __init__(self, store: Store, *, retry_min: float = 0.25) -> None:
        """`store` returns when the records are safe; it may be called again with the same ones."""
        self._store = store
        self._retry_min = min(retry_min, LONGEST_PAUSE)
        self._waiting: deque[Parcel] = deque()
        self._some = asyncio.Event()
        self.held = 0

    def put(self, records: Sequence[Outgoing]) -> Parcel:
        parcel = Parcel(records)
        self._waiting.append(parcel)
        self.held += 1
        parcel.stored.add_done_callback(self._let_go)
        self._some.set()
        return parcel

    async def run(self) -> None:
        """Carry until cancelled; what is away is waited for."""
        while True:
            await self._some.wait()
            batch = self._next()
            if not batch:
                self._some.clear()
                continue
            await self._deliver(batch)

    def _let_go(self, _: asyncio.Future[None]) -> None:
        self.held -= 1

    def _next(self) -> list[Parcel]:
        batch: list[Parcel] = []
        count = size = 0
        while self._waiting and count < MOST_RECORDS and size < MOST_BYTES:
            parcel = self._waiting.popleft()
            if not parcel.stored.done():
                batch.append(parcel)
                count, size = count + len(parcel.records), size + parcel.size
        return batch

    async def _deliver(self, batch: list[Parcel]) -> None:
        pauses = backoff(self._retry_min, LONGEST_PAUSE)
        while batch:
            records = [record for parcel in batch for record in parcel.records]
            refused: Sequence[int] = ()
            try:
                await self._store(records)
            except RecordRefusedError as error:
                refused = error.indexes
            except Exception as error:
                if not is_transient(error):
                    # Whatever it is, messages are not lost for it: their senders hear nothing, and send again.
                    log.exception("a batch could not be stored")
                pause = next(pauses)
                log.warning("waiting for Kafka", reason=error_name(error), retry_in=round(pause, 2))
                await asyncio.sleep(pause)
                batch = [parcel for parcel in batch if not parcel.stored.done()]
                continue
            _settle(batch, frozenset(refused))
            return


def _settle(batch: Sequence[Parcel], refused: frozenset[int]) -> None:
    index = 0
    for parcel in batch:
        own = range(index, index + len(parcel.records))
        index += len(parcel.records)
        if parcel.stored.done():
            continue
        if refused.isdisjoint(own):
            parcel.stored.set_result(None)
        else:
            parcel.stored.set_exception(RefusedByKafka())
