"""The hospital in time: people arrive, their visits take their course, the desk writes, the wire delivers."""

from collections.abc import Iterator
from datetime import datetime
from heapq import heappop, heappush
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from baton.simulate.arrivals import DIRECT, EMERGENCY, PLANNED, VISIT, arrivals
from baton.simulate.catalogue import Condition, catalogue
from baton.simulate.course import Courses
from baton.simulate.desk import Desk
from baton.simulate.hospital import Hospital
from baton.simulate.people import People, Person
from baton.simulate.times import DAY, Clock, day_of, instant
from baton.simulate.visits import CONTINUED, Back, Visit
from baton.simulate.wards import Wards
from baton.simulate.wire import Letter, Wire

BEFORE = 45 * DAY
"""Who came longer ago than this has left by the start."""

_AGES = (3, 90)
_AFTERWARDS = frozenset({"A08", "A40"})
_TYPES = {VISIT: "E", EMERGENCY: "E", DIRECT: "U", PLANNED: "C"}
_SOURCES = {VISIT: "7", EMERGENCY: "7", DIRECT: "2", PLANNED: "1"}


class Sent(NamedTuple):
    """One message as it arrives at `at` (UTC); `data` is its ER7, `what` a few words without patient values.

    `id` is MSH-10, `number` the place in true order, `visit` PV1-19, `written_at` MSH-7, `done` what was done
    to it on the way: `duplicate` (came before), `out_of_order` (after a later one), `late`.
    """

    at: datetime
    data: bytes
    what: str
    id: str
    number: int
    visit: str
    trigger: str
    written_at: datetime
    done: tuple[str, ...]


class Simulation:
    """One run: iterate it once for the feed, then ask `truth`."""

    def __init__(self, hospital: Hospital, start: datetime, until: datetime | None = None) -> None:
        if start.tzinfo is None or (until is not None and until.tzinfo is None):
            raise ValueError("start and until lack their offset from UTC")
        self._start = int(start.timestamp())
        self._until = None if until is None else int(until.timestamp())
        self._catalogue = catalogue()
        self._clock = Clock(ZoneInfo(hospital.zone))
        self._hospital = hospital
        # Two feeds of one hospital, or of two, can meet in one system: their numbers should not.
        numbers = Random(f"{hospital.seed}/{hospital.facility}/{self._start}")
        self._next_visit = numbers.randrange(10**8, 9 * 10**8)
        self._people = People(str(hospital.seed), numbers.randrange(10**6, 9 * 10**6))
        self._prefix = f"{numbers.randrange(16**5):05X}"
        self._rng = Random(f"{hospital.seed}/visits")
        self._mistakes = Random(f"{hospital.seed}/numbers")
        self._courses = Courses(hospital, self._catalogue, self._clock)
        wards = Wards(hospital.beds, self._catalogue, str(hospital.seed))
        self._desk = Desk(hospital.facility, self._catalogue, wards, self._clock)
        self._wire = Wire(hospital, self._clock)
        self._visits: list[Visit] = []

    def truth(self) -> Iterator[dict[str, Any]]:
        """What really happened to each visit of which something was written so far."""
        for visit in self._visits:
            yield visit.truth()

    def __iter__(self) -> Iterator[Sent]:
        wire = self._wire
        for letter in self._letters():
            for at, arrived, done in wire.arrived(letter.written):
                yield _sent(at, arrived, done)
            wire.post(letter)
        for at, arrived, done in wire.arrived():
            yield _sent(at, arrived, done)

    def _letters(self) -> Iterator[Letter]:
        """Every message in the order of writing."""
        until, desk = self._until, self._desk
        coming: list[tuple[int, int, Visit | Back]] = []
        stream = arrivals(self._hospital, self._catalogue, self._clock, self._start - BEFORE)
        arrival, way = next(stream)
        count = order = 0
        while True:
            at = min(arrival, coming[0][0]) if coming else arrival
            if until is not None and at + 1 >= until:
                return
            back = None
            if at == arrival:
                visit, back = self._newcomer(at, way)
                arrival, way = next(stream)
            else:
                _, _, thing = heappop(coming)
                if isinstance(thing, Back):
                    visit, back = self._begin(thing.way, at, thing.person, thing.condition, thing)
                else:
                    visit = thing
                    step = visit.steps.pop()
                    what = desk.take(visit, step)
                    count += 1
                    control_id = f"{self._prefix}{count:09d}"
                    data = desk.write(visit, step, control_id, at + 1)
                    if not visit.told:
                        visit.told = True
                        self._visits.append(visit)
                    yield Letter(count, control_id, visit.number, step.trigger, what, at + 1, data)
            order += 1
            if visit.steps:
                heappush(coming, (visit.steps[-1].recorded, order, visit))
            if back is not None:
                heappush(coming, (back.at, -order, back))

    def _newcomer(self, at: int, way: int) -> tuple[Visit, Back | None]:
        """Somebody who was never here."""
        condition = self._catalogue.ways[max(0, way - 1)].draw(self._rng)
        ages = _AGES if way == VISIT else condition.ages
        person = self._people.person(ages, day_of(self._clock.local(at)))
        return self._begin(way, at, person, condition, None)

    def _begin(
        self, way: int, at: int, person: Person, condition: Condition, after: Back | None
    ) -> tuple[Visit, Back | None]:
        """A visit with its course, and what follows it. Nothing is told of one that was over by the start."""
        rng = self._rng
        twice = self._mistakes.random() < self._hospital.merges
        self._next_visit += 1
        visit = Visit(
            person, condition, f"V{self._next_visit}", self._people.number() if twice else person.own, after
        )
        visit.admission_type, visit.source = _TYPES[way], _SOURCES[way]
        visit.attending = rng.choice(self._people.staff)
        if way == VISIT:
            visit.diagnoses = (rng.choice(self._catalogue.complaints),)
            visit.service, visit.why = "EMR", "complaint"
        elif after is not None and after.kind == CONTINUED:
            visit.diagnoses = after.of.diagnoses
        else:
            visit.diagnoses = condition.diagnoses(rng)
        self._desk.open(visit)
        back = self._courses.draw(visit, way, at)
        if at < self._start and all(
            step.recorded < self._start or step.trigger in _AFTERWARDS for step in visit.steps
        ):
            visit.steps.clear()
        return visit, back


def _sent(at: int, letter: Letter, done: tuple[str, ...]) -> Sent:
    return Sent(
        instant(at),
        letter.data,
        letter.what,
        letter.control_id,
        letter.number,
        letter.visit,
        letter.trigger,
        instant(letter.written),
        done,
    )
