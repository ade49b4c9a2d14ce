"""The way of the messages to their reader: some come twice, some after later ones, some late."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from random import Random

from baton.simulate.hospital import Hospital
from baton.simulate.times import DAY, HOUR, Clock

DUPLICATE, DISORDER, LATE = "duplicate", "out_of_order", "late"

_LEAST_LATE, _MOST_LATE = math.log(300), math.log(4 * DAY)
_PATIENCE = 6 * HOUR
"""So long a message waits to be overtaken by another one of its visit, in seconds."""
_MOST_DOUBLED = math.log(8 * HOUR)
_REPLAYED = 0.25


@dataclass(slots=True, eq=False)
class Letter:
    """A message under way. `number` is its place in true order, `twin` another copy of it."""

    number: int
    control_id: str
    visit: str
    trigger: str
    what: str
    written: int
    data: bytes
    fate: tuple[str, ...] = ()
    twin: "Letter | None" = None
    gone: bool = False


class Wire:
    """Takes messages in true order and gives them in order of arrival."""

    def __init__(self, hospital: Hospital, clock: Clock) -> None:
        self._clock = clock
        self._duplicates, self._disorder, self._lateness = (
            (rate, Random(f"{hospital.seed}/{name}"))
            for rate, name in (
                (hospital.duplicates, "duplicates"),
                (hospital.disorder, "disorder"),
                (hospital.lateness, "lateness"),
            )
        )
        self._coming: list[tuple[int, int, Letter]] = []
        self._posted = self._latest = 0
        self._waiting: dict[str, list[Letter]] = {}

    def post(self, letter: Letter) -> None:
        """Take a message that was just written."""
        at = letter.written + 1
        rate, rng = self._duplicates
        if rate and rng.random() < rate:
            self._double(letter, at, rng)
        rate, rng = self._lateness
        if rate and rng.random() < rate:
            letter.fate = (LATE,)
            self._put(at + int(math.exp(rng.uniform(_LEAST_LATE, _MOST_LATE))), letter)
            return
        rate, rng = self._disorder
        if rate and rng.random() < rate:
            letter.fate = (DISORDER,)
            self._waiting.setdefault(letter.visit, []).append(letter)
            self._put(at + _PATIENCE, letter)
            return
        if self._waiting:
            for overtaken in self._waiting.pop(letter.visit, ()):
                self._put(at + 1 + int(rng.random() * 60), overtaken)
        self._put(at, letter)

    def arrived(self, now: int | None = None) -> Iterator[tuple[int, Letter, tuple[str, ...]]]:
        """What has arrived by `now`, or everything still under way; each with what was done to it."""
        coming = self._coming
        while coming and (now is None or coming[0][0] <= now):
            at, _, letter = heappop(coming)
            if not letter.gone:
                letter.gone = True
                yield at, letter, self._fate(letter)

    def _fate(self, letter: Letter) -> tuple[str, ...]:
        """What came of it: of two copies the second is the duplicate, and nothing may have overtaken a message."""
        fate = () if letter.fate == (DISORDER,) and letter.number > self._latest else letter.fate
        self._latest = max(self._latest, letter.number)
        return (*fate, DUPLICATE) if letter.twin is not None and letter.twin.gone else fate

    def _double(self, letter: Letter, at: int, rng: Random) -> None:
        """A copy, seconds to hours after; now and then replayed by an engine, with MSH-7 and MSH-10 of its own."""
        at += int(math.exp(rng.uniform(0.0, _MOST_DOUBLED)))
        copy = replace(letter, twin=letter)
        if rng.random() < _REPLAYED:
            header = letter.data.split(b"|", 10)
            copy.control_id = f"{letter.control_id}R"
            copy.written = at - 1
            header[6], header[9] = self._clock.stamp(copy.written).encode(), copy.control_id.encode()
            copy.data = b"|".join(header)
        letter.twin = copy
        self._put(at, copy)

    def _put(self, at: int, letter: Letter) -> None:
        self._posted += 1
        heappush(self._coming, (at, self._posted, letter))
