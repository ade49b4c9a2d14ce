"""How many rows there are of each kind, as a gauge: counted now and then, for dashboards."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from services.chassis.clock import monotonic
from services.chassis.loops import run_forever
from services.chassis.metrics import Metric

if TYPE_CHECKING:
    from services.chassis.service import Service

EVERY = 15.0
SHARE = 20.0
"""A count takes a twentieth of the time at most: of a very large table, it is taken less often."""


class Count:
    """A gauge with one label. Every replica counts all there is, so the largest value is the answer, not the sum."""

    def __init__(self, metric: Metric, statement: str, words: Iterable[str]) -> None:
        """`statement` gives a word and its count a row; of `words` that it does not give there are none."""
        self._metric = metric
        self._statement = statement
        self._words = tuple(words)

    async def run(self, service: "Service") -> None:
        """Count until cancelled."""
        await run_forever(
            f"count {self._metric.name}", partial(self.once, service), service.progress, every=EVERY,
            registry=service.registry,
        )  # fmt: skip

    async def once(self, service: "Service") -> float:
        """Count, and give how long to rest, in seconds."""
        started = monotonic()
        async with service.pool.acquire() as db:
            rows = await db.fetch(self._statement)
        gauge = service.registry.gauge(self._metric)
        counts = dict.fromkeys(self._words, 0) | dict(map(tuple, rows))
        for word, count in counts.items():
            gauge.labels(word).set(count)
        return max(EVERY, SHARE * (monotonic() - started))
