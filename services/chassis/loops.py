"""Loops that outlive their errors: one pass, again and again, with back-off when it fails."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TypeVar

from services.chassis import metrics
from services.chassis.health import LIMIT, Progress
from services.chassis.logs import get_logger
from services.chassis.postgres import backoff, is_transient

log = get_logger("loops")

Result = TypeVar("Result")

# One pass; what it returns is how many seconds to rest, None for as long as usual, 0 to go on at once.
Pass = Callable[[], Awaitable[float | None]]


class Signal:
    """Wakes a resting loop: set as often as one likes, seen once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        self._event.set()

    async def rest(self, seconds: float) -> None:
        """Return after `seconds`, or as soon as the signal is set; a signal set meanwhile counts."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


async def to_the_end(work: Coroutine[object, object, Result], within: float) -> Result:
    """Wait for work that is not to be cut in the middle: whoever is cancelled meanwhile is so when it has ended.

    If that takes longer than `within` seconds from then, the work is cancelled too.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(Exception, asyncio.CancelledError):
            await asyncio.wait_for(task, within)
        raise


async def run_forever(  # noqa: PLR0913  (each has a default that fits)
    name: str,
    coro_factory: Pass,
    progress: Progress,
    *,
    every: float = 1.0,
    signal: Signal | None = None,
    retry_min: float = 0.25,
    retry_max: float = 30.0,
    limit: float = LIMIT,
    registry: metrics.Registry | None = None,
) -> None:
    """Run passes until cancelled; a pass that fails is logged, counted and tried again after a pause.

    `limit` is how many seconds one pass may take before the process counts as stuck.
    """
    signal = signal or Signal()
    progress.register(name, limit)
    if registry is not None:
        registry.counter(metrics.RESTARTS).labels(name)
    pauses = backoff(retry_min, retry_max)
    try:
        while True:
            try:
                rest = await coro_factory()
                pauses = backoff(retry_min, retry_max)
                rest = every if rest is None else rest
            except Exception as error:  # noqa: BLE001  (whatever it is, the loop goes on)
                rest = next(pauses)
                _tell(name, error, rest, registry)
            progress.beat(name)
            with progress.waiting(name):
                await signal.rest(rest) if rest > 0 else await asyncio.sleep(0)
    finally:
        progress.forget(name)


def _tell(name: str, error: Exception, rest: float, registry: metrics.Registry | None) -> None:
    if registry is not None:
        registry.counter(metrics.RESTARTS).labels(name).inc()
    tell = log.warning if is_transient(error) else log.error
    tell("a loop failed and goes on", loop=name, retry_in=round(rest, 2), exc_info=error)
