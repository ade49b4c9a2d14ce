"""What the deadlines process says of itself: when it fires next, how late it fired, how many deadlines there are."""

import math
from datetime import timedelta
from uuid import uuid4

import pytest

from schemas.transitions import DeadlineStatus
from services.chassis.counting import Count
from services.chassis.metrics import Registry
from services.chassis.service import Service
from services.transitions.consumer import Doors
from services.transitions.deadlines import DEADLINES, Firing
from services.transitions.settings import Settings
from services.transitions.store import SQL
from tests.transitions.test_doors_and_firing import FRIDAY, applied, as_records, at, discharged

pytestmark = pytest.mark.postgres

DUE = FRIDAY + timedelta(hours=72)


def sample(registry: Registry, name: str, **labels: str) -> float | None:
    return registry.collector.get_sample_value(name, labels)


async def one_discharge(service: Service) -> Firing:
    """A patient went home and is owed a call by DUE."""
    rules = Settings().rules()
    await at(service, FRIDAY + timedelta(minutes=6))
    await Doors(rules).on_encounters(service, as_records([discharged(visit_id=uuid4(), patient_id=uuid4())]))
    return Firing(service, rules)


async def test_when_it_fires_next_is_said_and_taken_back(service: Service) -> None:
    """Given a timer, then the seconds until it are said; given none any more, then no number is, and none is overdue."""
    firing = await one_discharge(service)
    await firing.once()
    ahead = sample(service.registry, "baton_deadline_next_seconds")
    await service.pool.execute("DELETE FROM transitions.timer")
    await firing.once()
    after = sample(service.registry, "baton_deadline_next_seconds")

    assert ahead is not None
    assert ahead > 0
    assert after is not None
    assert math.isnan(after)


async def test_how_late_each_one_fired_is_observed(service: Service) -> None:
    """Given a call that is due, when it fires two minutes later, then one lateness of two minutes and a little more.

    The notice to the practice, due the midnight before, was fifteen hours late by then.
    """
    firing = await one_discharge(service)
    await at(service, DUE + timedelta(minutes=2))
    await applied(service, DUE + timedelta(minutes=2))
    await firing.once()

    assert sample(service.registry, "baton_deadlines_fired_total") == 2
    assert sample(service.registry, "baton_deadline_lateness_seconds_count") == 2
    assert sample(service.registry, "baton_deadline_lateness_seconds_bucket", le="60.0") == 0
    assert sample(service.registry, "baton_deadline_lateness_seconds_bucket", le="300.0") == 1


async def test_what_was_known_too_late_is_not_late(service: Service) -> None:
    """Given a discharge that is heard of after its call was due, when it is planned, then no lateness is ours."""
    rules = Settings().rules()
    learned = DUE + timedelta(days=1)
    await at(service, learned)
    event = discharged(visit_id=uuid4(), patient_id=uuid4(), learned=learned)
    await Doors(rules).on_encounters(service, as_records([event]))
    await applied(service, learned + timedelta(minutes=1))
    await at(service, learned + timedelta(minutes=1))
    await Firing(service, rules).once()

    assert await service.pool.fetchval("SELECT count(*) FROM transitions.deadline WHERE late_known") > 0
    assert sample(service.registry, "baton_deadline_lateness_seconds_count") in {None, 0.0}


async def test_deadlines_are_counted_by_status(service: Service) -> None:
    """Given call and notice missed, and contact, visit and reconciliation pending, then the gauge has that and no other."""
    firing = await one_discharge(service)
    await at(service, DUE)
    await applied(service, DUE)
    await firing.once()
    await Count(DEADLINES, SQL["count_deadlines"], DeadlineStatus).once(service)
    counted = {word: sample(service.registry, "baton_deadlines", status=word) for word in DeadlineStatus}

    assert counted == dict.fromkeys(DeadlineStatus, 0.0) | {"missed": 2.0, "pending": 3.0}
