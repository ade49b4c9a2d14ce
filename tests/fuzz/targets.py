"""What must hold for any input: each takes a source of chance, and raises where it does not."""

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from services.admissions.domain.fold import fold
from services.admissions.domain.identity import merge_facts, people
from services.admissions.domain.joins import groups, joins
from services.admissions.domain.model import AdtEvent, Rejection, VisitKey
from services.admissions.hl7 import frames
from services.admissions.hl7.describe import describe, describe_rejection
from services.admissions.hl7.sender import sender
from services.admissions.hl7.triggers import TYPES
from services.admissions.mllp.framing import Frames
from services.transitions.domain.actions import Read, Refusal, read_action
from tests.admissions.domain.several import any_message
from tests.admissions.hl7.builders import ARRIVAL, a_message, outcome
from tests.fuzz.mutations import ACTIONS, JSON_CHUNKS, PROFILES, SEEDS, mutated

Target = Callable[[random.Random], bytes]
"""Gives the input it has tried."""

_LIMIT = 4096


def check_message(data: bytes) -> None:
    """An event or a reason, under every profile."""
    sender(data)
    for profile in PROFILES:
        said = outcome(data, profile)
        for one in said if isinstance(said, tuple) else (said,):
            assert isinstance(one, AdtEvent | Rejection)
            if isinstance(one, Rejection):
                assert describe_rejection(one)["error"]["code"]
                continue
            assert one.control_id
            assert "\0" not in str(describe(one))
            assert one.patient or one.trigger not in TYPES or one.trigger == "A20"


def read(rng: random.Random) -> bytes:
    """The reader: any bytes become events or a reason."""
    data = mutated(rng.choice(SEEDS), rng)
    check_message(data)
    assert all(piece.strip(b"\r\n \t") for piece in frames.split(data))
    return data


def frame(rng: random.Random) -> bytes:
    """MLLP: the frames found do not depend on how the bytes were split over reads, and memory stays bounded."""
    data = b"".join(b"\x0b" + mutated(rng.choice(SEEDS), rng) + b"\x1c\r" for _ in range(rng.randrange(1, 4)))
    if rng.random() < 0.3:
        data = mutated(data, rng)
    whole, pieces = Frames(_LIMIT), Frames(_LIMIT)
    at_once = whole.feed(data)
    bit_by_bit = []
    rest = data
    while rest:
        size = rng.randrange(1, 200)
        bit_by_bit += pieces.feed(rest[:size])
        rest = rest[size:]
        assert pieces.held <= _LIMIT + 200
    assert at_once == bit_by_bit
    return data


def history(rng: random.Random) -> bytes:
    """The fold: any events of one visit make visits, the same ones in any order and repetition."""
    day = ARRIVAL.replace(hour=8)
    messages = []
    for n in range(rng.randrange(2, 9)):
        when = (day + timedelta(minutes=rng.randrange(0, 6000, 30))).strftime("%Y%m%d%H%M%S-0000")
        times = {"f44": when} if rng.random() < 0.5 else {}
        if rng.random() < 0.3:
            times["f45"] = (day + timedelta(minutes=rng.randrange(0, 9000, 30))).strftime("%Y%m%d%H%M%S-0000")
        event = {"f2": when} | ({"f6": when} if rng.random() < 0.3 else {})
        said = {"f2": rng.choice("IEO"), "f3": f"{rng.choice('ABC')}^1^1^HOSPA"} | times
        trigger = rng.choice(sorted(TYPES))
        messages.append(a_message(trigger, msh={"f10": f"C{n}"}, event_type=event, pv1=said))
    events = [
        one
        for message in messages
        for said in [outcome(message, PROFILES[0])]
        for one in (said if isinstance(said, tuple) else (said,))
        if isinstance(one, AdtEvent)
    ]
    visits = fold(events, PROFILES[0])
    again = events + rng.choices(events, k=3) if events else []
    rng.shuffle(again)
    assert fold(again, PROFILES[0]) == visits
    return "\n".join(messages).encode()


def numbers(rng: random.Random) -> bytes:
    """Who is who and which visit is meant: any merges, moves and re-labels come to the same in any order and repetition."""
    events = [any_message(rng.choice) for _ in range(rng.randrange(2, 16))]
    again = events + rng.choices(events, k=3)
    rng.shuffle(again)
    assert _meant(again) == _meant(events)
    return repr(events).encode()


def _meant(events: Sequence[AdtEvent]) -> tuple[Any, ...]:
    facts = {fact for event in events for fact in joins(event)}
    told: dict[VisitKey, list[AdtEvent]] = {
        key: [] for fact in facts for key in (fact.retired, fact.surviving)
    }
    for event in events:
        if event.visit is not None:
            told.setdefault(event.visit, []).append(event)
    found = people({fact for event in events for fact in merge_facts(event)})
    return groups([*facts], told), found.records, found.persons, found.refused


def act(rng: random.Random) -> bytes:
    """An action: read, or refused with a reason that holds nothing of it."""
    data = mutated(rng.choice(ACTIONS), rng, seeds=ACTIONS, chunks=JSON_CHUNKS, separator=b'"')
    said = read_action(data, ARRIVAL)
    assert isinstance(said, Read | Refusal)
    if isinstance(said, Refusal):
        assert said.code
        assert said.detail
    return data


TARGETS: dict[str, Target] = {
    "read": read,
    "frame": frame,
    "fold": history,
    "numbers": numbers,
    "act": act,
}
