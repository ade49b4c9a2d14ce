"""`baton up`: the whole system on this machine, as children that end when it ends."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from baton import ground
from baton.addresses import Addresses, from_environment, refuse_demo_settings
from baton.console import Console
from baton.embedded import EmbeddedBroker, EmbeddedPostgres
from baton.home import Home
from baton.ports import PROCESSES, choose_mllp_port, choose_ports
from baton.processes import end_stranger
from baton.supervisor import Service, Supervisor
from baton.trouble import Misuse, Trouble
from schemas.base import iso
from services.chassis.clock import monotonic

READY_WITHIN = 60.0
MLLP = "mllp"


@dataclass(frozen=True, slots=True)
class Options:
    """What `baton up` was asked for; `environment` is set for every process, `demo` needs the embedded mode.

    teams  whose list the one-time link opens with
    """

    embedded: bool = False
    clock: datetime | None = None
    demo: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    teams: Sequence[str] = ()


async def up(options: Options) -> int:
    """Run until a signal ends it."""
    home, console = Home.here(), Console()
    home.make()
    with home.lock():
        async with ended_by_signals():
            await System(home, console, options).run()
        console.say("baton", "everything has ended")
    return 0


@asynccontextmanager
async def ended_by_signals() -> AsyncIterator[None]:
    """Leave the body quietly on the first interrupt or terminate; later ones do not disturb the ending."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    told = False

    def stop() -> None:
        nonlocal told
        if not told and task is not None:
            told = True
            task.cancel()

    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # under nohup it is meant to go on
    for name in (signal.SIGINT, signal.SIGTERM, *(() if ignored else (signal.SIGHUP,))):
        loop.add_signal_handler(name, stop)
    try:
        yield
    except asyncio.CancelledError:
        if not told:
            raise


async def together(*work: Coroutine[None, None, None]) -> None:
    """Run all of it; the first trouble of one ends the others, and is raised as what it is."""
    trouble: Trouble | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except* Trouble as several:
        trouble = _first(several)
    if trouble is not None:
        raise trouble


def _first(several: BaseExceptionGroup[Trouble]) -> Trouble:
    found = several.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


