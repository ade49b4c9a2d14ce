"""The whole of Baton as an operator runs it: four processes, real servers, and hands that kill and start them.

The clock is the controlled one: a story decides what time it is, so that the same story ends in the same rows
however often a process died on the way. Records are stamped with the instant at which they reach Kafka.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from signal import SIGKILL, SIGTERM
from types import TracebackType
from typing import Any, Self

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from schemas.topics import ADT_ENCOUNTERS, ADT_INBOUND, CARE_ACTIONS, CARE_TRANSITIONS, TOPICS
from services.chassis import clock
from services.chassis.kafka import Admin, Outgoing, Producer, TopicSpec, ensure_topics
from services.chassis.postgres import Db
from services.chassis.settings import ServiceSettings
from tests.infra import nursery
from tests.infra.processes import Child
from tests.system.receiver import Receiver
from tests.system.stories import Beat

ROOT = Path(__file__).parents[2]
PROCESSES = ("admissions", "transitions", "deadlines", "notifications")
STARTED = '"event": "started"'
PATIENCE = 240.0
STRIDE = timedelta(hours=12)
SECRET = "a secret that only the pager knows"
CONTACTS = """
app_url: https://baton.example.org
channels:
  pager: {webhook: "%s", secret_env: PAGER_SECRET, timeout_seconds: 10}
teams:
  default: [pager]
