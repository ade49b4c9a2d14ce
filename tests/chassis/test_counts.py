"""Metrics that stand at nought before anything happened, lines counted as they are written, rows counted in Postgres."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.chassis import logs, metrics
from services.chassis.counting import EVERY, Count
from services.chassis.health import Progress
from services.chassis.kafka import Record
from services.chassis.kafka.subscriber import Subscriber
from services.chassis.loops import run_forever
from services.chassis.service import Service
from tests.chassis.conftest import a_settings

CODED = metrics.declare("baton_test_coded_total", "counter", "Test.", ["code"], known=[["wrong"], ["worse"]])
ROWS = metrics.declare("baton_test_rows", "gauge", "Test.", ["status"])


def exposed(registry: metrics.Registry) -> set[str]:
    return set(registry.exposition().decode().splitlines())


def test_what_can_be_named_stands_at_nought_from_the_start():
    """Given a process that did nothing yet, then its counters are there: with their known labels, and without any."""
    said = exposed(Service("test", a_settings()).registry)

    assert said >= {
        'baton_test_coded_total{code="wrong"} 0.0',
        'baton_test_coded_total{code="worse"} 0.0',
        'baton_log_line_written_total{level="error"} 0.0',
    }


async def test_a_loop_and_a_consumer_stand_at_nought_from_the_start():
    """Given a loop and a consumer that never failed, then that is what their counters say."""
    registry = metrics.Registry()
    Subscriber(a_settings(), "readers", _nothing, Progress(), registry)
    loop = asyncio.create_task(run_forever("fire", _rest, Progress(), registry=registry))
    await asyncio.sleep(0)
    loop.cancel()

    assert exposed(registry) >= {
        'baton_batch_handled_total{group="readers"} 0.0',
        'baton_batch_retried_total{group="readers"} 0.0',
        'baton_loop_restarted_total{loop="fire"} 0.0',
    }


def test_log_lines_are_counted_by_level(log_lines: Callable[[], str]):
    """Given lines of ours and of a library, when they are written, then each counts; what is too quiet does not."""
    registry = metrics.Registry()
    logs.configure("test", a_settings(log_level="INFO"), registry=registry)
    logger = logs.get_logger("thing")
    logger.debug("unheard")
    logger.info("one")
    logger.error("two")
    logger.error("three")

    assert exposed(registry) >= {
        'baton_log_line_written_total{level="info"} 1.0',
        'baton_log_line_written_total{level="error"} 2.0',
    }
    assert 'baton_log_line_written_total{level="debug"} 1.0' not in exposed(registry)
    assert log_lines().count("\n") == 3


@pytest.mark.parametrize(
    ("ago", "given", "lag"),
    [(90.0, {}, (60.0, 300.0)), (-90.0, {}, (0.0, 0.05)), (90.0, {"controlled_clock": True}, None)],
)
async def test_how_long_a_record_took_is_observed(
    ago: float, given: dict[str, Any], lag: tuple[float, float] | None
):
    """Given a batch whose oldest record was stamped then, when it is applied, then its age is observed, once; a stamp
    in the future counts as now, and the controlled clock's stamps say nothing.
    """
    registry = metrics.Registry()
    subscriber = Subscriber(a_settings(**given), "readers", _nothing, Progress(), registry)
    now = datetime.now(UTC)
    stamps = (max(now, now - timedelta(seconds=ago)), now - timedelta(seconds=ago))
    await subscriber.handle([Record("in", 0, n, None, b"x", (), at, "create") for n, at in enumerate(stamps)])
    said = exposed(registry)

    assert ('baton_record_lag_seconds_count{group="readers"} 1.0' in said) == (lag is not None)
    if lag is not None:
        below, above = (f'baton_record_lag_seconds_bucket{{group="readers",le="{bound}"}}' for bound in lag)
        assert f"{below} 1.0" not in said
        assert f"{above} 1.0" in said


async def test_rows_are_counted_by_word(database: str):
    """Given rows of two kinds and a third kind of which there are none, when they are counted, then each has its
    number; when they are gone, nought.
    """
    service = Service("test", a_settings())
    count = Count(
        ROWS, "SELECT status AS word, count(*) AS count FROM pile GROUP BY status", ["open", "void"]
    )
    async with asyncpg.create_pool(database, min_size=1, max_size=1) as service.pool:
        await service.pool.execute("CREATE TABLE pile (status text)")
        await service.pool.execute("INSERT INTO pile VALUES ('open'), ('open'), ('odd')")
        rest = await count.once(service)
        first = exposed(service.registry)
        await service.pool.execute("DELETE FROM pile")
        await count.once(service)
        second = exposed(service.registry)

    assert rest >= EVERY
    assert first >= {
        f'baton_test_rows{{status="{word}"}} {n}.0' for word, n in (("open", 2), ("void", 0), ("odd", 1))
    }
    assert second >= {'baton_test_rows{status="open"} 0.0', 'baton_test_rows{status="void"} 0.0'}


async def _nothing(records: list[Record]) -> None:
    pass


async def _rest() -> float:
    return 60.0