class System:
    """The servers and services of one home, from their start to their end."""

    def __init__(self, home: Home, console: Console, options: Options) -> None:
        self.home = home
        self.console = console
        self.options = options
        self.supervisor = Supervisor(console, self._write)
        self.addresses = Addresses("", "")
        self.ready = asyncio.Event()
        self._postgres: EmbeddedPostgres | None = None
        self._broker: EmbeddedBroker | None = None
        self._services: list[Service] = []
        self._clock: datetime | None = None
        self._mllp_port = 0

    async def run(self) -> None:
        """Start everything, keep it running, and end it however this is left."""
        ports = choose_ports(len(PROCESSES))
        self._mllp_port = choose_mllp_port()
        await self._end_leftovers()
        async with AsyncExitStack() as stack:
            stack.callback(self.home.forget)
            await self._start_servers(stack)
            await self._prepare()
            await self._start_services(stack, ports)
            await self._keep_running()

    async def _keep_running(self) -> None:
        watches = [self.supervisor.watch(service) for service in self._services]
        if self._postgres is not None:
            watches.append(self.supervisor.watch(self._postgres))
        if self._broker is not None:
            watches.append(self.supervisor.watch(self._broker, self._new_broker))
        await together(*watches, self._announce())

    async def _end_leftovers(self) -> None:
        """End what an earlier run left behind: it was killed, and here the kernel did not take its children."""
        run = self.home.read() or {}
        left = [*run.get("services", {}).values(), *run.get("servers", {}).values()]
        ended = await asyncio.gather(
            *(end_stranger(each["pid"], each["born"], within=8) for each in left if each.get("pid"))
        )
        if run:
            count = f"; {sum(ended)} of its processes ended" if any(ended) else ""
            self.console.say(
                "baton", f"an earlier run here was killed{count}; going on with its data", "warn"
            )
        self.home.forget()

    async def _start_servers(self, stack: AsyncExitStack) -> None:
        named = from_environment()
        half = {name for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS") if os.environ.get(name)}
        if named and not self.options.embedded:
            refuse_demo_settings(embedded=False)
            self.addresses = named
            return
        if half and not self.options.embedded:
            raise Misuse(
                f"Only {half.pop()} is set: set DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS, or neither, or say --embedded."
            )
        self._postgres, self._broker = EmbeddedPostgres(self.home.path), EmbeddedBroker(self.home.path)
        for server in (self._postgres, self._broker):
            began = monotonic()
            stack.push_async_callback(server.stop)
            await server.start()
            self.console.say(server.name, f"ready in {monotonic() - began:.1f} s on {server.address}", "good")
        self.console.say("postgres", f"keeps its data in {self._postgres.data}", "dim")
        self.addresses = Addresses(
            self._postgres.url, self._broker.url, os.environ.get("BATON_TOPIC_PREFIX", ""), embedded=True
        )

    async def _prepare(self) -> None:
        """Bring schema, topics and clock to where the services need them."""
        try:
            applied = await ground.migrate(self.addresses)
        except Trouble as trouble:
            if self._postgres is None:
                raise
            raise Trouble(f"{trouble} For an empty start, move {self.home.path} away.") from None
        if applied:
            self.console.say("baton", f"database schema: {len(applied)} migrations applied")
        self._clock = await ground.set_clock(self.addresses, self.options.clock)
        if self._clock is not None:
            # Topics too must know: their records are stamped by this clock.
            self.addresses = replace(self.addresses, controlled_clock=True)
            told = f"controlled clock: it is {iso(self._clock)} until `baton clock` moves it"
            self.console.say("baton", told, "warn")
        await ground.ensure_topics(self.addresses)
        if self._broker is not None:
            await ground.forget_offsets(self.addresses)

    async def _start_services(self, stack: AsyncExitStack, ports: Sequence[int]) -> None:
        environment = {
            **self.addresses.environment(),
            **self.options.environment,
            "BATON_HOME": str(self.home.path),
        }
        for name, port in zip(PROCESSES, ports, strict=True):
            log = self.home.logs / f"{name}.log"
            service = Service(name, port, environment, log, self.console)
            if name == MLLP:
                service.serve_mllp(self._mllp_port)
            self._services.append(service)
        stack.push_async_callback(self._stop_services)
        for service in self._services:
            await service.start()
            self.supervisor.watched[service.name] = service
        for server in (self._postgres, self._broker):
            if server is not None:
                self.supervisor.watched[server.name] = server
        self._write()

    async def _stop_services(self) -> None:
        self.console.say("baton", "ending")
        await asyncio.gather(*(service.stop() for service in self._services))

    async def _new_broker(self) -> None:
        """Start the broker again. It has forgotten everything: the services begin anew and publish what they hold."""
        assert self._broker is not None
        async with self.supervisor.without_services():
            await self._broker.start()
            await ground.ensure_topics(self.addresses)
            await ground.forget_offsets(self.addresses)

    async def _announce(self) -> None:
        began = monotonic()
        waiting = {service.name: service for service in self._services}
        while waiting:
            for name, service in list(waiting.items()):
                if await ground.is_ready(service.http):
                    service.was_ready = True
                    takes = f", takes messages on {service.mllp}" if service.mllp else ""
                    self.console.say(name, f"ready on {service.http}{takes}", "good")
                    del waiting[name]
            if waiting and monotonic() - began > READY_WITHIN:
                self.console.say(
                    "baton", f"still not ready: {', '.join(waiting)}; `baton status` says why", "warn"
                )
                began = monotonic()
            await asyncio.sleep(0.1)
        self.ready.set()
        await self._print_link()
        self.console.say("baton", f"ready; addresses are in {self.home.run_file}; Ctrl-C ends it", "good")

    async def _print_link(self) -> None:
        """Let whoever reads this terminal into the worklist; on servers of somebody's own people sign in."""
        services = {service.name: service.http for service in self._services}
        if not self.addresses.embedded or "worklist" not in services:
            return
        from baton.worklist_link import make

        try:
            address = await make(replace(self.addresses, services=services), teams=self.options.teams)
        except Trouble as trouble:
            self.console.say("worklist", str(trouble), "warn")
        else:
            self.console.say(
                "worklist", f"{address} opens it, once; `baton worklist link` prints another", "good"
            )

    def _write(self) -> None:
        pids = self.supervisor.pids()
        run: dict[str, Any] = {
            "pid": os.getpid(),
            "database_url": self.addresses.database_url,
            "kafka_bootstrap_servers": self.addresses.kafka_bootstrap_servers,
            "topic_prefix": self.addresses.topic_prefix,
            "embedded": self.addresses.embedded,
            "demo": self.options.demo,
            "clock": iso(self._clock) if self._clock is not None else None,
            "services": {
                s.name: {"http": s.http, **({"mllp": s.mllp} if s.mllp else {}), **pids.get(s.name, {})}
                for s in self._services
            },
            "servers": {name: pids[name] for name in ("postgres", "broker") if name in pids},
        }
        with contextlib.suppress(OSError):
            self.home.write(run)
