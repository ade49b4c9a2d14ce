"""Every metric has one name and one sentence, declared once; a process makes its own set of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

# A second series for each counter, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]

Kind = Literal["counter", "gauge", "histogram"]
M = TypeVar("M", Counter, Gauge, Histogram)

# Seconds: from a quick statement to a deadline that is badly late.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One declared metric; `help` says what it means and, where it helps, what to do."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = BUCKETS
    known: tuple[tuple[str, ...], ...] = ()
    """Label values that are known beforehand: a counter stands at 0 for each of them from the start."""


_catalogue: dict[str, Metric] = {}


def declare(
    name: str,
    kind: Kind,
    help: str,  # noqa: A002  (prometheus_client's word)
    labels: Sequence[str] = (),
    buckets: Sequence[float] = BUCKETS,
    known: Iterable[Sequence[str]] = (),
) -> Metric:
    """Add a metric to the catalogue, when its module is imported; a name may mean only one thing."""
    metric = Metric(name, kind, help, tuple(labels), tuple(buckets), tuple(map(tuple, known)))
    if not name.startswith("baton_") or (kind == "counter") != name.endswith("_total"):
        raise ValueError(f"{name}: a metric is called baton_<noun>_<verb>, and a counter ends in _total")
    if _catalogue.setdefault(name, metric) != metric:
        raise ValueError(f"the metric {name} is declared twice, differently")
    return metric


def catalogue() -> Iterator[Metric]:
    """Every metric declared by the modules imported so far, by name: for the documentation."""
    return iter(sorted(_catalogue.values(), key=lambda metric: metric.name))


class Registry:
    """The metrics of one process, made when first used."""

    def __init__(self) -> None:
        self.collector = CollectorRegistry()
        ProcessCollector(registry=self.collector)
        self._made: dict[str, Counter | Gauge | Histogram] = {}

    def begin(self) -> None:
        """Have every counter of the catalogue stand at 0: Prometheus does not see a counter begin with its first event."""
        for metric in catalogue():
            if metric.kind == "counter":
                counter = self.counter(metric)
                for values in metric.known:
                    counter.labels(*values)

    def counter(self, metric: Metric) -> Counter:
        return self._get(metric, Counter)

    def gauge(self, metric: Metric) -> Gauge:
        return self._get(metric, Gauge)

    def histogram(self, metric: Metric) -> Histogram:
        return self._get(metric, Histogram)

    def exposition(self) -> bytes:
        return generate_latest(self.collector)

    def _get(self, metric: Metric, cls: type[M]) -> M:
        made = self._made.get(metric.name)
        if made is None:
            made = self._made[metric.name] = _make(metric, self.collector)
        if not isinstance(made, cls):
            raise TypeError(f"{metric.name} is a {metric.kind}")
        return made


def _make(metric: Metric, collector: CollectorRegistry) -> Counter | Gauge | Histogram:
    if metric.kind == "counter":
        return Counter(metric.name, metric.help, metric.labels, registry=collector)
    if metric.kind == "gauge":
        return Gauge(metric.name, metric.help, metric.labels, registry=collector)
    return Histogram(metric.name, metric.help, metric.labels, registry=collector, buckets=metric.buckets)


BATCHES = declare("baton_batch_handled_total", "counter", "Batches applied and committed.", ["group"])
RECORDS = declare(
    "baton_record_handled_total", "counter", "Records applied and committed.", ["group", "topic"]
)
RETRIES = declare(
    "baton_batch_retried_total",
    "counter",
    "Batches that failed and were rewound. A steady rate means that something they need is away or broken.",
    ["group"],
)
BATCH_SECONDS = declare("baton_batch_duration_seconds", "histogram", "Time to apply one batch.", ["group"])
RECORD_LAG = declare(
    "baton_record_lag_seconds",
    "histogram",
    "From a record's timestamp to its being applied and committed: the oldest record of each batch. A sender that "
    "stamps its records late or early shows here too. Real clock only.",
    ["group"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0),
)
LOG_LINES = declare(
    "baton_log_line_written_total",
    "counter",
    "Log lines written, by level. Errors are written for what needs a person.",
    ["level"],
    known=[["debug"], ["info"], ["warning"], ["error"], ["critical"]],
)
RESTARTS = declare(
    "baton_loop_restarted_total", "counter", "Passes of a loop that failed and were tried again.", ["loop"]
)
STALLED = declare(
    "baton_loop_stalled", "gauge", "1 for a loop that made no progress within its limit.", ["loop"]
)
PUBLISHED = declare(
    "baton_outbox_published_total", "counter", "Documents published from state tables.", ["outlet"]
)
REFUSED = declare(
    "baton_outbox_refused",
    "gauge",
    "Rows whose document the broker will not take, such as one too large; skipped until they change.",
    ["outlet"],
)
OPEN_REJECTIONS = declare(
    "baton_rejections_open",
    "gauge",
    "Refused records that nobody has dealt with yet, by the topic they are on: `baton dlq list`. Every replica counts "
    "all of them.",
    ["topic"],
)
REACHABLE = declare("baton_dependency_reachable", "gauge", "1 while the dependency answers.", ["dependency"])
MARK_AGE = declare(
    "baton_mark_age_seconds", "gauge", "How far the lowest applied mark is behind the clock.", ["consumer"]
)
