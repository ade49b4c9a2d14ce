"""A service as a process: what it reads, publishes and runs, started, watched and ended in order."""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import uvloop
from starlette.routing import BaseRoute

from services.chassis import health, logs, metrics, migrations, startup, watch
from services.chassis.kafka import (
    Admin,
    Producer,
    Record,
    Subscriber,
    TopicSpec,
    new_broker,
    subscribe,
)
from services.chassis.logs import get_logger
from services.chassis.loops import Signal
from services.chassis.marks import Marks
from services.chassis.outbox import Outlet, Relay
from services.chassis.poison import Sieve
from services.chassis.postgres import Pool, close_pool, open_pool
from services.chassis.settings import ServiceSettings, SettingsError, fail
from services.chassis.web import listen, server

log = get_logger("service")

# A shutdown may take ten seconds; what is not done by then is done again by the next process.
LAST_RESORT = 9.0

Handler = Callable[["Service", list[Record]], Awaitable[None]]
Refuse = Callable[["Service", Record, str], Awaitable[None]]
Loop = Callable[["Service"], Coroutine[None, None, None]]
Check = Callable[["Service"], Awaitable[str | None]]
First = Callable[["Service"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Topics read by one consumer group, and what is done with each batch of their records.

    refuse  keeps one record as refused whose data keeps it from being applied; see services.chassis.poison
    """

    topics: Sequence[str]
    handler: Handler
    refuse: Refuse
    group: str | None = None


class Service:
    """One process of Baton: a table of contents, and, once `run` has started it, its parts."""

    pool: Pool
    admin: Admin
    producer: Producer
    relay: Relay

    def __init__(  # noqa: PLR0913  (a table of contents has many lines)
        self,
        name: str,
        settings: ServiceSettings,
        *,
        subscriptions: Sequence[Subscription] = (),
        loops: Sequence[Loop] = (),
        outlets: Sequence[Outlet] = (),
        checks: Mapping[str, Check] | None = None,
        routes: Sequence[BaseRoute] = (),
        topics: Sequence[TopicSpec] = (),
        schema: str | None = None,
        writes: Sequence[str] = (),
        postgres: bool = True,
        plan_anew: bool = False,
        first: Sequence[First] = (),
    ) -> None:
        """`writes`: topics written beside the outlets'; `postgres=False`: it works without a database, and has no outlets.

        `first`: what must hold of the database before work is taken; it raises SettingsError. `plan_anew`: see services.chassis.postgres.open_pool.
        """
        self.name = name
        self.settings = settings
        self.subscriptions = tuple(subscriptions)
        self.loops = tuple(loops)
        self.outlets = tuple(outlets)
        self.checks = dict(checks or {})
        self.routes = tuple(routes)
        self.topics = tuple(topics)
        self.schema = schema or name
        self.writes = tuple(writes)
        self.uses_postgres = postgres
        self.plan_anew = plan_anew
        self.first = tuple(first)
        self.progress = health.Progress()
        self.readiness = health.Readiness()
        self.registry = metrics.Registry()
        self.registry.begin()
        self.marks = Marks(name, [topic for each in subscriptions for topic in each.topics])
        self.subscribers: list[Subscriber] = []
        self.mark_wanted = Signal()
        self.marked = Signal()
        self.port = 0

    def add_check(self, name: str, check: health.Check) -> None:
        """Have /readyz ask one more question."""
        self.readiness.add_check(name, check)

    def needed_topics(self) -> list[str]:
        """The topics without which this service cannot work."""
        return list(
            dict.fromkeys([*self.marks.topics, *self.writes, *(outlet.topic for outlet in self.outlets)])
        )


def main(service: Service) -> None:
    """Run a service as this process, and exit."""
    logs.configure(service.name, service.settings, registry=service.registry)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(run(service))
    except SettingsError as error:
        fail(str(error))
    raise SystemExit(code)


async def run(service: Service) -> int:
    """Run until told to stop; 0 after that, 1 when the service could not start or broke.

    Raises SettingsError when the port cannot be had.
    """
    loop = asyncio.get_running_loop()
    logs.quiet_loop(loop)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    life = asyncio.create_task(_live(service))
    told = asyncio.create_task(stopping.wait())
    last_resort: asyncio.TimerHandle | None = None
    try:
        await asyncio.wait({life, told}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        last_resort = loop.call_later(LAST_RESORT, _end_now, 0 if stopping.is_set() else 1)
        told.cancel()
        life.cancel()
        await asyncio.wait({life})
        last_resort.cancel()
    return _outcome(life)


def _outcome(life: asyncio.Task[None]) -> int:
    error = None if life.cancelled() else life.exception()
    if error is None:
        log.info("stopped")
        return 0
    refusal = _find(error, migrations.SchemaError)
    if refusal is not None:
        log.critical("the service cannot start", reason=str(refusal))
        return 1
    wrong = _find(error, SettingsError)
    if wrong is not None:
        raise wrong
    log.critical("the service ends by an error", exc_info=error)
    return 1


async def _live(service: Service) -> None:
    """Everything a service does, from the port it takes to the last connection it gives back."""
    settings = service.settings
    port = listen(settings)
    service.port = port.getsockname()[1]
    app = health.application(
        service.name, service.progress, service.readiness, service.registry, service.routes
    )
    http = server(app)
    async with asyncio.TaskGroup() as outer:
        outer.create_task(http.serve(sockets=[port]))
        try:
            log.info("serving", address=settings.http_host, port=service.port)
            async with contextlib.AsyncExitStack() as stack:
                await _open(service, stack)
                await _work(service)
        finally:
            http.should_exit = True


async def _open(service: Service, stack: contextlib.AsyncExitStack) -> None:
    """Reach Postgres and Kafka, waiting for each; what is opened is closed in the reverse order."""
    settings = service.settings
    starting = "The service is starting: it waits for Postgres, Kafka or its topics."
    service.add_check("started", partial(_say, starting))
    if service.uses_postgres:
        service.pool = await open_pool(settings, schema=service.schema, plan_anew=service.plan_anew)
        stack.push_async_callback(close_pool, service.pool)
        service.add_check("postgres", partial(watch.postgres_answers, service.pool))
        await startup.schema_known(settings, service.pool)
        for look in service.first:
            await look(service)
    service.admin = Admin(settings, service.name)
    stack.push_async_callback(service.admin.stop)
    service.add_check("kafka", partial(watch.kafka_answers, service.admin))
    cluster = await startup.topics_exist(settings, service.admin, service.topics, service.needed_topics())
    service.producer = Producer(settings, service.name)
    stack.push_async_callback(service.producer.stop)
    if service.outlets:
        service.relay = Relay(
            service.pool,
            service.producer,
            service.outlets,
            progress=service.progress,
            service=service.schema,
            registry=service.registry,
        )
        await service.relay.on_cluster(cluster)
    for name, check in service.checks.items():
        service.add_check(name, partial(check, service))


async def _work(service: Service) -> None:
    settings = service.settings
    broker = new_broker(settings, service.name)
    service.subscribers = [
        subscribe(
            broker,
            settings,
            each.topics,
            each.group or service.name,
            Sieve(partial(each.handler, service), partial(each.refuse, service)),
            progress=service.progress,
            registry=service.registry,
        )
        for each in service.subscriptions
    ]
    async with asyncio.TaskGroup() as loops:
        loops.create_task(watch.reach(service))
        if service.outlets:
            loops.create_task(service.relay.run())
        try:
            await startup.broker_started(settings, broker)
            if service.subscribers:
                loops.create_task(watch.mark(service))
                if service.uses_postgres:
                    loops.create_task(watch.listen_for_wanted_marks(service))
            for loop in service.loops:
                loops.create_task(loop(service))
            service.add_check("started", partial(_say, None))
            _collect_rarely()
            log.info("started")
            await asyncio.Event().wait()
        finally:
            # First of all: the batch in hand needs everything else to end well.
            await broker.stop()


def _collect_rarely() -> None:
    """A batch makes many thousands of objects, hardly any in circles: look for those less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _say(sentence: str | None) -> str | None:
    return sentence


def _find(error: BaseException, kind: type[Exception]) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        return next((found for each in error.exceptions if (found := _find(each, kind))), None)
    return error if isinstance(error, kind) else None


def _end_now(code: int) -> None:
    log.error("the shutdown took too long; what was in hand will be done again", code=code)
    os._exit(code)
