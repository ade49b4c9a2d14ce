"""`pipeline`: ADT messages a second from `adt.inbound` to committed episodes and deadlines, all services running.

Throughput: a seeded feed lies in `adt.inbound` before the services start, as separate processes and as in
production, on Apache Kafka and a Postgres with fsync and synchronous_commit on. The clock starts when
admissions, the last to start, is ready (its consumers have their partitions), and stops when admissions has
applied every record, every visit is published, and transitions has applied everything published by then:
then all effects of all messages are committed.

Latency: the feed goes on at 200 messages a second. A trigger in the benchmark's database, made for this part
only, notifies when a deadline is inserted; Postgres delivers that when the inserting transaction has
committed. `p99_seconds` is the time from just before a discharge is handed to the producer to the arrival of
that notification here, over all inpatients' discharges to home: an upper bound of the time to the commit,
without touching the product and without polling.

The baseline, `straightforward`, is described in tests/bench/straightforward.py; it gets a smaller hospital's
feed of the same mix on the same servers. BENCH_MESSAGES and BENCH_SECONDS shorten a trial.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer

from schemas.topics import ADT_ENCOUNTERS, ADT_INBOUND
from services.chassis.kafka import Admin
from services.chassis.postgres import Db
from tests.bench import feed
from tests.bench.feed import Message
from tests.bench.stand import PARTITIONS, Ground, Process, Servers, cpu_seconds, load, processes, say

SEED = 20260109
MESSAGES = int(os.environ.get("BENCH_MESSAGES", "60000"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "30"))
BASELINE_MESSAGES = min(3000, MESSAGES)
RATE = 200
POLL = 0.05
PATIENCE = 600.0

PROCESSES: dict[str, Sequence[str]] = {
    name: ("baton", "run", name) for name in ("notifications", "deadlines", "transitions", "admissions")
}
STRAIGHTFORWARD: dict[str, Sequence[str]] = {
    name: ("tests.bench.straightforward", name) for name in ("transitions", "admissions")
}

_APPLIED = 'SELECT "partition", applied_offset FROM baton.applied_mark WHERE consumer = $1 AND topic = $2'
_COUNTS = {
    "events": "SELECT count(*) FROM admissions.event",
    "rejected": "SELECT count(*) FROM admissions.rejection",
    "visits": "SELECT count(*) FROM admissions.visit",
    "visit_revisions": "SELECT sum(revision)::bigint FROM admissions.visit",
    "episodes": "SELECT count(*) FROM transitions.episode",
    "deadlines": "SELECT count(*) FROM transitions.deadline",
    "deadlines_pending": "SELECT count(*) FROM transitions.deadline WHERE status = 'pending'",
    "deadlines_late_known": "SELECT count(*) FROM transitions.deadline WHERE late_known",
}
_TELL = """
CREATE FUNCTION public.bench_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('bench_deadline', NEW.episode_id); RETURN NULL; END $$;
CREATE TRIGGER bench_tell AFTER INSERT ON transitions.deadline FOR EACH ROW EXECUTE FUNCTION public.bench_tell();
"""


def run() -> dict[str, Any]:
    with Servers() as servers:
        return asyncio.run(_measure(servers))


async def _measure(servers: Servers) -> dict[str, Any]:
    load_before = os.getloadavg()[0]
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    ours = await _ours(servers, feed.messages(MESSAGES + RATE * SECONDS, seed=SEED, until=until))
    small = feed.messages(BASELINE_MESSAGES, seed=SEED, until=until)
    baseline = await _straightforward(servers, small)
    return {
        "bench": "pipeline",
        "value": round(ours.pop("rate")),
        "unit": "messages/s",
        "baseline": {"name": "straightforward", "value": round(baseline["rate"]), "messages": len(small)},
        "ratio": round(ours.pop("exact_rate") / baseline["rate"], 1),
        **ours,
        "seed": SEED,
        "cpus": os.cpu_count(),
        "load_before": round(load_before, 2),
    }


async def _ours(servers: Servers, messages: list[Message]) -> dict[str, Any]:
    first, rest = messages[:MESSAGES], messages[MESSAGES:]
    ground = await servers.ground("bench.")
    figures = {"messages": len(first), "mix": feed.mix(first), "watched": sum(one.watched for one in first)}
    sent = await load(ground, (one.data for one in first))
    await servers.settle()
    say(f"{len(first)} messages wait in adt.inbound, {figures['mix']['A03']} of them A03")
    with processes(ground, PROCESSES) as running:
        timed = await _throughput(servers, ground, running, sent)
        seconds = timed["seconds"]
        say(f"{len(first) / seconds:.0f} messages/s; {timed['counts']}")
        _explain(timed["counts"], len(first))
        drained = await _drained(ground, running)
        latency = await _latency(ground, running, rest, sent) if rest else {}
    return {
        "rate": len(first) / seconds,
        "exact_rate": len(first) / seconds,
        **latency,
        **figures,
        **timed,
        "everything_else_done_after": drained,
    }


def _explain(counts: dict[str, int], messages: int) -> None:
    """A figure counts only for work that was done."""
    if counts["events"] + counts["rejected"] != messages or counts["rejected"]:
        raise RuntimeError(f"{messages} messages went in, but this came of them: {counts}")
    if not (counts["visits"] and counts["episodes"] and counts["deadlines"]):
        raise RuntimeError(f"nothing came of the messages: {counts}")


# --- throughput ---------------------------------------------------------------------------------------------


async def _throughput(
    servers: Servers, ground: Ground, running: dict[str, Process], sent: Sequence[int]
) -> dict[str, Any]:
    began = time.monotonic()
    pids = servers.pids() | {name: process.pid for name, process in running.items()}
    before = cpu_seconds(pids)
    db = await asyncpg.connect(ground.database_url)
    try:
        async with Admin(ground.settings) as admin:
            await _applied(db, running, "admissions", ADT_INBOUND, [count - 1 for count in sent], began)
            read_after = time.monotonic() - began
            await _published(db, running, "admissions.visit")
            ends = await admin.end_offsets([ADT_ENCOUNTERS])
        wanted = [ends[ADT_ENCOUNTERS, number] - 1 for number in range(PARTITIONS)]
        await _applied(db, running, "transitions", ADT_ENCOUNTERS, wanted, began)
        seconds = time.monotonic() - began
        after = cpu_seconds(pids)
        counts = {name: await db.fetchval(query) for name, query in _COUNTS.items()}
    finally:
        await db.close()
    return {
        "seconds": round(seconds, 2),
        "admissions_seconds": round(read_after, 2),
        "cpu_seconds": {name: round(after[name] - before[name], 1) for name in pids},
        "counts": counts,
    }


async def _applied(
    db: Db,
    running: dict[str, Process],
    consumer: str,
    topic: str,
    wanted: Sequence[int],
    began: float,
) -> None:
    """Wait until a consumer has applied every partition up to and including these offsets."""
    told = time.monotonic()
    while True:
        applied = {row[0]: row[1] for row in await db.fetch(_APPLIED, consumer, topic)}
        reached = [-1 if applied.get(number) is None else applied[number] for number in range(PARTITIONS)]
        if all(have >= want for have, want in zip(reached, wanted, strict=True)):
            return
        _must_go_on(running, began)
        if time.monotonic() - told > 5:
            told = time.monotonic()
            say(f"{consumer}: {sum(reached) + PARTITIONS} of {sum(wanted) + PARTITIONS} records of {topic}")
        await asyncio.sleep(POLL)


async def _published(db: Db, running: dict[str, Process], *tables: str) -> None:
    began = time.monotonic()
    for table in tables:
        while await db.fetchval(f"SELECT EXISTS (SELECT FROM {table} WHERE revision > published_revision)"):
            _must_go_on(running, began)
            await asyncio.sleep(POLL)


def _must_go_on(running: dict[str, Process], began: float) -> None:
    for process in running.values():
        process.must_live()
    if time.monotonic() - began > PATIENCE:
        raise TimeoutError(f"not done after {PATIENCE:.0f} s")


async def _drained(ground: Ground, running: dict[str, Process]) -> float:
    """Wait until alerts, too, have caught up and the machine has come to rest; gives the seconds it took."""
    began = time.monotonic()
    db = await asyncpg.connect(ground.database_url)
    try:
        await _published(db, running, "transitions.episode", "transitions.deadline")
    finally:
        await db.close()
    pids = {name: process.pid for name, process in running.items()}
    while True:
        busy = sum(cpu_seconds(pids).values())
        await asyncio.sleep(1)
        if sum(cpu_seconds(pids).values()) - busy < 0.35:
            return round(time.monotonic() - began - 1, 1)
        _must_go_on(running, began)


# --- latency ------------------------------------------------------------------------------------------------


async def _latency(
    ground: Ground, running: dict[str, Process], messages: Sequence[Message], sent: Sequence[int]
) -> dict[str, Any]:
    seen: dict[str, float] = {}
    db = await asyncpg.connect(ground.database_url)
    listener = await asyncpg.connect(ground.database_url)
    try:
        await db.execute(_TELL)
        await listener.add_listener(
            "bench_deadline", lambda _c, _p, _ch, episode: seen.setdefault(episode, time.monotonic())
        )
        handed = await _send_evenly(ground, messages, RATE)
        total = [count + len(messages[number::PARTITIONS]) - 1 for number, count in enumerate(sent)]
        await _applied(db, running, "admissions", ADT_INBOUND, total, time.monotonic())
        await _published(db, running, "admissions.visit")
        await asyncio.sleep(3)
        rows = await db.fetch(
            "SELECT e.episode_id, v.number FROM transitions.episode e JOIN transitions.visit v USING (visit_id) "
            "WHERE e.kind = 'discharge' AND v.number = ANY($1::text[])",
            list(handed),
        )
    finally:
        await listener.close()
        await db.close()
    waited = sorted(
        seen[row["episode_id"]] - handed[row["number"]] for row in rows if row["episode_id"] in seen
    )
    if len(waited) < 0.9 * len(handed):
        raise RuntimeError(f"only {len(waited)} of {len(handed)} discharges led to a deadline")
    return {
        "p99_seconds": _quantile(waited, 0.99),
        "p50_seconds": _quantile(waited, 0.5),
        "max_seconds": round(waited[-1], 3),
        "latency_of": f"{len(waited)} discharges among {len(messages)} messages at {RATE}/s",
    }


async def _send_evenly(ground: Ground, messages: Sequence[Message], rate: int) -> dict[str, float]:
    """Send at an even rate; gives when each inpatient's discharge to home was handed to the producer, by visit."""
    producer = AIOKafkaProducer(bootstrap_servers=ground.bootstrap_servers, acks="all")
    handed: dict[str, float] = {}
    await producer.start()
    try:
        began = time.monotonic()
        for index, message in enumerate(messages):
            ahead = began + index / rate - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            if message.goes_home:
                handed[message.visit] = time.monotonic()
            await producer.send(ground.prefix + ADT_INBOUND, message.data, partition=index % PARTITIONS)
        took = time.monotonic() - began
        if took > len(messages) / rate * 1.05:
            raise RuntimeError(f"this machine could not send {rate} messages a second")
    finally:
        await producer.stop()
    return handed


def _quantile(ordered: Sequence[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3)


# --- the baseline -------------------------------------------------------------------------------------------


async def _straightforward(servers: Servers, messages: list[Message]) -> dict[str, Any]:
    ground = await servers.ground("plain.")
    sent = await load(ground, (one.data for one in messages))
    await servers.settle()
    with processes(ground, STRAIGHTFORWARD) as running:
        timed = await _throughput(servers, ground, running, sent)
    _explain(timed["counts"], len(messages))
    rate = len(messages) / timed["seconds"]
    say(f"straightforward: {rate:.0f} messages/s; {timed['cpu_seconds']}; {timed['counts']}")
    return {"rate": rate}
