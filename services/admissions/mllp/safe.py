"""When a message counts as safe: Kafka has it, or, on a broker that forgets, admissions has committed it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from schemas.topics import ADT_INBOUND
from services.admissions.mllp.settings import Settings
from services.chassis import clock
from services.chassis.kafka import Outgoing
from services.chassis.marks import unapplied
from services.chassis.postgres import is_transient

if TYPE_CHECKING:
    from services.chassis.service import Service

CONSUMER = "admissions"
PAUSE = 0.02
CLOCK_EVERY = 0.5


class Safe:
    """Stores records in `adt.inbound` as the settings ask for it."""

    def __init__(self, service: "Service", settings: Settings) -> None:
        self._service = service
        self._settings = settings
        self._at: int | None = None

    def stamp(self) -> int | None:
        """The controlled clock's time in ms, some half a second old at most; None where real time decides."""
        return self._at

    async def begin(self) -> None:
        """Be ready for the first message: connected to Kafka where it answers, and with the clock's time."""
        with suppress(ConnectionError):
            await self._service.producer.start()
        if self._settings.controlled_clock:
            await self._read_clock()

    async def watch(self) -> None:
        """Follow the controlled clock where it is on; runs until cancelled."""
        while True:
            await asyncio.sleep(CLOCK_EVERY)
            if self._settings.controlled_clock:
                try:
                    await self._read_clock()
                except Exception as error:
                    if not is_transient(error):
                        raise

    async def store(self, records: Sequence[Outgoing]) -> None:
        """Return when all of them are safe; raises what keeps them from it, and may then be called again."""
        try:
            await self._service.producer.send_many(
                ADT_INBOUND, records, timeout=self._settings.mllp_store_seconds
            )
        except ConnectionError:
            # It may be another Kafka that comes back, and its topics are not known yet.
            self._service.producer.forget_topics()
            raise
        if self._settings.mllp_confirm == "postgres":
            await self._committed()

    async def _committed(self) -> None:
        ends = {
            part: end for (_, part), end in (await self._service.admin.end_offsets([ADT_INBOUND])).items()
        }
        async with asyncio.timeout(self._settings.mllp_store_seconds):
            while True:
                async with self._service.pool.acquire() as db:
                    if not await unapplied(db, CONSUMER, ADT_INBOUND, ends):
                        return
                await asyncio.sleep(PAUSE)

    async def _read_clock(self) -> None:
        async with self._service.pool.acquire() as db:
            self._at = round((await clock.now(db)).timestamp() * 1000)
