"""What the demo sends: an invented hospital's last ten days, its traffic as it comes, and a story on top, in rounds."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from baton import ground
from baton.addresses import Addresses
from baton.confirm import wait_until_applied
from baton.console import Console
from baton.demo_kept import Kept
from baton.demo_people import bookings, deeds
from baton.demo_story import SAMPLE, tell
from baton.quiet import wait_until_quiet
from baton.sending import CONSUMER, produce
from baton.simulate import Hospital, Sent, simulate
from baton.trouble import Trouble
from schemas.topics import ADT_INBOUND, CARE_ACTIONS
from services.chassis import clock
from services.chassis.clock import monotonic
from services.chassis.kafka import Admin, KafkaAwayError, Outgoing

FACILITY = "DEMOHOSP"
HISTORY = timedelta(days=10)
ROUND = 240.0
"""Seconds from the beginning of one telling of the story to the next."""
CHUNK = 250
PATIENCE = 30.0


class Feed:
    """The demo's messages on their way, and how far they have come."""

    def __init__(self, where: Addresses, console: Console, home: Path, kept: Kept) -> None:
        self.kept = kept
        self._where = where
        self._console = console
        self._home = home
        # The story shows a readmission; those of the past would be pages at the start.
        hospital = Hospital(
            seed=kept.seed, beds=60, facility=FACILITY, readmissions=0, cancels=0.02, duplicates=0.02,
            disorder=0.02, lateness=0.01,
        )  # fmt: skip
        self._hospital = islice(simulate(hospital, kept.began - HISTORY), kept.sent, None)
        self._next = next(self._hospital)

    async def catch_up(self) -> None:
        """Send what the hospital wrote until now, and say how it goes."""
        waiting = list(self._until(await self._now()))
        if not waiting:
            return
        what = "the last ten days" if not self.kept.sent else "what came while the demo was off"
        self._console.say("hospital", f"{what} arrive first: {len(waiting)} messages")
        began = monotonic()
        for start in range(0, len(waiting), CHUNK):
            chunk = waiting[start : start + CHUNK]
            await self._send([sent.data for sent in chunk])
            self._keep(replace(self.kept, sent=self.kept.sent + len(chunk)))
            await self._act(chunk)
            done = f"{start + len(chunk)} of {len(waiting)} messages, {monotonic() - began:.0f} s"
            self._console.say("hospital", f"loading: {done}", "dim")
        await self._come_to_rest()

    async def go_on(self) -> None:
        """Send the hospital's messages as they are written, until cancelled."""
        while True:
            await self._sleep_until(self._next.at)
            ready = list(self._until(await self._now()))
            await self._send([sent.data for sent in ready])
            self._keep(replace(self.kept, sent=self.kept.sent + len(ready)))
            for sent in ready:
                self._console.say("hospital", f"{sent.trigger} {sent.what}", "dim")

    async def tell_stories(self, told: Callable[[], None]) -> None:
        """Tell the story in rounds, until cancelled; `told` is called after each."""
        template = SAMPLE.read_text("utf-8")
        while True:
            self._keep(self.kept.next_round(await self._now(), ROUND))
            began, number, before = self.kept.round_began, self.kept.round, self.kept.told
            assert began is not None
            self._console.say("DEMO", f"the story, round {number}{' goes on' if before else ''}", "good")
            for chapter in list(tell(template, start=began, run=number))[before:]:
                await self._sleep_until(began + chapter.after)
                self._console.say("hospital", chapter.text)
                await self._send(chapter.messages)
                self._keep(replace(self.kept, told=self.kept.told + 1))
            told()
            await self._sleep_until(began + timedelta(seconds=ROUND))

    async def _come_to_rest(self) -> None:
        """Wait until what was sent has gone all the way; the demo goes on where that takes long."""
        async with (
            ground.database(self._where) as db,
            Admin(ground.settings_of(self._where), "demo") as admin,
        ):
            with suppress(Trouble, KafkaAwayError):
                await wait_until_quiet(db, admin, PATIENCE)

    def _until(self, now: datetime) -> Iterator[Sent]:
        while self._next.at <= now:
            yield self._next
            self._next = next(self._hospital)

    async def _send(self, messages: Sequence[bytes]) -> None:
        await produce(self._where, ADT_INBOUND, [Outgoing(None, message) for message in messages])
        # The embedded broker forgets with its end: what is told as sent stands in Postgres.
        await wait_until_applied(self._where, CONSUMER, ADT_INBOUND)

    async def _act(self, sent: Sequence[Sent]) -> None:
        """What people did meanwhile; an action that was sent before is the same action."""
        now = await self._now()
        actions = [*deeds(sent, now), *bookings(sent, now)]
        records = [Outgoing(None, json.dumps(action).encode()) for action in actions]
        await produce(self._where, CARE_ACTIONS, records)

    def _keep(self, kept: Kept) -> None:
        if kept != self.kept:
            self.kept = kept
            kept.write(self._home)

    async def _now(self) -> datetime:
        async with ground.database(self._where) as db:
            return await clock.now(db)

    async def _sleep_until(self, at: datetime) -> None:
        await asyncio.sleep(max(0.0, (at - await self._now()).total_seconds()))
