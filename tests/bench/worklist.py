"""`worklist`: page 1 of the list with 5 filters, over 1,000,000 deadlines of which 100,000 are open.

The page is asked for over HTTP by somebody who has signed in: session, audit row, counts and JSON included. The figure
is the 95th percentile of 400 pages, each with another team, unit, facility, kind and programme, or overdue. The baseline
is the straightforward query on the same rows: joins, `count(*) OVER ()`, OFFSET, and ordinary indexes.

Then 100 pages listen, and a deadline changes, 50 times: from before the event is applied until every page has heard.
BENCH_WORKLIST shortens a trial.
"""

import asyncio
import logging
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import uvicorn

from services.chassis.migrations import migrate
from services.chassis.postgres import Db
from services.chassis.web import listen
from tests.bench import worklist_rows as rows
from tests.bench.stand import say
from tests.infra import PostgresServer
from tests.worklist.access.stand import cookie_of, sign_in
from tests.worklist.builders import a_deadline
from tests.worklist.stand import Worklist, worklist

PAGES = 400
PLAIN_PAGES = 40
LISTENERS = 100
CHANGES = 50

_PLAIN = """
SELECT d.*, p.name, p.number, v.number AS visit_number, count(*) OVER () AS total
FROM bench.deadline d JOIN worklist.visit v USING (visit_id) JOIN worklist.patient p ON p.patient_id = d.patient_id
WHERE d.owed AND d.live AND ($1::text IS NULL OR d.team = $1) AND ($2::text IS NULL OR d.unit = $2)
  AND ($3::text IS NULL OR d.facility = $3) AND ($4::text IS NULL OR d.kind = $4)
  AND ($5::text IS NULL OR d.programme = $5) AND (NOT $6::boolean OR d.due_at <= now())
ORDER BY d.due_at, d.deadline_id LIMIT 50 OFFSET 0
"""


def run() -> dict[str, Any]:
    for name in ("uvicorn", "aiokafka"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with PostgresServer(durable=True) as server:
        dsn = server.fresh_database()
        return asyncio.run(_measure(dsn))


async def _measure(dsn: str) -> dict[str, Any]:
    await migrate(dsn)
    db = await asyncpg.connect(dsn)
    try:
        began = time.monotonic()
        await rows.fill(db)
        say(f"{rows.DEADLINES} deadlines in {time.monotonic() - began:.0f} s")
        with tempfile.TemporaryDirectory() as folder:
            async with worklist(dsn, Path(folder), worklist_requests_per_minute=1_000_000) as house:
                pages, heard = await _ours(house)
        plain = await _baseline(db)
    finally:
        await db.close()
    p95, plain_p95 = _p95(pages), _p95(plain)
    return {
        "bench": "worklist",
        "value": round(p95 * 1000, 2),
        "unit": "ms",
        "baseline": {"name": "joins, count(*) OVER (), OFFSET", "value": round(plain_p95 * 1000, 2)},
        "ratio": round(p95 / plain_p95, 4),
        "p50_ms": round(_middle(pages) * 1000, 2),
        "deadlines": rows.DEADLINES,
        "open": rows.DEADLINES // rows.OPEN_SHARE,
        "change_p95_seconds": round(_p95(heard), 4),
        "change_max_seconds": round(max(heard), 4),
        "listeners": LISTENERS,
    }


async def _ours(house: Worklist) -> tuple[list[float], list[float]]:
    taken = listen(house.service.settings)
    config = uvicorn.Config(
        house.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[taken]))
    live = asyncio.create_task(house.desk.live.run(house.service))
    base = f"http://127.0.0.1:{taken.getsockname()[1]}"
    try:
        async with httpx.AsyncClient(base_url=base, timeout=60, trust_env=False) as browser:
            answer = await sign_in(browser, "lead")
            assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
            pages = await _pages(browser)
            return pages, await _changes(house, taken.getsockname()[1], cookie_of(browser))
    finally:
        live.cancel()
        server.should_exit = True
        await asyncio.gather(serving, live, return_exceptions=True)


def _filters(n: int) -> dict[str, str]:
    """Five of six, another choice each time; the same in every run."""
    chance = random.Random(n)
    case = chance.randrange(rows.DEADLINES // 4)
    given = {
        "team": f"team{case // 7 % rows.TEAMS}",
        "unit": f"U{case // 3 % rows.UNITS}",
        "facility": f"F{case % rows.FACILITIES}",
        "kind": f"kind_{chance.randrange(rows.KINDS)}",
        "programme": ("case_management", "care_coordination")[case % 2],
        "overdue": "true",
    }
    del given[chance.choice(list(given))]
    return given


async def _pages(browser: httpx.AsyncClient) -> list[float]:
    took = []
    for n in range(PAGES + 20):
        began = time.perf_counter()
        answer = await browser.get("/api/v1/list", params=_filters(n))
        took.append(time.perf_counter() - began)
        assert answer.status_code == httpx.codes.OK, answer.text
    return took[20:]


async def _baseline(db: Db) -> list[float]:
    took = []
    for n in range(PLAIN_PAGES + 3):
        said = _filters(n)
        given = [said.get(name) for name in ("team", "unit", "facility", "kind", "programme")]
        began = time.perf_counter()
        await db.fetch(_PLAIN, *given, "overdue" in said)
        took.append(time.perf_counter() - began)
    return took[3:]


async def _changes(house: Worklist, port: int, cookie: str) -> list[float]:
    """How long until every page has heard, for each change, by page."""
    heard: list[asyncio.Queue[float]] = [asyncio.Queue() for _ in range(LISTENERS)]
    listening = [asyncio.create_task(_listen(port, cookie, queue)) for queue in heard]
    await asyncio.gather(*(queue.get() for queue in heard))
    took: list[float] = []
    for n in range(CHANGES):
        began = time.perf_counter()
        await house.hear(a_deadline(deadline_id=UUID(int=n + 1), revision=2))
        took += [at - began for at in await asyncio.gather(*(queue.get() for queue in heard))]
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    return took


async def _listen(port: int, cookie: str, heard: "asyncio.Queue[float]") -> None:
    """An open page, as far as its stream goes: when it was connected, and when each change came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: baton={cookie}\r\n\r\n".encode()
    )
    try:
        while line := await reader.readline():
            if line.startswith((b"retry:", b"event: change")):
                heard.put_nowait(time.perf_counter())
    finally:
        writer.close()


def _p95(took: Sequence[float]) -> float:
    return quantiles(took, n=20)[-1]


def _middle(took: Sequence[float]) -> float:
    return sorted(took)[len(took) // 2]
