"""Metrics, named SQL, records and progress: the parts that need no server."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from services.chassis import health, loops, metrics, sql
from services.chassis.kafka.records import Record, from_kafka
from services.chassis.postgres import backoff

# --- named SQL ----------------------------------------------------------------------------------------------

GOOD = """
-- name: first
-- Says one.
SELECT 1;

-- name: second
-- Says two; this is
-- a longer sentence.
SELECT 2
-- with a word in between
WHERE true;
"""


def test_statements_come_by_name():
    """Names, sentences and statements are told apart."""
    found = sql.parse(GOOD, where="x")

    assert dict(found) == {"first": "SELECT 1", "second": "SELECT 2\nWHERE true"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD + "-- name: first\n-- Again.\nSELECT 3;", "first is there twice"),
        ("-- name: first\nSELECT 1;", "no sentence"),
        ("-- name: first\n-- Only words.", "no statement"),
        ("-- name: First-One\n-- Words.\nSELECT 1", "is no name"),
        ("SELECT 1;\n-- name: first\n-- Words.\nSELECT 1", "before the first name"),
    ],
)
def test_a_badly_written_file_is_refused(text: str, complaint: str):
    """A duplicate, a missing sentence or a stray statement is found when the package is imported."""
    with pytest.raises(sql.SqlError, match=complaint):
        sql.parse(text, where="x")


# --- metrics ------------------------------------------------------------------------------------------------


def test_a_metric_means_one_thing():
    """The same declaration twice is one; a different one under the same name is refused."""
    metrics.declare("baton_test_seen_total", "counter", "Seen.", ["kind"])
    metrics.declare("baton_test_seen_total", "counter", "Seen.", ["kind"])

    with pytest.raises(ValueError, match="declared twice"):
        metrics.declare("baton_test_seen_total", "counter", "Something else.")
    with pytest.raises(ValueError, match="ends in _total"):
        metrics.declare("baton_test_seen", "counter", "Seen.")


def test_registries_do_not_share():
    """Two services in one process, as in tests, count apart."""
    seen = metrics.declare("baton_test_counted_total", "counter", "Counted.")
    one, two = metrics.Registry(), metrics.Registry()
    one.counter(seen).inc(3)
    two.counter(seen).inc()

    assert b"baton_test_counted_total 3.0" in one.exposition()
    assert b"baton_test_counted_total 1.0" in two.exposition()
    with pytest.raises(TypeError):
        one.gauge(seen)


def test_every_metric_has_a_sentence():
    """The catalogue is the documentation, so each entry is a sentence."""
    assert all(metric.help.endswith(".") for metric in metrics.catalogue() if "test" not in metric.name)


# --- records ------------------------------------------------------------------------------------------------


def a_raw(**given: Any) -> Any:
    defaults = {
        "topic": "p.in",
        "partition": 1,
        "offset": 7,
        "key": None,
        "value": b"x",
        "headers": (),
        "timestamp": 1_767_225_600_000,
        "timestamp_type": 0,
    }
    return SimpleNamespace(**(defaults | given))


def test_a_record_is_read_by_our_names():
    """The prefix is gone, the timestamp is an instant, a tombstone has no value."""
    record = from_kafka(a_raw(value=None), prefix=2)

    assert Record("in", 1, 7, None, None, (), datetime(2026, 1, 1, tzinfo=UTC), "create") == record


@pytest.mark.parametrize("stamp", [-1, None, 0, 2**62, -(2**62)])
def test_no_timestamp_is_too_odd(stamp: int | None):
    """Producers stamp anything; reading it cannot fail."""
    assert from_kafka(a_raw(timestamp=stamp), prefix=0).timestamp.tzinfo is UTC


def test_a_header_that_is_no_text_is_none():
    """The last header of a name counts; bytes that are no UTF-8 are no text, and no value is empty."""
    record = from_kafka(a_raw(headers=(("a", b"1"), ("a", b"2"), ("b", b"\xff\xfe"), ("c", None))), prefix=0)

    assert tuple(map(record.header, "abcd")) == ("2", None, "", None)


# --- progress and loops -------------------------------------------------------------------------------------


def test_pauses_grow_to_the_longest():
    """The pause doubles, up to the longest, and is never the same for two replicas."""
    pauses = backoff(1.0, 10.0)
    found = [next(pauses) for _ in range(6)]

    assert all(0.8 * high <= pause <= high for pause, high in zip(found, [1, 2, 4, 8, 10, 10], strict=True))


def test_who_does_not_beat_is_missed(monkeypatch: pytest.MonkeyPatch):
    """Past its limit a loop counts as stalled, unless it waits for something that is away."""
    time = [0.0]
    monkeypatch.setattr(health, "monotonic", lambda: time[0])
    progress = health.Progress()
    progress.register("slow", limit=10)
    progress.register("waits", limit=10)
    with progress.waiting("waits"):
        time[0] = 11

        assert progress.stalled() == ["slow"]
    progress.beat("slow")

    assert progress.stalled() == []


async def test_a_loop_outlives_its_errors(log_lines: Any):
    """A pass that raises is logged without its message, counted, and tried again."""
    registry, progress, passes = metrics.Registry(), health.Progress(), []

    async def once() -> None:
        passes.append(len(passes))
        if len(passes) < 3:
            raise ValueError("SMITH^JOHN")

    signal = loops.Signal()
    task = asyncio.create_task(
        loops.run_forever(
            "test", once, progress, every=3600, signal=signal, retry_min=0.01, registry=registry
        )
    )
    while len(passes) < 3:
        await asyncio.sleep(0.01)
    signal.set()
    while len(passes) < 4:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert b'baton_loop_restarted_total{loop="test"} 2.0' in registry.exposition()
    assert "SMITH" not in log_lines()
    assert progress.names() == []


async def test_a_loop_may_say_when_to_come_back():
    """What a pass returns is how long to rest; 0 goes on at once."""
    passes = []

    async def once() -> float:
        passes.append(1)
        return 0 if len(passes) < 50 else 3600

    task = asyncio.create_task(loops.run_forever("test", once, health.Progress(), every=3600))
    while len(passes) < 50:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()


# --- health over HTTP ---------------------------------------------------------------------------------------


async def test_the_pages_say_who_and_what(monkeypatch: pytest.MonkeyPatch):
    """/healthz names who is stuck; /readyz gives a sentence for each question; /metrics are Prometheus'."""
    time = [0.0]
    monkeypatch.setattr(health, "monotonic", lambda: time[0])
    progress, readiness = health.Progress(), health.Readiness()
    progress.register("loop", limit=10)

    async def fine() -> None:
        return None

    async def broken() -> str:
        raise ValueError("SMITH^JOHN")

    async def noted() -> str:
        return "A file is wrong."

    readiness.add_check("fine", fine)
    readiness.add_note("files", noted)
    app = health.application("test", progress, readiness, metrics.Registry())
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")

    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200
    readiness.add_check("broken", broken)
    time[0] = 11
    stuck, unready, exposed = [await client.get(path) for path in ("/healthz", "/readyz", "/metrics")]

    assert (stuck.status_code, stuck.json()["stalled"]) == (503, ["loop"])
    assert unready.status_code == 503
    assert unready.json()["checks"] == {
        "fine": {"ok": True, "detail": None},
        "broken": {"ok": False, "detail": "The check failed: ValueError."},
        "files": {"ok": True, "detail": "A file is wrong."},
    }
    assert 'baton_loop_stalled{loop="loop"} 1.0' in exposed.text
