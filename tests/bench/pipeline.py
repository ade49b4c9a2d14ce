"""`pipeline`: ADT messages a second from `adt.inbound` to committed episodes and deadlines, all services running.

A seeded feed lies in `adt.inbound` before the services start, as separate processes and as in production, on
Apache Kafka and a Postgres with fsync and synchronous_commit on. The clock starts when admissions, the last to
start, is ready (its consumers have their partitions), and stops when admissions has applied every record, every
visit is published, and transitions has applied everything published by then: then all effects of all messages
are committed. What the machine still does for alerts is not waited for, but takes its share of the two cores.

Then the feed goes on at 200 messages a second for `p99_seconds` (see tests/bench/latency.py), and a smaller
hospital's feed of the same mix goes through the baseline (see tests/bench/straightforward.py) on the same servers.
BENCH_MESSAGES and BENCH_SECONDS shorten a trial.
"""

import asyncio
import logging
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.topics import ADT_ENCOUNTERS, ADT_INBOUND
from tests.bench import feed, latency
from tests.bench.feed import Message
from tests.bench.latency import RATE
from tests.bench.progress import CommittedProgress, Progress
from tests.bench.stand import Process, Servers, cpu_seconds, load, processes, say

SEED = 20260109
MESSAGES = int(os.environ.get("BENCH_MESSAGES", "60000"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "30"))
BASELINE_MESSAGES = min(3000, MESSAGES)

PROCESSES: dict[str, Sequence[str]] = {
    name: ("baton", "run", name) for name in ("notifications", "deadlines", "transitions", "admissions")
}
STRAIGHTFORWARD: dict[str, Sequence[str]] = {
    name: ("tests.bench.straightforward", name) for name in ("transitions", "admissions")
}

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


def run() -> dict[str, Any]:
    # A topic just made has no leader for a moment, and aiokafka says so for every batch.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with Servers() as servers:
        return asyncio.run(_measure(servers))


async def _measure(servers: Servers) -> dict[str, Any]:
    busy_before = os.getloadavg()[0]
    await servers.warm()
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    whole = feed.messages(MESSAGES + RATE * SECONDS, seed=SEED, until=until)
    ours = await _ours(servers, whole[:MESSAGES], whole[MESSAGES:])
    small = feed.messages(BASELINE_MESSAGES, seed=SEED, until=until)
    plain = await _straightforward(servers, small)
    return {
        "bench": "pipeline",
        "value": round(ours["rate"]),
        "unit": "messages/s",
        "baseline": {"name": "straightforward", "value": round(plain["rate"]), "messages": len(small)},
        "ratio": round(ours["rate"] / plain["rate"], 1),
        **{name: figure for name, figure in ours.items() if name != "rate"},
        "seed": SEED,
        "cpus": os.cpu_count(),
        "load_before": round(busy_before, 2),
    }


async def _ours(servers: Servers, lying: list[Message], following: list[Message]) -> dict[str, Any]:
    ground = await servers.ground("bench.")
    sent = await load(ground, (one.data for one in lying))
    await servers.settle()
    mix = feed.mix(lying)
    say(f"{len(lying)} messages wait in adt.inbound, {mix.get('A03', 0)} of them A03")
    with processes(ground, PROCESSES) as running:
        async with Progress(ground, running) as progress:
            timed = await throughput(servers, progress, running, sent)
            say(f"{timed['rate']:.0f} messages/s; {timed['counts']}")
            drained = await progress.until_rest()
            waited = await latency.measure(progress, following, sent) if following else {}
    return {
        "rate": timed.pop("rate"),
        **waited,
        "messages": len(lying),
        "mix": mix,
        "watched": sum(one.watched for one in lying),
        **timed,
        "everything_else_done_after": drained,
    }


async def _straightforward(servers: Servers, lying: list[Message]) -> dict[str, Any]:
    ground = await servers.ground("plain.")
    sent = await load(ground, (one.data for one in lying))
    await servers.settle()
    with processes(ground, STRAIGHTFORWARD) as running:
        async with CommittedProgress(ground, running) as progress:
            timed = await throughput(servers, progress, running, sent)
    say(f"straightforward: {timed['rate']:.0f} messages/s; {timed['counts']}; {timed['cpu_seconds']}")
    return timed


async def throughput(
    servers: Servers, progress: Progress, running: Mapping[str, Process], sent: Sequence[int]
) -> dict[str, Any]:
    """Time the processes, just started, until everything in `adt.inbound` has had its effect."""
    began = time.monotonic()
    pids = servers.pids() | {name: process.pid for name, process in running.items()}
    before = cpu_seconds(pids)
    await progress.until_applied("admissions", ADT_INBOUND, sent)
    read = time.monotonic() - began
    await progress.until_published("admissions.visit")
    await progress.until_applied("transitions", ADT_ENCOUNTERS, await progress.ends(ADT_ENCOUNTERS))
    seconds = time.monotonic() - began
    after = cpu_seconds(pids)
    counts = {name: await progress.db.fetchval(query) for name, query in _COUNTS.items()}
    _must_be_done(counts, sum(sent))
    return {
        "rate": sum(sent) / seconds,
        "seconds": round(seconds, 2),
        "admissions_seconds": round(read, 2),
        "cpu_seconds": {name: round(after[name] - before[name], 1) for name in pids},
        "counts": counts,
    }


def _must_be_done(counts: Mapping[str, int], messages: int) -> None:
    """A figure counts only for work that was done."""
    if counts["events"] != messages or counts["rejected"]:
        raise RuntimeError(f"{messages} messages went in, but this came of them: {counts}")
    if not (counts["visits"] and counts["episodes"] and counts["deadlines"]):
        raise RuntimeError(f"nothing came of the messages: {counts}")
