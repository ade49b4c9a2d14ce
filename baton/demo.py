"""`make demo`: the whole system on the embedded servers, and a small invented hospital whose alerts one can watch."""

import argparse
import asyncio
import json
import os
import sys
from datetime import datetime
from pathlib import Path

from baton import ground
from baton.confirm import wait_until_applied
from baton.console import Console
from baton.demo_story import SAMPLE, Chapter, tell
from baton.demo_watch import watch_alerts, watch_refusals
from baton.home import Home
from baton.sending import CONSUMER, produce
from baton.trouble import Trouble
from baton.up import Options, System, ended_by_signals, together
from schemas.topics import ADT_INBOUND
from services.chassis import clock
from services.chassis.kafka import Outgoing

HOME = ".baton/demo"
ABOUT = """\
Start the whole system on the embedded servers with a demo hospital: invented people, durations shortened
to seconds. It prints what is sent and the alerts as they come, and goes on until Ctrl-C. What it holds
stays in $BATON_HOME (default: .baton/demo); a second start goes on with it."""
ENVIRONMENT = {"BATON_PROTOCOL": "demo", "BATON_LOG_LEVEL": "WARNING"}


def main() -> int:
    argparse.ArgumentParser(prog="python -m baton.demo", description=ABOUT).parse_args()
    os.environ["BATON_HOME"] = str(Path(os.environ.get("BATON_HOME") or HOME).absolute())
    try:
        return asyncio.run(demo())
    except Trouble as trouble:
        print(f"demo: {trouble}", file=sys.stderr)
        return trouble.code


async def demo() -> int:
    """Run until a signal ends it."""
    home, console = Home.here(), Console(sys.stdout)
    home.make()
    with home.lock():
        async with ended_by_signals():
            system = System(home, console, Options(embedded=True, demo=True, environment=ENVIRONMENT))
            await together(system.run(), _play(home, console, system))
        console.say("DEMO", "everything has ended; `make demo` goes on with what it held")
    return 0


async def _play(home: Home, console: Console, system: System) -> None:
    """Send the story and say what becomes of it."""
    console.say(
        "DEMO", "an invented hospital: real rules, spans shortened to seconds, no real person", "warn"
    )
    await system.ready.wait()
    where = system.addresses
    run = _next_run(home)
    async with ground.database(where) as db:
        start = await clock.now(db)
    async with asyncio.TaskGroup() as group:
        group.create_task(watch_alerts(where, console, since=start))
        group.create_task(watch_refusals(where, console, since=start))
        for chapter in tell(SAMPLE.read_text("utf-8"), start=start, run=run):
            await _send(system, console, chapter, start)
        console.say(
            "DEMO", "the story is told; what is owed stays, and alerts go on. From another terminal:", "good"
        )
        for command in ("status", "why CASE", "outcome"):
            console.say("DEMO", f"  BATON_HOME={home.path} .venv/bin/baton {command}")


async def _send(system: System, console: Console, chapter: Chapter, start: datetime) -> None:
    async with ground.database(system.addresses) as db:
        passed = await clock.now(db) - start
    await asyncio.sleep(max(0.0, (chapter.after - passed).total_seconds()))
    console.say("hospital", chapter.text)
    records = [Outgoing(None, message) for message in chapter.messages]
    await produce(system.addresses, ADT_INBOUND, records)
    # The embedded broker forgets with its end: what is told as sent stands in Postgres.
    await wait_until_applied(system.addresses, CONSUMER, ADT_INBOUND)


def _next_run(home: Home) -> int:
    """Number this telling, so that its people and visits are new ones beside those already held."""
    path = home.path / "demo.json"
    try:
        run = int(json.loads(path.read_text())["runs"]) + 1
    except (OSError, ValueError, KeyError, TypeError):
        run = 1
    half = path.with_suffix(".new")
    half.write_text(json.dumps({"runs": run}))
    half.replace(path)
    return run


if __name__ == "__main__":
    sys.exit(main())
