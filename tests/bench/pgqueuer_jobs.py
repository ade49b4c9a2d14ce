"""What deadlines would be with a general job queue: PgQueuer, a job for each, and what it sets to missed.

`python -m tests.bench.pgqueuer_jobs DSN` is one worker.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGTERM
from tempfile import TemporaryDirectory

import asyncpg
from pgqueuer import PgQueuer, Queries
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.models import Job

from services.chassis.postgres import Db
from tests.infra import PostgresServer
from tests.infra.processes import Child

CHUNK = 20_000
BATCH = 500
WORKERS = 2
NOTICE = 6.0
READY = "listening"

_TABLE = """
CREATE TABLE deadline (n integer PRIMARY KEY, due_at timestamptz NOT NULL, status text NOT NULL);
INSERT INTO deadline SELECT n, now() + interval '1 day', 'pending' FROM generate_series(1, $1) n;
"""

_LATE = """
WITH late AS (
    SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - due_at)::float8 AS seconds
    FROM deadline WHERE status = 'missed'
)
SELECT count(*) AS fired, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds) AS p99, max(seconds) AS max FROM late
"""


async def burst(postgres: PostgresServer, armed: int, due: int) -> dict[str, float]:
    """Arm so many jobs, let `due` of them fall due at one instant; how late each committed, in seconds."""
    dsn = await asyncio.to_thread(postgres.fresh_database)
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=2)
    queries = Queries(AsyncpgPoolDriver(pool))
    await queries.install()
    for statement in _TABLE.replace("$1", str(armed)).strip().split(";\n"):
        await pool.execute(statement.rstrip(";"), timeout=600)
    for start in range(due, armed, CHUNK):
        count = min(CHUNK, armed - start)
        await _arm(queries, range(start + 1, start + count + 1), timedelta(days=1))
    await pool.execute("VACUUM ANALYZE", timeout=600)
    with TemporaryDirectory() as folder:
        workers = [_worker(dsn, Path(folder) / f"{n}.log") for n in range(WORKERS)]
        for worker in workers:
            await asyncio.to_thread(worker.wait_until, lambda w=worker: READY in w.said(), within=60)
        at = datetime.now(UTC) + timedelta(seconds=NOTICE)
        await pool.execute("UPDATE deadline SET due_at = $1 WHERE n <= $2", at, due)
        await _arm(queries, range(1, due + 1), at - datetime.now(UTC))
        await _until_missed(pool, due)
        for worker in workers:
            worker.end(SIGTERM)
    row = await pool.fetchrow(_LATE)
    await pool.close()
    return {name: round(row[name], 3) for name in ("p50", "p99", "max")} | {"lost": due - row["fired"]}


async def _arm(queries: Queries, numbers: range, after: timedelta) -> None:
    count = len(numbers)
    await queries.enqueue(
        ["missed"] * count, [b"%d" % n for n in numbers], [0] * count, execute_after=[after] * count
    )


async def _until_missed(db: Db, count: int) -> None:
    until = time.monotonic() + 300
    while await db.fetchval("SELECT count(*) FROM deadline WHERE status = 'missed'") < count:
        if time.monotonic() > until:
            return
        await asyncio.sleep(0.1)


def _worker(dsn: str, log: Path) -> Child:
    return Child([sys.executable, "-m", "tests.bench.pgqueuer_jobs", dsn], log=log, dies_by=SIGTERM)


async def _work(dsn: str) -> None:
    async with asyncpg.create_pool(dsn, min_size=4, max_size=10) as pool:
        queue = PgQueuer(AsyncpgPoolDriver(pool))

        @queue.entrypoint("missed")
        async def missed(job: Job) -> None:
            await pool.execute("UPDATE deadline SET status = 'missed' WHERE n = $1", int(job.payload or b"0"))

        print(READY, flush=True)
        await queue.run(batch_size=BATCH, dequeue_timeout=timedelta(seconds=1))


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1]))
