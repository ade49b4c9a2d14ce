"""Keeps processes running: starts them, starts them again after a pause when they end, ends them together."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Protocol, Self

from baton.console import Console
from baton.processes import birth, end, spawn
from baton.trouble import Misuse, Trouble
from services.chassis.clock import monotonic

PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
# Who ran this long has recovered; the pauses start again from the shortest.
RECOVERED_AFTER = 60.0
# Longer than a service takes at most by its own last resort.
END_WITHIN = 10.0
LOG_BYTES = 10_000_000

Restart = Callable[[], Awaitable[None]]


class Server(Protocol):
    """An embedded server, as the supervisor sees it."""

    name: str
    process: Process | None

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Service:
    """One process of ours as a child, with the port it serves HTTP on."""

    def __init__(
        self, name: str, port: int, environment: Mapping[str, str], log: Path, console: Console
    ) -> None:
        self.name = name
        self.port = port
        self.process: Process | None = None
        self.was_ready = False
        self.mllp: str | None = None
        self._environment = {**os.environ, **environment, "BATON_HTTP_PORT": str(port)}
        self._log = log
        self._console = console
        self._reader: asyncio.Task[None] | None = None

    def serve_mllp(self, port: int) -> None:
        """Have it listen there, on this machine or where BATON_MLLP_HOST says."""
        self._environment["BATON_MLLP_PORT"] = str(port)
        self.mllp = f"mllp://{os.environ.get('BATON_MLLP_HOST') or '127.0.0.1'}:{port}"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.process = await spawn(
            [sys.executable, "-m", "baton", "run", self.name], output=PIPE, env=self._environment
        )
        assert self.process.stdout is not None
        self._reader = asyncio.create_task(self._pass_on(self.process.stdout))

    async def stop(self) -> None:
        if self.process is not None:
            await end(self.process, within=END_WITHIN)
        if self._reader is not None:
            await self._reader

    async def _pass_on(self, output: asyncio.StreamReader) -> None:
        """Show what the service says and keep it whole in its log file."""
        with _Rotating(self._log) as log:
            while True:
                try:
                    line = await output.readline()
                except ValueError:  # longer than any line of ours; what of it was read is gone
                    continue
                if not line:
                    return
                log.write(line)
                self._console.pass_on(self.name, line.decode(errors="replace").rstrip())


class Supervisor:
    """Watches every child; a change of who runs under which pid is told to `changed`."""

    def __init__(self, console: Console, changed: Callable[[], None]) -> None:
        self._console = console
        self._changed = changed
        self.watched: dict[str, Server] = {}
        self._open = asyncio.Event()
        self._open.set()

    async def watch(self, server: Server, restart: Restart | None = None) -> None:
        """Start it again whenever it ends, by `restart` where that takes more; runs until cancelled."""
        self.watched[server.name] = server
        pauses = iter(PAUSES)
        while True:
            assert server.process is not None
            started = monotonic()
            code = await server.process.wait()
            if code == Misuse.code and isinstance(server, Service) and not server.was_ready:
                raise Misuse(f"{server.name} was set up wrongly and ended; what it said is above.")
            if monotonic() - started > RECOVERED_AFTER:
                pauses = iter(PAUSES)
            self._console.say(server.name, _how_it_ended(code), "bad")
            await self._start_again(server, restart or server.start, pauses)

    async def _start_again(self, server: Server, start: Restart, pauses: Iterator[float]) -> None:
        while True:
            pause = next(pauses, PAUSES[-1])
            self._console.say(server.name, f"starting it again in {pause:g} s", "warn")
            await asyncio.sleep(pause)
            if isinstance(server, Service):
                await self._open.wait()
            try:
                await start()
            except Trouble as trouble:
                self._console.say(server.name, str(trouble), "bad")
            else:
                self._changed()
                return

    @asynccontextmanager
    async def without_services(self) -> AsyncIterator[None]:
        """End the services, and let none start again before this is left."""
        self._open.clear()
        try:
            services = [each for each in self.watched.values() if isinstance(each, Service)]
            await asyncio.gather(*(each.stop() for each in services))
            yield
        finally:
            self._open.set()

    def pids(self) -> dict[str, dict[str, int | str]]:
        """Give the pid of each child and when it was born, by which a later start knows it again."""
        found: dict[str, dict[str, int | str]] = {}
        for name, server in self.watched.items():
            if server.process is not None and server.process.returncode is None:
                found[name] = {"pid": server.process.pid, "born": birth(server.process.pid) or ""}
        return found


def _how_it_ended(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


class _Rotating:
    """A log file that moves to NAME.1 when it has grown too large."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self._file = self._path.open("ab", buffering=0)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: bytes) -> None:
        assert self._file is not None
        try:
            if self._file.tell() > LOG_BYTES:
                self._file.close()
                self._path.replace(self._path.with_name(self._path.name + ".1"))
                self._file = self._path.open("ab", buffering=0)
            self._file.write(line)
        except OSError:
            return  # a full disk must not stop the service whose words these are
