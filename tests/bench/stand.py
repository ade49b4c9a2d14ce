"""What the pipeline is measured on: real servers, a fresh database, topics, processes, and what each of them costs."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from tempfile import mkdtemp
from typing import Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schemas.topics import ADT_INBOUND, TOPICS
from services.chassis.kafka import TopicSpec, ensure_topics
from services.chassis.migrations import migrate
from services.chassis.settings import ServiceSettings
from tests.infra import KafkaServer, PostgresServer
from tests.infra.postgres import execute
from tests.infra.processes import Child

ROOT = Path(__file__).parents[2]
PARTITIONS = 6
WARM_UP = 10.0
STARTED = '"event": "started"'
_TICK = os.sysconf("SC_CLK_TCK")


def say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Ground:
    """One database and one set of topics on the servers."""

    database_url: str
    bootstrap_servers: str
    prefix: str

    @property
    def settings(self) -> ServiceSettings:
        return ServiceSettings(
            database_url=self.database_url,
            kafka_bootstrap_servers=self.bootstrap_servers,
            topic_prefix=self.prefix,
        )

    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("BATON_", "KAFKA_"))
        }
        return kept | {
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "BATON_TOPIC_PREFIX": self.prefix,
        }


class Servers:
    """Apache Kafka and a Postgres that survives a power cut, for as long as the `with` lasts."""

    def __init__(self) -> None:
        self.postgres = PostgresServer(durable=True)
        self.kafka = KafkaServer(for_load=True)

    def __enter__(self) -> Self:
        if not self.kafka.is_apache:
            raise RuntimeError("this benchmark needs Apache Kafka: Docker, or Maven with Java 17 or newer")
        self.postgres.start()
        self.kafka.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.kafka.close()
        self.postgres.close()

    async def ground(self, prefix: str) -> Ground:
        """Make a migrated database of its own and topics under a prefix of their own."""
        database_url = await asyncio.to_thread(self.postgres.fresh_database)
        ground = Ground(database_url, self.kafka.bootstrap_servers, prefix)
        await migrate(database_url)
        await ensure_topics(
            ground.settings,
            [TopicSpec(t.name, t.partitions, t.compacted, t.retention_ms, t.max_bytes) for t in TOPICS],
        )
        return ground

    async def warm(self) -> None:
        """Let the broker's compiler see some traffic: a hospital's Kafka was not started this minute."""
        topic = "warm.up"
        servers = {"bootstrap_servers": self.kafka.bootstrap_servers}
        settings = ServiceSettings(
            database_url=self.postgres.dsn, kafka_bootstrap_servers=self.kafka.bootstrap_servers
        )
        await ensure_topics(settings, [TopicSpec(topic, PARTITIONS, False, 3_600_000)])
        producer = AIOKafkaProducer(**servers, acks="all")
        consumer = AIOKafkaConsumer(
            topic, **servers, group_id="warm", auto_offset_reset="earliest", enable_auto_commit=False
        )
        await producer.start()
        await consumer.start()
        try:
            until = time.monotonic() + WARM_UP
            while time.monotonic() < until:
                sent = [await producer.send(topic, bytes(1200), key=os.urandom(16)) for _ in range(300)]
                await asyncio.gather(*sent)
                await consumer.getmany(timeout_ms=20, max_records=500)
                await consumer.commit()
        finally:
            await consumer.stop()
            await producer.stop()

    async def settle(self) -> None:
        """Write out what earlier work left in memory, so that the next measurement does not pay for it."""
        await execute(self.postgres.dsn, "CHECKPOINT")

    def pids(self) -> dict[str, int]:
        """The processes that are ours to ask; none where they run in containers."""
        found = {}
        for name, server in (("kafka", self.kafka), ("postgres", self.postgres)):
            child = getattr(server._backend, "_child", None)
            if child is not None:
                found[name] = child.process.pid
        return found


async def load(ground: Ground, records: Iterable[bytes]) -> list[int]:
    """Put records into `adt.inbound`, one partition after the other; gives how many each one got."""
    producer = AIOKafkaProducer(
        bootstrap_servers=ground.bootstrap_servers, linger_ms=20, max_batch_size=256 * 1024, acks="all"
    )
    counts = [0] * PARTITIONS
    await producer.start()
    try:
        for index, value in enumerate(records):
            await producer.send(ground.prefix + ADT_INBOUND, value, partition=index % PARTITIONS)
            counts[index % PARTITIONS] += 1
    finally:
        await producer.stop()
    return counts


# --- processes ----------------------------------------------------------------------------------------------


class Process:
    """One process of Baton as production starts it, with its log in a file."""

    def __init__(self, name: str, module: Sequence[str], ground: Ground, folder: Path) -> None:
        self.name = name
        self.child = Child(
            [sys.executable, "-m", *module],
            log=folder / f"{name}.log",
            env=ground.environment(),
            cwd=ROOT,
            dies_by=SIGTERM,
        )

    @property
    def pid(self) -> int:
        return self.child.process.pid

    def wait_ready(self) -> float:
        """Return when it says that it has started, its consumers with their partitions; gives the instant."""
        self.child.wait_until(lambda: STARTED in self.child.said(), within=90)
        return time.monotonic()

    def must_live(self) -> None:
        if not self.child.alive:
            raise RuntimeError(f"{self.name} ended:\n{self.child.said()[-3000:]}")


@contextmanager
def processes(ground: Ground, modules: dict[str, Sequence[str]]) -> Iterator[dict[str, Process]]:
    """Start processes one after the other, each ready before the next begins; end them all."""
    folder = Path(mkdtemp(prefix="baton-bench-"))
    running: dict[str, Process] = {}
    try:
        for name, module in modules.items():
            running[name] = Process(name, module, ground, folder)
            running[name].wait_ready()
        yield running
    except BaseException:
        say(f"what the processes said is in {folder}")
        raise
    else:
        shutil.rmtree(folder)
    finally:
        for process in running.values():
            process.child.send(SIGTERM)
        for process in running.values():
            process.child.end(SIGTERM)


# --- what it costs ------------------------------------------------------------------------------------------


def cpu_seconds(pids: dict[str, int]) -> dict[str, float]:
    """CPU time used so far by each process and its children, those that ended included."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    return {name: round(_tree(pid, children), 2) for name, pid in pids.items()}


def _tree(pid: int, children: dict[int, list[int]]) -> float:
    stat = _stat(pid)
    own = sum(map(int, stat[11:15])) / _TICK if stat else 0.0
    return own + sum(_tree(child, children) for child in children.get(pid, ()))


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name: state, parent, …, utime, stime and those of the reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