"""


async def until(holds: Callable[[], Any], what: str, *, within: float = PATIENCE, pause: float = 0.05) -> Any:
    """Return what `holds` gives as soon as that is true; it may be a coroutine function."""
    give_up_at = time.monotonic() + within
    while True:
        found = holds()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        if time.monotonic() > give_up_at:
            raise AssertionError(f"not within {within:g} s: {what}")
        await asyncio.sleep(pause)


class Process:
    """One process of Baton under a name of its own, which may die and live many times; its log goes on.

    With a `root` it is started as a user does, from the program in that folder.
    """

    def __init__(
        self,
        name: str,
        program: str,
        environment: Mapping[str, str],
        folder: Path,
        root: Path | None = None,
    ) -> None:
        self.root = root
        self.name = name
        self.program = program
        self.environment = dict(environment)
        self.log = folder / f"{name}.log"
        self.child: Child | None = None

    def start(self) -> None:
        if self.root is None:
            self.child = nursery.Baton(
                ["run", self.program], log=self.log, env=self.environment, cwd=ROOT, dies_by=SIGTERM
            )
        else:
            self.child = Child(
                [sys.executable, "-m", "baton", "run", self.program],
                log=self.log,
                env=self.environment,
                cwd=self.root,
                dies_by=SIGTERM,
            )

    @property
    def life(self) -> Child:
        assert self.child is not None, f"{self.name} was never started"
        return self.child

    def said(self) -> str:
        """What this life of it wrote."""
        return self.life.said()

    def has_started(self) -> bool:
        self.must_live()
        return STARTED in self.said()

    def must_live(self) -> None:
        if not self.life.alive:
            raise AssertionError(
                f"{self.name} ended with {self.life.process.returncode}:\n{self.said()[-4000:]}"
            )

    def kill(self) -> None:
        self.life.process.send_signal(SIGKILL)
        self.life.process.wait()

    def end(self) -> None:
        if self.child is not None:
            self.child.end(SIGTERM)

    @property
    def port(self) -> int | None:
        """Where it serves HTTP, as its log says."""
        for line in self.said().splitlines():
            if '"event": "serving"' in line:
                return int(json.loads(line)["port"])
        return None

    async def ask(self, path: str) -> httpx.Response:
        """Ask it over HTTP, as an orchestrator does."""
        port = await until(lambda: self.port, f"{self.name} serves HTTP")
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            return await client.get(f"http://127.0.0.1:{port}{path}")


@dataclass
class System:
    """One database and one set of topics, the processes on them, and the pager they reach."""

    database_url: str
    bootstrap_servers: str
    prefix: str
    folder: Path
    receiver: Receiver
    starts_at: datetime
    settings: dict[str, str] = field(default_factory=dict)
    root: Path | None = None
    topics: tuple[TopicSpec, ...] = tuple(
        TopicSpec(t.name, t.partitions, t.compacted, t.retention_ms, t.max_bytes) for t in TOPICS
    )

    def __post_init__(self) -> None:
        self.processes: dict[str, Process] = {}
        self.own = ServiceSettings(
            database_url=self.database_url,
            kafka_bootstrap_servers=self.bootstrap_servers,
            topic_prefix=self.prefix,
            controlled_clock=True,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "contacts.yaml").write_text(CONTACTS % self.receiver.url)
        self._producer = Producer(self.own, "test")
        self._eyes: tuple[Db, Admin] | None = None

    async def __aenter__(self) -> Self:
        async with self.db() as db:
            await clock.set_clock(db, self.starts_at)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()
        for process in self.processes.values():
            if process.child is not None:
                process.child.send(SIGTERM)
        await asyncio.gather(*(asyncio.to_thread(each.end) for each in self.processes.values()))

    # --- processes ------------------------------------------------------------------------------------------

    def environment(self, name: str) -> dict[str, str]:
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("BATON_", "KAFKA_"))
        }
        return clean | {
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "BATON_TOPIC_PREFIX": self.prefix,
            "BATON_CONTROLLED_CLOCK": "true",
            "BATON_CONFIG_DIR": str(self.folder),
            "BATON_INSTANCE": name,
            "BATON_LOG_LEVEL": "DEBUG",
            "BATON_RETRY_MAX": "1",
            "BATON_SEND_RETRY_MAX": "1",
            "PAGER_SECRET": SECRET,
            **self.settings,
        }

    def launch(self, *programs: str, replica: str = "") -> list[Process]:
        """Start processes without waiting for them."""
        launched = []
        for program in programs or PROCESSES:
            name = program + replica
            if name not in self.processes:
                self.processes[name] = Process(name, program, self.environment(name), self.folder, self.root)
            self.processes[name].start()
            launched.append(self.processes[name])
        return launched

    async def start(self, *programs: str, replica: str = "") -> None:
        """Start processes, all four unless named, and return when each says that it has started."""
        launched = self.launch(*programs, replica=replica)
        for process in launched:
            await until(process.has_started, f"{process.name} starts")

    async def stop(self, name: str) -> int:
        """Tell a process to stop; gives the code it ends with."""
        process = self.processes.pop(name)
        await asyncio.to_thread(process.end)
        return int(process.life.process.returncode)

    # --- what happens ---------------------------------------------------------------------------------------

    async def create_topics(self) -> None:
        await ensure_topics(self.own, self.topics)

    async def send(self, topic: str, records: Iterable[Outgoing]) -> None:
        """Hand records to Kafka, and return when it has them."""
        await self._producer.send_many(topic, list(records))

    async def carried(self, *names: str) -> list[ConsumerRecord]:
        """Every record that these topics hold by now, or that any topic holds."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap_servers, max_partition_fetch_bytes=2**22)
        await consumer.start()
        try:
            parts = [
                TopicPartition(self.prefix + t.name, n)
                for t in self.topics
                if not names or t.name in names
                for n in range(t.partitions)
            ]
            consumer.assign(parts)
            await consumer.seek_to_beginning(*parts)
            ends = await consumer.end_offsets(parts)
            found: list[ConsumerRecord] = []
            while any([await consumer.position(part) < ends[part] for part in parts]):
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    found += batch
            return found
        finally:
            await consumer.stop()

    async def hang_up(self) -> None:
        """Forget the broker that records were sent to; the next ones are sent on a new connection."""
        await self._producer.stop()

    async def clock(self, at: datetime) -> None:
        """It is `at` now."""
        if self._eyes:
            await self._set_clock(self._eyes[0], at)
        else:
            async with self.db() as db:
                await self._set_clock(db, at)

    async def _set_clock(self, db: Db, at: datetime) -> None:
        await clock.set_clock(db, at)
        await db.execute("SELECT pg_notify('transitions_timer', '')")

    async def play(self, *beats: Beat) -> None:
        """What reaches Kafka before the end of a beat, and then the clock shows it; beat after beat."""
        for beat in beats:
            async with self.db() as db:
                # A stamp more than a day ahead of the clock counts as no stamp.
                if beat.at - await clock.now(db) > STRIDE:
                    await self.clock(beat.at - STRIDE)
            await self.hand_over(beat)
            await self.clock(beat.at)

    async def hand_over(self, beat: Beat) -> None:
        """Have Kafka take what a beat brings; what time it is stays as it is."""
        for topic, records in beat.records():
            await self.send(topic, records)

    @asynccontextmanager
    async def db(self) -> Any:
        connection = await asyncpg.connect(self.database_url, timeout=30)
        try:
            yield connection
        finally:
            await connection.close(timeout=5)

    async def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        async with self.db() as db:
            rows: list[asyncpg.Record] = await db.fetch(query, *arguments)
            return rows

    async def execute(self, statement: str) -> None:
        async with self.db() as db:
            await db.execute(statement)

    # --- rest -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Stay connected to both servers, for a story of many stops at which the clock moves and all comes to rest."""
        async with self._looking() as eyes:
            self._eyes = eyes
            try:
                yield
            finally:
                self._eyes = None

    @asynccontextmanager
    async def _looking(self) -> AsyncIterator[tuple[Db, Admin]]:
        if self._eyes:
            yield self._eyes
        else:
            async with self.db() as db, Admin(self.own, "test") as admin:
                yield db, admin

    async def at_rest(self, *, told: bool = True) -> None:
        """Return when everything sent is applied and published, nothing is due, and the pager was told of all of it.

        Stage by stage down the stream; when nothing moved while the stages were looked at, it is at rest.
        """
        async with self._looking() as (db, admin):
            while True:
                await self._applied(db, admin, "admissions", ADT_INBOUND)
                await self._applied(db, admin, "transitions", CARE_ACTIONS)
                await self._none(db, UNPUBLISHED["admissions"], "admissions publishes")
                await self._applied(db, admin, "transitions", ADT_ENCOUNTERS)
                await self._none(db, DUE["deadlines"], "deadlines fires what is due")
                await self._none(db, UNPUBLISHED["transitions"], "transitions publishes")
                before = await self._applied(db, admin, "notifications", CARE_TRANSITIONS)
                await self._none(db, DUE["notifications"], "notifications raises what is due")
                await self._none(db, UNPUBLISHED["notifications"], "notifications publishes")
                if told:
                    await self._none(db, UNTOLD, "the pager is told")
                loud = [query for query in QUIET if await db.fetchval(query)]
                if not loud and before == await self._ends(admin, CARE_TRANSITIONS):
                    return

    async def _applied(self, db: Db, admin: Admin, consumer: str, topic: str) -> dict[tuple[str, int], int]:
        ends = await self._ends(admin, topic)
        query = (
            'SELECT "partition", applied_offset FROM baton.applied_mark WHERE consumer = $1 AND topic = $2'
        )

        async def reached() -> bool:
            self._must_live()
            applied = {row[0]: row[1] for row in await db.fetch(query, consumer, topic)}
            have = {number: -1 if applied.get(number) is None else applied[number] for _, number in ends}
            return all(have[number] >= end - 1 for (_, number), end in ends.items())

        await until(reached, f"{consumer} applies {topic}")
        return ends

    async def _none(self, db: Db, query: str, what: str) -> None:
        async def none() -> bool:
            self._must_live()
            return not await db.fetchval(query)

        await until(none, what)

    async def _ends(self, admin: Admin, topic: str) -> dict[tuple[str, int], int]:
        [partitions] = [each.partitions for each in self.topics if each.name == topic]
        return await admin.ends({(topic, number) for number in range(partitions)})

    def _must_live(self) -> None:
        for process in self.processes.values():
            process.must_live()


def _any(*rows: str) -> str:
    return "SELECT " + " OR ".join(f"EXISTS (SELECT FROM {each})" for each in rows)


AHEAD = "revision > published_revision"
NOW = "(SELECT at FROM baton.clock)"
UNPUBLISHED = {
    "admissions": _any("admissions.visit_unpublished", f"admissions.rejection WHERE {AHEAD}"),
    "transitions": _any(
        "transitions.episode_unpublished",
        "transitions.deadline_unpublished",
        f"transitions.team_ack WHERE {AHEAD}",
        f"transitions.rejection WHERE {AHEAD}",
    ),
    "notifications": _any(f"notifications.alert WHERE {AHEAD}"),
}
DUE = {
    "deadlines": _any(f"transitions.timer WHERE fire_at <= {NOW}"),
    "notifications": _any(
        f"notifications.alert WHERE raise_at <= {NOW}",
        f"notifications.late_item WHERE NOT counted AND since <= {NOW}",
    ),
}
UNTOLD = _any("notifications.notice WHERE due_at IS NOT NULL")
QUIET = (*UNPUBLISHED.values(), *DUE.values())
