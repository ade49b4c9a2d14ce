"""`make demo`: the whole system on the embedded servers, an invented hospital, and an inbox for what it sends."""

import argparse
import asyncio
import os
import shutil
import sys
from datetime import datetime
from pathlib import Path

from baton import ground
from baton.addresses import Addresses
from baton.console import Console
from baton.demo_hospital import Feed
from baton.demo_inbox import Inbox
from baton.demo_kept import Kept
from baton.demo_watch import watch_alerts, watch_counts, watch_refusals
from baton.home import Home
from baton.trouble import Trouble
from baton.up import Options, System, ended_by_signals, together
from baton.why import read
from baton.why_text import tell
from services.chassis import clock

HOME = ".baton/demo"
ABOUT = """\
Start the whole system on the embedded servers with a demo hospital: invented people, durations shortened
to seconds. Its last ten days arrive first, then its traffic as it comes, and a story in rounds on top. It
prints what is sent and the alerts as they come, shows every message in an inbox (a page on this machine),
and goes on until Ctrl-C. What it holds stays in $BATON_HOME (default: .baton/demo); a second start goes on
with it. BATON_HTTP_PORT names the first of the ports (the inbox has the last; default: 8025 or a free one)."""
ENVIRONMENT = {"BATON_PROTOCOL": "demo", "BATON_LOG_LEVEL": "WARNING", "BATON_WORKLIST_LABEL": "DEMO"}
TEAMS = ("care-coordination",)
SPARE = 16_000_000
"""Bytes free below which a disk counts as full: a segment of PostgreSQL's log no longer fits."""


def main() -> int:
    argparse.ArgumentParser(
        prog="python -m baton.demo", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    os.environ["BATON_HOME"] = str(Path(os.environ.get("BATON_HOME") or HOME).absolute())
    home = Home.here()
    try:
        return asyncio.run(Demo(home).run())
    except (Trouble, OSError) as error:
        print(f"demo: {_find_full_disk(home) or _say(home, error)}", file=sys.stderr)
        return error.code if isinstance(error, Trouble) else 1


def _say(home: Home, error: Trouble | OSError) -> str:
    return str(error) if isinstance(error, Trouble) else f"{home.path} cannot be written ({error.strerror})."


def _find_full_disk(home: Home) -> str | None:
    """Give one sentence where there is no room for what comes; PostgreSQL's data may lie on another disk.

    Whichever part stops first says something else for the same reason, so it is asked at the end as well.
    """
    moved = home.path / "postgres.moved"
    data = Path(moved.read_text("utf-8").strip()) if moved.exists() else home.path
    for folder in (home.path, data):
        if folder.exists() and shutil.disk_usage(folder).free < SPARE:
            return f"The disk of {folder} is full: make room and start again; what was stored is kept."
    return None


def _refuse_full_disk(home: Home) -> None:
    if said := _find_full_disk(home):
        raise Trouble(said)


async def _watch_disk(home: Home) -> None:
    """End the demo before its disk is so full that PostgreSQL ends by itself."""
    while True:
        _refuse_full_disk(home)
        await asyncio.sleep(1.0)


class Demo:
    """One run of the demo in a home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._console = Console(sys.stdout)
        self._where = Addresses("", "")

    async def run(self) -> int:
        """Run until a signal ends it."""
        home, console = self._home, self._console
        home.make()
        with home.lock():
            async with ended_by_signals():
                _refuse_full_disk(home)
                kept = Kept.read(home.path)
                inbox = Inbox(home.path, self._tell_case, kept_port=kept.port if kept else 0)
                environment = ENVIRONMENT | inbox.configure()
                os.environ["BATON_CONFIG_DIR"] = environment["BATON_CONFIG_DIR"]
                system = System(
                    home, console, Options(embedded=True, demo=True, environment=environment, teams=TEAMS)
                )
                console.say("DEMO", "an invented hospital: real rules, hours shortened to seconds", "warn")
                console.say("DEMO", f"inbox: {inbox.url} shows every message as its receiver sees it", "good")
                await together(_watch_disk(home), system.run(), inbox.run(), self._play(system, inbox, kept))
            console.say("DEMO", "everything has ended; `make demo` goes on with what it held")
        return 0

    async def _play(self, system: System, inbox: Inbox, kept: Kept | None) -> None:
        await system.ready.wait()
        self._where = where = system.addresses
        start = await self._now()
        feed = Feed(where, self._console, self._home.path, kept or Kept(start, port=inbox.port))
        if kept is None:
            feed.kept.write(self._home.path)
        await together(
            watch_counts(where, self._console, inbox.update),
            self._send(feed, inbox, since=start),
        )

    async def _send(self, feed: Feed, inbox: Inbox, *, since: datetime) -> None:
        await feed.catch_up()
        # Only now: while days arrive in seconds, a list of late work grows with every line.
        await together(
            watch_alerts(self._where, self._console, since=since),
            watch_refusals(self._where, self._console, since=since),
            feed.go_on(),
            feed.tell_stories(lambda: self._links(inbox)),
        )

    def _links(self, inbox: Inbox) -> None:
        say = self._console.say
        say(
            "DEMO",
            "the story is told; what is owed stays, alerts go on, the next round comes. Look at:",
            "good",
        )
        say("DEMO", f"  {inbox.url}   the inbox: pages and mails, and the story of each case", "good")
        for command in ("status", "why CASE", "outcome"):
            say("DEMO", f"  BATON_HOME={self._home.path} .venv/bin/baton {command}")

    async def _now(self) -> datetime:
        async with ground.database(self._where) as db:
            return await clock.now(db)

    async def _tell_case(self, case: str) -> str:
        """The story of a case without patient values; raises Trouble."""
        if not self._where.database_url:
            raise Trouble("The system is still starting.")
        async with ground.database(self._where) as db:
            return tell(await read(db, case.upper(), show_patient=False))


if __name__ == "__main__":
    sys.exit(main())
