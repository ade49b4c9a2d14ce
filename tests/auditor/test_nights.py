"""Once a day: when the audit runs, and what it tells operations."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from services.auditor import nights
from services.auditor.app import build
from services.auditor.settings import Settings
from services.chassis import clock
from tests.auditor.kept import keep
from tests.baton.stories import stories

NIGHT = datetime(2026, 2, 1, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "hour", "then"),
    [
        ("2026-02-01T02:59:59", 3, "2026-02-01T03:00:00"),
        ("2026-02-01T03:00:00", 3, "2026-02-02T03:00:00"),
        ("2026-12-31T23:30:00", 0, "2027-01-01T00:00:00"),
    ],
)
def test_the_next_night_begins_at_the_full_hour(now: str, hour: int, then: str) -> None:
    """By the clock of UTC, which knows no change of time."""
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)

    assert nights.following(at, hour) == datetime.fromisoformat(then).replace(tzinfo=UTC)


@pytest.mark.postgres
async def test_the_night_is_a_number_that_operations_see(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an alert that was lost, when the hour comes, then one difference and the end of the audit are shown; not before."""
    story = next(each for each in stories() if each.name == "missed_call")
    settings = Settings(database_url=database, kafka_bootstrap_servers="x:1")
    service = build(settings)
    night = nights.Nights(settings.rules(), 3)
    async with asyncpg.create_pool(database, min_size=1, max_size=1) as pool:
        service.pool = pool
        db = await asyncpg.connect(database)
        await keep(db, story.lines(), NIGHT)
        await db.execute("DELETE FROM notifications.alert WHERE kind = 'call_72h_missed'")
        await db.close()

        monkeypatch.setattr(clock, "wall", lambda: NIGHT - timedelta(minutes=1))
        assert await night.once(service) == 60
        assert b"baton_audit_differences 1" not in service.registry.exposition()
        monkeypatch.setattr(clock, "wall", lambda: NIGHT)
        await night.once(service)

    said = service.registry.exposition().decode()
    [ended] = [row.split()[1] for row in said.splitlines() if row.startswith(nights.LAST_RUN.name)]
    assert float(ended) == NIGHT.timestamp()
    assert "baton_audit_differences 1.0" in said
    assert 'baton_audit_patients{result="audited"} 1.0' in said
