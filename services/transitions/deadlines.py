"""The deadlines process: fires what falls due, and nothing before everything that was known by then is applied."""

import asyncio
import math
from datetime import datetime, timedelta

from schemas.transitions import EpisodeKind
from services.chassis import clock, marks, metrics
from services.chassis.listening import listen
from services.chassis.logs import get_logger
from services.chassis.loops import Signal, run_forever
from services.chassis.postgres import transaction
from services.chassis.service import Service
from services.transitions import store
from services.transitions.consumer import CONSUMER, FIRING_TOPICS
from services.transitions.planner import Rules, replan

log = get_logger("deadlines")

CHUNK = 2000
REPLAN_CHUNK = 200
LONGEST_REST = 1.0
BEHIND_REST = 0.05
"""While something is due and the mark has not passed it yet."""
BEHIND_REST_MAX = 0.5
FIRE_FIRST = 0.25
"""Seconds for which firing has the processor to itself, before what has fired is told as well."""

FIRED = metrics.declare(
    "baton_deadlines_fired_total", "counter", "Deadlines that reached their due time undone."
)
BEHIND = metrics.declare(
    "baton_deadlines_fired_behind_total",
    "counter",
    "Deadlines fired although a consumer stood still for longer than the patience. Find out which one, and why.",
)
NEXT = metrics.declare(
    "baton_deadline_next_seconds",
    "gauge",
    "Seconds until the next armed timer; negative: overdue; NaN: none is armed.",
)
LATENESS = metrics.declare(
    "baton_deadline_lateness_seconds",
    "histogram",
    "From a deadline's due time to its being committed as missed or attempted, of those known in time. Real clock only.",
)
DEADLINES = metrics.declare(
    "baton_deadlines",
    "gauge",
    "Deadlines by status, counted every 15 s. Every replica counts them all: take the largest, not the sum.",
    ["status"],
)
HANDOFFS = (EpisodeKind.FACILITY_HANDOFF, EpisodeKind.UNIT_HANDOFF)
UNOWNED = metrics.declare(
    "baton_unowned_patients_seconds",
    "gauge",
    "For how long nobody has been responsible for the patients of open handoffs, added up, counted every 15 s. Every "
    "replica counts them all: take the largest, not the sum.",
    ["kind"],
)


class Firing:
    """One replica of the deadlines process; any number may run."""

    def __init__(self, service: Service, rules: Rules) -> None:
        self._service = service
        self._rules = rules
        self._patience = clock.Patience(service.settings.patience)
        self._signal = Signal()
        self._behind = False
        self._now: datetime | None = None
        self._rest = BEHIND_REST

    async def run(self) -> None:
        """Fire until cancelled."""
        service = self._service
        async with asyncio.TaskGroup() as group:
            group.create_task(
                run_forever("fire", self.once, service.progress, every=LONGEST_REST, signal=self._signal,
                            retry_max=5, registry=service.registry)
            )  # fmt: skip
            group.create_task(
                run_forever("listen", self._listen, service.progress, every=0, retry_max=5, registry=service.registry,
                            limit=float("inf"))
            )  # fmt: skip

    async def once(self) -> float:
        """Fire everything that may fire now; gives how long to rest, in seconds."""
        pool = self._service.pool
        async with pool.acquire() as db:
            now = await clock.now(db)
            if now == self._now:
                # Time itself stands still (the controlled clock): nobody has kept us waiting.
                self._patience.watch(object())
            self._now = now
            due = await store.next_timer(db)
            mark = await marks.lowest(db, CONSUMER, FIRING_TOPICS)
            left = math.nan if due is None else (due - now).total_seconds()
            self._service.registry.gauge(NEXT).set(left)
            if due is None or due > now:
                self._patience.watch(mark)
                return LONGEST_REST if due is None else min(left, LONGEST_REST)
            until = self._until(now, mark)
            if until is None or due > until:
                await marks.want(db)
                # Consumers with much to read are not helped by being asked again and again.
                rest, self._rest = self._rest, min(1.5 * self._rest, BEHIND_REST_MAX)
                return rest
        self._rest = BEHIND_REST
        await self._fire(until, now, behind=mark is None or until > mark)
        return 0

    def _until(self, now: datetime, mark: datetime | None) -> datetime | None:
        """Up to when we may fire: the mark, or now where it has stood still for longer than the patience."""
        if not self._patience.watch(mark):
            self._behind = False
            return None if mark is None else min(mark, now)
        if not self._behind:
            self._behind = True
            log.error(
                "firing without the applied mark: a consumer stands still",
                mark=mark and mark.isoformat(), stood_still_seconds=round(self._patience.elapsed),
            )  # fmt: skip
        return now

    async def _fire(self, until: datetime, now: datetime, *, behind: bool) -> None:
        service = self._service
        started = clock.monotonic()
        while True:
            async with transaction(service.pool) as db:
                fired = await store.fire(db, until, CHUNK, now, behind=behind)
            if fired.changed:
                if clock.monotonic() - started > FIRE_FIRST:
                    service.relay.wake()
                self._count(fired, clock.monotonic() - started, behind=behind)
            service.progress.beat("fire")
            if fired.claimed < CHUNK:
                break
        service.relay.wake()
        while await self._replan(until):
            service.relay.wake()
            service.progress.beat("fire")

    def _count(self, fired: store.Fired, since_now: float, *, behind: bool) -> None:
        registry = self._service.registry
        registry.counter(FIRED).inc(fired.settled)
        if behind:
            registry.counter(BEHIND).inc(fired.settled)
        lateness = registry.histogram(LATENESS)
        for late in fired.late:
            lateness.observe(late + since_now)

    async def _replan(self, until: datetime) -> bool:
        """Plan anew whose plan changes by itself by now; False when there is nobody left."""
        async with transaction(self._service.pool) as db:
            turns = await store.due_replans(db, until, REPLAN_CHUNK)
            if not turns:
                return False
            await store.lock_patients(db, turns)
            await store.disarm_replans(db, turns, until)
            # What a plan becomes at an instant may be said once everything before the instant after is known.
            # It became so at its own instant, however late we come to say it.
            as_of = {patient_id: at + timedelta(microseconds=1) for patient_id, at in turns.items()}
            await replan(db, sorted(turns), self._rules, as_of=as_of, arrivals=turns)
        return True

    async def check(self) -> str | None:
        """What /readyz says of the mark."""
        return "a consumer stands still and deadlines fire without the applied mark" if self._behind else None

    async def _listen(self) -> float:
        """Be woken when an earlier timer is armed."""
        url = self._service.settings.database_url
        await listen(url, "transitions_timer", lambda _: self._signal.set())
        return 1.0
