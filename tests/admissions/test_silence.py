"""A feed and its units, heard and no longer heard, in Postgres and on /metrics."""

from datetime import UTC, datetime, timedelta

import pytest

from services.admissions.consumer import Inbound
from services.admissions.settings import Settings
from services.admissions.silence import SILENT, Watch
from services.chassis.service import Service
from tests.messages import adt, record

pytestmark = pytest.mark.postgres

NOW = datetime.now(UTC).replace(minute=50, second=0, microsecond=0) - timedelta(hours=1)

_HABIT = """
INSERT INTO admissions.heard (feed, facility, unit, hour, messages, last_at)
SELECT feed, facility, unit, at, 60, at + interval '59 minutes'
FROM unnest($1::text[], $2::text[], $3::text[]) AS source (feed, facility, unit),
     generate_series($4::timestamptz, $5::timestamptz, interval '1 hour') AS at
"""


async def gauges(service: Service, watch: Watch) -> dict[tuple[str, str, str], float]:
    await watch.once(service)
    family = next(iter(service.registry.gauge(SILENT).collect()))
    return {(s.labels["feed"], s.labels["facility"], s.labels["unit"]): s.value for s in family.samples}


async def test_a_batch_is_heard_by_feed_and_unit(service: Service):
    """Given messages of two units and one that is refused; then each unit and the feed have their counts and last times."""
    inbound = Inbound(Settings())
    messages = [
        adt("A01", control="1", at="202601050830", unit="4W"),
        adt("A08", control="2", at="202601050840", unit="4W"),
        adt("A01", control="3", at="202601050830", unit="ICU", visit="V9", mrn="9"),
        b"MSH|^~\\&|nothing",
    ]
    await inbound.on_inbound(service, [record(m, offset=n, at=NOW) for n, m in enumerate(messages)])
    rows = await service.pool.fetch("SELECT unit, messages, last_at FROM admissions.heard ORDER BY unit")

    assert [tuple(row) for row in rows] == [("", 4, NOW), ("4W", 2, NOW), ("ICU", 1, NOW)]


async def test_a_unit_and_then_the_feed_fall_silent_and_are_heard_again(service: Service):
    """Given eight weeks of 60 an hour; a unit stops, then the feed; the unit is named, then only the feed, then none."""
    watch = Watch(Inbound(Settings()))
    long_ago = NOW.replace(minute=0) - timedelta(weeks=8)
    names = [("default", "", ""), ("default", "HOSPA", "4W"), ("default", "HOSPA", "ICU")]
    await service.pool.execute(
        _HABIT, *map(list, zip(*names, strict=True)), long_ago, NOW - timedelta(hours=4)
    )
    hear = "INSERT INTO admissions.heard VALUES ('default', $1, $2, $3, 60, $4)"

    async def heard(facility: str, unit: str, at: datetime) -> None:
        await service.pool.execute(hear, facility, unit, at.replace(minute=0), at)

    await service.pool.execute(
        "INSERT INTO baton.applied_mark (consumer, topic, partition, mark) VALUES ('admissions', 'adt.inbound', 0, $1)",
        NOW,
    )
    for hours in (3, 2, 1):
        await heard("", "", NOW - timedelta(hours=hours))
        await heard("HOSPA", "4W", NOW - timedelta(hours=hours))
    await heard("", "", NOW)
    await heard("HOSPA", "4W", NOW)
    a_unit = await gauges(service, watch)
    await service.pool.execute("DELETE FROM admissions.heard WHERE hour >= $1", NOW - timedelta(hours=2))
    the_feed = await gauges(service, watch)
    for facility, unit in (("", ""), ("HOSPA", "4W"), ("HOSPA", "ICU")):
        await heard(facility, unit, NOW)
    nobody = await gauges(service, watch)

    assert list(a_unit) == [("default", "HOSPA", "ICU")]
    assert list(the_feed) == [("default", "", "")]
    assert the_feed["default", "", ""] == pytest.approx(3 * 3600, abs=3600)
    assert nobody == {}
