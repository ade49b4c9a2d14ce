"""A process may be killed at any moment: nothing is lost, nothing is doubled, nobody is told the same thing anew.

Run with BATON_KILLS=50 for the long version: so many kills of each process.
"""

import asyncio
import os
import re
from collections import Counter
from pathlib import Path
from random import Random
from signal import SIGCONT, SIGSTOP

import asyncpg
import pytest

from tests.system import deliveries, rows, stories
from tests.system.conftest import NewSystem
from tests.system.rows import Rows
from tests.system.stand import PROCESSES, Process, until
from tests.system.stories import KILLS

SEED = int(os.environ.get("BATON_KILLS_SEED", "20260322"))
LONG = 50
LOOKS = 40
"""How often a frozen process may turn out to be idle before it is killed all the same."""

pytestmark = [pytest.mark.system, pytest.mark.kafka, pytest.mark.timeout(300 + 60 * KILLS)]


async def test_nothing_is_lost_or_doubled_when_processes_are_killed(
    new_system: NewSystem, undisturbed: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a steady feed, and admissions, transitions, deadlines and notifications killed with -9 in the middle of
    their batches, again and again; when all of it is read, then the rows are those of an undisturbed run, and the
    pager knows of every alert and heard nothing twice that was not the same message.
    """
    rng = Random(SEED)
    victims = [name for name in PROCESSES for _ in range(KILLS)]
    rng.shuffle(victims)
    story = stories.of_all_tests()
    killed: Counter[str] = Counter()
    async with new_system(story.starts_at, BATON_BATCH_MAX_RECORDS="5") as system:
        await system.start()
        async with system.db() as db:
            for beat, names in zip(story.beats, _shares(victims, len(story.beats)), strict=True):
                await system.play(beat)
                for name in names:
                    killed[await _kill(system.processes[name], db, rng)] += 1
        if KILLS < LONG:
            # A message in the hands of a sender that was killed is taken over after half a minute: let it be now.
            await system.execute("UPDATE notifications.notice SET lease_until = NULL")
        await system.at_rest()
        after = await rows.rows(system)
        wrong = await deliveries.complaints(system, system.receiver.deliveries)

    with capsys.disabled():
        print(
            f"\n  {len(victims)} kills: {dict(killed)}; {len(system.receiver.deliveries)} messages to the pager"
        )
    assert rows.different(undisturbed, after) == {}
    assert wrong == []


def _shares(victims: list[str], beats: int) -> list[list[str]]:
    """Who dies during each beat."""
    return [victims[n * len(victims) // beats : (n + 1) * len(victims) // beats] for n in range(beats)]


async def _kill(process: Process, db: "asyncpg.Connection[asyncpg.Record]", rng: Random) -> str:
    """Freeze it at some moment, see whether that is in the middle of a transaction, and kill it; start it again."""
    await until(process.has_started, f"{process.name} is up again")
    for _ in range(LOOKS):
        await asyncio.sleep(rng.uniform(0, 0.03))
        process.life.process.send_signal(SIGSTOP)
        busy = await db.fetchval(IN_A_TRANSACTION, _local_ports(process.life.process.pid))
        if busy:
            break
        process.life.process.send_signal(SIGCONT)
    process.kill()
    process.start()
    return f"{process.name} {'in the middle of a transaction' if busy else 'idle'}"


IN_A_TRANSACTION = """
SELECT EXISTS (
    SELECT FROM pg_stat_activity
    WHERE client_port = ANY ($1) AND (state LIKE 'idle in transaction%' OR (state = 'active' AND backend_xid IS NOT NULL))
)
"""


def _local_ports(pid: int) -> list[int]:
    """The local ends of the TCP connections of a process."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        if found := re.fullmatch(r"socket:\[(\d+)\]", str(entry.readlink())):
            sockets.add(found[1])
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(line[1].rpartition(":")[2], 16) for line in lines if line[9] in sockets]
