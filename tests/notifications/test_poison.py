"""Deadlines, episodes and lists with something in them that nobody can keep: passed by, and those behind are heard."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from schemas.transitions import DeadlineEvent, EpisodeEvent, TeamAck
from tests.notifications.builders import (
    DISCHARGED,
    DUE,
    a_deadline,
    a_readmission,
    a_warning,
    an_ack,
    an_episode,
)
from tests.notifications.conftest import House, a_record
from tests.poison import offer, wrong

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]

Event = DeadlineEvent | EpisodeEvent | TeamAck


def missed(n: int) -> DeadlineEvent:
    return a_deadline("missed", deadline_id=UUID(int=100_000 + n), episode_id=f"G{n:07}")


def whole_deadline() -> DeadlineEvent:
    return a_deadline(
        "missed",
        warnings=(a_warning(48),),
        warned=1,
        warned_at=DUE,
        hold_until=DUE,
        settled_at=DUE,
        acknowledged=(an_ack("call_72h_missed", 80),),
    )


def whole_episode() -> EpisodeEvent:
    return an_episode(readmission=a_readmission(), acknowledged=(an_ack("call_72h_missed", 80),))


def a_list() -> TeamAck:
    return TeamAck(team="4W", revision=1, at=DISCHARGED, known_at=DISCHARGED, by="rn1")


@pytest.mark.parametrize("event", [whole_deadline, whole_episode, a_list])
async def test_no_event_stops_those_behind_it(house: House, event: Callable[[], Event]) -> None:
    """Given every leaf of an event made what no column, calendar or parser takes, each before a missed deadline in
    its batch; then each of those is an alert.
    """
    document: dict[str, Any] = json.loads(event().model_dump_json())
    expected = set()
    for n, (_, value) in enumerate(wrong(document)):
        records = [a_record(event(), value=value), a_record(missed(n))]
        await offer(house.service, house.door.on_transitions, house.door.refuse, records)
        expected.add(f"G{n:07}")
    rows = await house.rows("SELECT episode_id FROM notifications.alert")

    assert len(expected) > 40
    assert expected - {row["episode_id"] for row in rows} == set()
