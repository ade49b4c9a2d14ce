"""A hospital's days as beats: what reaches Kafka before the clock shows the end of each. The same seed, the same days.

Messages come late and twice, people call, hand over and forget, as in life. Every record is stamped with the instant
at which it arrives, so how the story ends does not depend on how fast, or how often, it is read.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from schemas.topics import ADT_INBOUND, CARE_ACTIONS
from services.chassis.kafka import Outgoing
from tests.bench import feed
from tests.bench.feed import Message

KILLS = int(os.environ.get("BATON_KILLS", "3"))
"""How often each process is to be killed; the story is as long as that takes."""
UNTIL = datetime(2026, 3, 12, 16, 0, tzinfo=UTC)
"""The last instant of the feed; clocks change in New York four days before."""
PARTITIONS = 6
LONGEST = timedelta(hours=8)
AFTERWARDS = (12, 24, 48, 72, 110)
"""Hours after the last message at which the clock stops again: by then every call is due."""


@dataclass(frozen=True, slots=True)
class Beat:
    """Records by topic, and the instant that the clock shows once they are in Kafka."""

    inbound: tuple[Outgoing, ...]
    actions: tuple[Outgoing, ...]
    at: datetime

    def records(self) -> Iterator[tuple[str, tuple[Outgoing, ...]]]:
        yield ADT_INBOUND, self.inbound
        yield CARE_ACTIONS, self.actions


@dataclass(frozen=True, slots=True)
class Story:
    starts_at: datetime
    beats: tuple[Beat, ...]


def hospital(messages: int, *, beats: int, seed: int) -> Story:
    """Some days of a hospital with about this many messages, cut into `beats` and some more."""
    rng = Random(seed)
    told = feed.messages(messages, seed=seed, until=UNTIL)
    arriving = [(at, ADT_INBOUND, data) for one in told for at, data in _arrivals(rng, one)]
    arriving += [(at, CARE_ACTIONS, data) for at, data in _deeds(rng, told)]
    arriving.sort(key=lambda each: (each[0], each[2]))
    # The clock is never ahead of a record that is still to come: no two arrive in the same millisecond.
    instants, last = [], datetime.min.replace(tzinfo=UTC)
    for at, _, _ in arriving:
        last = max(at.replace(microsecond=at.microsecond // 1000 * 1000), last + timedelta(milliseconds=1))
        instants.append(last)
    cuts = _cuts(instants, len(instants) // beats + 1)
    cut = [_beat(arriving[a:b], instants[a:b]) for a, b in pairwise(cuts)]
    end = max(cut[-1].at, UNTIL)
    quiet = [Beat((), (), end + timedelta(hours=hours)) for hours in AFTERWARDS]
    return Story(instants[0] - timedelta(seconds=1), (*cut, *quiet))


def _cuts(instants: Sequence[datetime], longest: int) -> list[int]:
    """Where to cut, so that no beat is longer than that, nor than a few hours: the clock moves as in life."""
    cuts = [0]
    for index, at in enumerate(instants):
        if index - cuts[-1] >= longest or at - instants[cuts[-1]] > LONGEST:
            cuts.append(index)
    return [*cuts, len(instants)]


def _beat(arriving: Sequence[tuple[datetime, str, bytes]], instants: Sequence[datetime]) -> Beat:
    inbound, actions = [], []
    for (_, topic, data), at in zip(arriving, instants, strict=True):
        into = inbound if topic == ADT_INBOUND else actions
        stamp = round(at.timestamp() * 1000)
        into.append(Outgoing(None, data, partition=len(into) % PARTITIONS, timestamp_ms=stamp))
    return Beat(tuple(inbound), tuple(actions), instants[-1] + timedelta(milliseconds=1))


def _arrivals(rng: Random, message: Message) -> Iterator[tuple[datetime, bytes]]:
    """Most messages arrive at once, some hours late, some twice."""
    late = rng.random() < 0.06
    yield message.at + (timedelta(minutes=rng.uniform(10, 300)) if late else timedelta(0)), message.data
    if rng.random() < 0.04:
        yield message.at + timedelta(minutes=rng.uniform(1, 600)), message.data


def _deeds(rng: Random, told: Sequence[Message]) -> Iterator[tuple[datetime, bytes]]:
    """What coordinators and units do about it: for about half of what is owed, and not always in time."""
    for number, message in enumerate(told):
        by = {"id": f"deed-{number}", "visit": message.visit, "by": f"nurse{number % 7}"}
        if message.goes_home and rng.random() < 0.6:
            called = {"type": "contact_attempted", "channel": "phone", "party": "patient"}
            first = message.at + timedelta(hours=rng.uniform(3, 80))
            reached = rng.random() < 0.6
            yield first, _said(by | called, outcome="reached" if reached else "no_answer")
            if not reached:
                again = first + timedelta(hours=rng.uniform(0.5, 20))
                yield again, _said(by | called | {"id": f"deed-{number}-again"}, outcome="no_answer")
            yield from _followed_up(rng, message, by)
        elif message.trigger == "A02" and rng.random() < 0.6:
            at = message.at + timedelta(minutes=rng.uniform(5, 110))
            yield at, _said(by, type="handoff_acknowledged", read_back=rng.random() < 0.8)
        elif message.trigger == "A03" and rng.random() < 0.1:
            at = message.at + timedelta(hours=rng.uniform(50, 90))
            yield at, _said(by, type="alert_acknowledged", kind="call_72h")


def _followed_up(rng: Random, message: Message, by: dict[str, str]) -> Iterator[tuple[datetime, bytes]]:
    """Notice, appointment, visit and reconciliation, each for some; a visit may come to be owed sooner."""
    told, seen = (
        message.at + timedelta(hours=rng.uniform(1, 70)),
        message.at + timedelta(days=rng.uniform(1, 16)),
    )
    if rng.random() < 0.6:
        yield told, _said(by | {"id": by["id"] + "-notice"}, type="pcp_notified")
    if rng.random() < 0.3:
        yield told, _said(by | {"id": by["id"] + "-high"}, type="complexity_assessed", complexity="high")
    if rng.random() < 0.5:
        appointment = {"type": "appointment_booked", "occurs_at": seen.isoformat()}
        yield told, _said(by | {"id": by["id"] + "-booked"}, **appointment)
    if rng.random() < 0.5:
        yield seen, _said(by | {"id": by["id"] + "-visit"}, type="visit_completed")
        yield (
            seen + timedelta(hours=2),
            _said(by | {"id": by["id"] + "-drugs"}, type="medications_reconciled"),
        )


def _said(fields: dict[str, str], **more: object) -> bytes:
    return json.dumps(fields | more).encode()


def of_all_tests() -> Story:
    """The story that the tests share: one undisturbed run of it is what all others are compared with."""
    return hospital(max(600, 120 * KILLS), beats=max(24, 4 * KILLS), seed=11)


def thirds(story: Story) -> tuple[tuple[Beat, ...], ...]:
    """The beats of a story in three parts."""
    cuts = [round(n * len(story.beats) / 3) for n in range(4)]
    return tuple(story.beats[a:b] for a, b in pairwise(cuts))
