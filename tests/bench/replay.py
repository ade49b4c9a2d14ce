"""`replay`: a year of a hospital through the code of `baton replay` on one core, beside the real time it took."""

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from operator import itemgetter
from random import Random
from typing import Any

from baton import replay
from baton.replay import Line
from tests.bench import feed

SEED = 20260105
WEEKS = 52
A_WEEK = 900
YEAR_BEGINS = datetime(2025, 1, 6, 5, tzinfo=UTC)
CALLED = 0.8
"""Of those discharged home, so many are called; one in five not in time."""

_MRN = re.compile(rb"4(\d{6})(?=\^\^\^VALLEY\^MR|A\||B\||\r)")


def run() -> dict[str, Any]:
    """Replay the year three times, each in a process of its own as `baton replay` is, and give the best."""
    fresh = ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1)
    with fresh:
        lines, seconds = min((fresh.submit(_once).result() for _ in range(3)), key=itemgetter(1))
    real = timedelta(weeks=WEEKS).total_seconds()
    return {
        "bench": "replay",
        "value": round(lines / seconds),
        "unit": "events/s",
        "baseline": {"name": "real time", "value": round(lines / real, 6)},
        "ratio": round(real / seconds),
        "events": lines,
        "seconds": round(seconds, 3),
        "on": "one core",
    }


def _once() -> tuple[int, float]:
    """How many lines the year has, and how long its replay took."""
    lines = replay.in_order(_year())
    return len(lines), _replay(lines, YEAR_BEGINS + timedelta(weeks=WEEKS, days=40), replay.load())


def _replay(lines: list[Line], until: datetime, config: replay.Config) -> float:
    began = time.perf_counter()
    replay.replay(lines, until, config)
    return time.perf_counter() - began


def _year() -> Iterator[Line]:
    """Week after week of the same hospital; every patient comes back once a quarter."""
    rng = Random(SEED)
    for week in range(WEEKS):
        until = YEAR_BEGINS + timedelta(weeks=week + 1)
        for message in feed.messages(A_WEEK, seed=SEED + week, until=until):
            mrn = b"%02d\\1" % (week % 13 + 10)
            visit = f"{message.visit[0]}{week:02d}{message.visit[3:]}"
            data = _MRN.sub(mrn, message.data).replace(message.visit.encode(), visit.encode())
            yield Line(message.at + timedelta(seconds=rng.randrange(1, 30)), adt=data)
            if message.goes_home and rng.random() < CALLED:
                yield _call(visit, message.at + timedelta(hours=rng.uniform(4, 85)))


def _call(visit: str, at: datetime) -> Line:
    call = {
        "type": "contact_attempted",
        "visit": visit,
        "channel": "phone",
        "party": "patient",
        "outcome": "reached",
    }
    return Line(at.replace(microsecond=0), action=json.dumps(call).encode())
