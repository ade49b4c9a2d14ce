"""What is kept of an action."""

from datetime import UTC
from uuid import uuid4

from services.transitions.store import deed_of
from tests.transitions.domain.builders import ny


def test_an_action_told_with_an_offset_is_kept_in_utc() -> None:
    """Given times of a client in New York; then each is the same instant in UTC, as everything inside is."""
    body = (
        b'{"type":"care_plan_recorded","occurred_at":"2026-01-12T08:00:00-05:00",'
        b'"occurs_at":"2026-01-15T09:00:00-05:00","review_at":"2026-01-20T10:00:00-05:00"}'
    )
    deed = deed_of("a1", uuid4(), ny("2026-01-12 08:05").astimezone(UTC), body)
    times = (deed.occurred_at, deed.occurs_at, deed.review_at)
    assert times == (ny("2026-01-12 08:00"), ny("2026-01-15 09:00"), ny("2026-01-20 10:00"))
    assert [at.tzinfo for at in times if at] == [UTC, UTC, UTC]
