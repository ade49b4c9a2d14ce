"""A `baton up` of a test's own, on the embedded servers, and the commands run against it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import asyncpg

from baton.processes import birth
from tests.infra import nursery
from tests.infra.postgres import run_sync

T = TypeVar("T")
BATON = [sys.executable, "-m", "baton"]


class Stack:
    """The system in a home of its own, as a child; everything it said is in `said()`."""

    def __init__(self, home: Path, *options: str, module: str = "baton", **environment: str) -> None:
        self.home = home
        self.log = home.with_suffix(".log")
        self.environment = {**os.environ, "BATON_HOME": str(home), **environment}
        command = [sys.executable, "-m", module, *(("up", *options) if module == "baton" else options)]
        with self.log.open("ab") as log:
            self._from = log.tell()
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=self.environment
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def said(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._from)
            return log.read().decode(errors="replace")

    def wait_for(self, sentence: str, *, within: float = 100) -> re.Match[str]:
        give_up_at = time.monotonic() + within
        while not (found := re.search(sentence, self.said())):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < give_up_at, self.said()
            time.sleep(0.05)
        return found

    def ready(self) -> Self:
        self.wait_for("ready; addresses are in")
        return self

    def run(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self.home / "run.json").read_text())
        return said

    def pids(self) -> dict[str, tuple[int, str]]:
        """Give every process of this system with its birth."""
        run = self.run()
        told = {**run["services"], **run["servers"]}
        return {name: (each["pid"], each["born"]) for name, each in told.items() if each.get("pid")}

    def end(self, by: signal.Signals = signal.SIGINT, *, within: float = 20) -> int:
        if self.process.poll() is None:
            self.process.send_signal(by)
        return self.process.wait(within)

    def baton(self, *line: str, given: str | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run one command against the system, which must end with `code`."""
        done = nursery.baton(*line, env=self.environment, given=given)
        assert done.returncode == code, (line, done.stdout, done.stderr, self.said()[-4000:])
        return done

    def json(self, *line: str) -> Any:
        return json.loads(self.baton(*line).stdout)


def gone(pids: Sequence[tuple[int, str]], *, within: float = 15) -> bool:
    """Whether none of these processes is left."""
    give_up_at = time.monotonic() + within
    while any(birth(pid) == born for pid, born in pids):
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.05)
    return True


def until(ask: Callable[[], T], *, within: float = 60) -> T:
    """Ask again until the answer is something; gives it."""
    give_up_at = time.monotonic() + within
    while not (answer := ask()):
        assert time.monotonic() < give_up_at, "it never became so"
        time.sleep(0.1)
    return answer


def query(stack: Stack, statement: str) -> Any:
    """Ask the system's database for one value."""

    async def ask() -> Any:
        db = await asyncpg.connect(stack.run()["database_url"])
        try:
            return await db.fetchval(statement)
        finally:
            await db.close()

    return run_sync(ask())


def adt(
    trigger: str, control_id: str, at: str, patient: str, visit: str, pv1: str = "", pid: str = ""
) -> str:
    """One message of an invented patient; `pv1` is what follows PV1-19, `pid` what follows PID-8."""
    return "\r".join(
        [
            f"MSH|^~\\&|APP|HOSP|||{at}||ADT^{trigger}|{control_id}|P|2.5.1",
            f"EVN|{trigger}|{at}|||T|{at}",
            f"PID|1||{patient}^^^HOSP^MR||Lindqvist^Maren||19480302|F{pid}",
            f"PV1|1|I|4W^1^A^HOSP||||||||||||||||{visit}^^^HOSP^VN{pv1}",
            "",
        ]
    )


def discharged(disposition: str, at: str) -> str:
    """PV1-20 and on, for a discharge to `disposition` at `at`."""
    return "|" * 17 + disposition + "|" * 9 + at
