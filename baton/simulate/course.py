"""The course of a visit, drawn whole when it begins: what happens when, and what is entered by mistake."""

from random import Random

from baton.simulate.arrivals import DIRECT, EMERGENCY, PLANNED, VISIT
from baton.simulate.catalogue import Catalogue, Choice
from baton.simulate.hospital import Hospital
from baton.simulate.times import DAY, HOUR, Clock
from baton.simulate.visits import CONTINUED, EMERGENCY_VISIT, Back, Change, Step, Visit
from baton.simulate.wards import ICU_DAYS, INTENSIVE, REHAB

MINUTE = 60
_GOES_FROM_ED = Choice((("01", 94), ("07", 3), ("02", 1.5), ("21", 1), ("20", 0.5)))
_MISTAKES = Choice((("A11", 25), ("A12", 35), ("A13", 40)))
_MISTAKES_IN_ED = Choice((("A11", 40), ("A13", 60)))
_RETURNS = frozenset({"01", "03", "04", "06", "07", "61", "62", "64", "81"})
"""Dispositions from which people come back within days."""

_AWAY = frozenset({"PSY", REHAB})
"""Wards from which patients go home for a night."""

_GENERAL = ("MED", "SURG", "CARD", "ORTHO", "NEURO")
"""Wards that help each other out with beds."""

_ENTERED_AFTER = frozenset({"A01", "A02", "A03", "A04", "A06", "A21", "A22"})
"""Events the desk enters once they have happened; a cancel, a booking and an update are themselves entries."""

_ENTERED_LATE = frozenset({"A02", "A06"})
_REVISIT = 0.07


class Courses:
    """Draws what becomes of visits."""

    def __init__(self, hospital: Hospital, catalogue: Catalogue, clock: Clock) -> None:
        self._hospital = hospital
        self._catalogue = catalogue
        self._clock = clock
        self._rng = Random(f"{hospital.seed}/courses")
        self._desk = Random(f"{hospital.seed}/desk")
        self._mistakes = Random(f"{hospital.seed}/mistakes")
        self._late = Random(f"{hospital.seed}/late_entries")

    def draw(self, visit: Visit, way: int, at: int) -> Back | None:
        """Fill the visit's steps; gives its patient's next visit, if one follows."""
        rng, mistakes = self._rng, self._mistakes
        course = _Course(self._desk, self._late, self._hospital.late_entries, at)
        mistake = ""
        if mistakes.random() < self._hospital.cancels:
            mistake = (_MISTAKES_IN_ED if way == VISIT else _MISTAKES).draw(mistakes)
        wrong_number = visit.mrn != visit.person.own
        back = None
        if way == PLANNED:
            course.step(at, "A05")
            if mistake == "A11" and mistakes.random() < 0.5:
                course.step(at + int(mistakes.uniform(1, 48) * HOUR), "A38")
                mistake = "A38"
            visit.scheduled = self._morning(at)
            begin = visit.scheduled + int(rng.gauss(0, 1200))
        else:
            begin = at
        intensive = rng.random() < visit.condition.icu
        ward = INTENSIVE if intensive else visit.condition.ward
        if mistake == "A38":
            pass
        elif way in (VISIT, EMERGENCY):
            course.step(begin, "A04")
            begin += int(rng.uniform(1.5, 6.0) * HOUR)
            if way == EMERGENCY and mistake != "A11":
                begin = course.step(begin + int(rng.uniform(0.5, 3.0) * HOUR), "A06", (ward,))
        else:
            begin = course.step(begin, "A01", (ward,))
        if mistake == "A11":
            course.step(course.now + int(mistakes.uniform(5, 120) * MINUTE), "A11")
        elif way == VISIT:
            self._leaves(course, begin, _GOES_FROM_ED.draw(rng), mistake)
        elif mistake != "A38":
            back = self._stay(visit, course, begin, mistake, intensive=intensive)
        steps = self._updated(course.steps)
        if wrong_number:
            merged = steps[0].recorded + int(mistakes.uniform(0.3, 40) * HOUR)
            steps = _woven(steps, [(merged, "A40")])
        visit.steps = steps[::-1]
        return back

    # --- the stay ---------------------------------------------------------------------------------------------

    def _stay(
        self, visit: Visit, course: "_Course", begin: int, mistake: str, *, intensive: bool
    ) -> Back | None:
        """From the bed to whatever comes after the discharge."""
        rng, condition = self._rng, visit.condition
        length = condition.length(rng) * DAY
        dies = rng.random() < condition.dies
        code = "20" if dies else condition.goes.draw(rng)
        leaves = int(begin + length)
        if not dies and code != "07":
            leaves = self._by_day(leaves, begin)
        for begins, acts in self._events(visit, begin, leaves, mistake, intensive=intensive):
            if begins > leaves - 2 * HOUR:
                break
            for delay, trigger, change in acts:
                course.step(max(begins, course.now) + delay, trigger, change)
        left = self._leaves(course, max(leaves, course.now + 600), code, mistake)
        back = None if dies else self._back(visit, left, code)
        self._afterwards(visit, course, left, code, back)
        return back

    def _events(
        self, visit: Visit, begin: int, leaves: int, mistake: str, *, intensive: bool
    ) -> list[tuple[int, list[tuple[int, str, Change]]]]:
        """What happens in the stay, each with its delay after the beginning of its group; groups never overlap."""
        rng, condition = self._rng, visit.condition
        found: list[tuple[int, list[tuple[int, str, Change]]]] = []

        def some_time() -> int:
            return begin + int((leaves - begin) * rng.uniform(0.08, 0.92))

        found.append((begin + int(rng.uniform(8, 30) * HOUR), [(0, "A08", ("diagnoses", "W"))]))
        if intensive:
            moved = begin + int(rng.expovariate(1 / ICU_DAYS) * DAY) + 6 * HOUR
            found.append((moved, [(0, "A02", (condition.ward,))]))
        elif rng.random() < condition.icu * 0.3:
            stays = int(rng.uniform(0.6, 2.5) * DAY)
            found.append(
                (
                    some_time(),
                    [(0, "A02", (INTENSIVE,)), (min(stays, leaves - begin), "A02", (condition.ward,))],
                )
            )
        if rng.random() < 0.06 and condition.ward not in _AWAY:
            found.append((some_time(), [(0, "A02", (_elsewhere(condition.ward, rng),))]))
        if rng.random() < 0.08:
            found.append((some_time(), [(0, "A02", ("bed",))]))
        if rng.random() < (0.12 if condition.ward in _AWAY else 0.003):
            back = int(rng.uniform(6, 30) * HOUR)
            found.append((some_time(), [(0, "A21", (back,)), (back, "A22", None)]))
        if mistake == "A12":
            at = begin + int((leaves - begin) * self._mistakes.uniform(0.05, 0.8))
            undone = int(self._mistakes.uniform(5, 90) * MINUTE)
            found.append(
                (
                    at,
                    [(0, "A02", (_elsewhere(condition.ward, self._mistakes), "held")), (undone, "A12", None)],
                )
            )
        found.sort(key=lambda group: group[0])
        return found

    def _leaves(self, course: "_Course", at: int, code: str, mistake: str) -> int:
        """The discharge; by mistake once before. Gives when the patient left."""
        rng = self._rng
        if mistake == "A13":
            early = course.step(at, "A03", (code if code != "20" else "01", "held"))
            course.step(early + int(self._mistakes.uniform(5, 300) * MINUTE), "A13")
            at = course.now + int(self._mistakes.uniform(1, 20) * HOUR)
        stated, how = code, rng.random()
        if code != "20" and how < 0.14:
            # Written down later, or wrongly at first.
            stated = "" if how < 0.12 else "01" if code != "01" else "06"
        left = course.step(at, "A03", (stated,), slow=True)
        if stated != code:
            course.step(course.now + int(rng.uniform(8, 400) * MINUTE), "A08", ("disposition", code))
        return left

    def _afterwards(self, visit: Visit, course: "_Course", left: int, code: str, back: Back | None) -> None:
        """Final diagnoses, a corrected time, a death that is heard of."""
        rng = self._rng
        told: list[tuple[int, Change]] = []
        if rng.random() < 0.92:
            told.append((left + int(rng.uniform(0.5, 4) * DAY), ("diagnoses", "F")))
        if rng.random() < 0.015:
            told.append(
                (left + int(rng.uniform(0.1, 1) * DAY), ("left", left - int(rng.uniform(4, 25)) * MINUTE))
            )
        if code != "20" and back is None and rng.random() < visit.condition.later:
            died = left + int(rng.uniform(0.5, 28) * DAY)
            told.append((died + int(rng.uniform(0.1, 3) * DAY), ("died", died)))
        told.sort(key=lambda pair: pair[0])
        for at, change in told:
            course.step(at, "A08", change)

    # --- what follows -----------------------------------------------------------------------------------------

    def _back(self, visit: Visit, left: int, code: str) -> Back | None:
        """Whether and when the patient is back within 30 days."""
        rng, condition, person = self._rng, visit.condition, visit.person
        if code == "62" and condition.ward != REHAB and rng.random() < 0.5:
            at = left + int(rng.uniform(50, 90) * MINUTE)
            return Back(at, DIRECT, self._catalogue.rehabilitation, person, visit, CONTINUED)
        if code not in _RETURNS:
            return None
        if code == "81":
            at = left + int(rng.uniform(2, 12) * DAY)
            return Back(at, PLANNED, condition, person, visit, "planned")
        if rng.random() < self._hospital.readmissions * condition.again:
            at = left + int(min(29.2, 1.2 + rng.expovariate(1 / 9)) * DAY)
            if rng.random() < 0.06:
                at = left + int(rng.uniform(2, 12) * DAY)
                return Back(at, PLANNED, self._catalogue.ways[2].draw(rng), person, visit, "planned")
            same = condition.by[0] > 0 and rng.random() < 0.6
            again = condition if same else self._catalogue.ways[0].draw(rng)
            return Back(at, EMERGENCY if rng.random() < 0.8 else DIRECT, again, person, visit, "unplanned")
        if rng.random() < _REVISIT:
            at = left + int(rng.uniform(0.5, 20) * DAY)
            return Back(at, VISIT, condition, person, visit, EMERGENCY_VISIT)
        return None

    # --- times ------------------------------------------------------------------------------------------------

    def _morning(self, at: int) -> int:
        """When somebody booked now is to come: a weekday, early."""
        rng = self._rng
        day = self._clock.local(at) // DAY + 3 + int(rng.random() * 11)
        day += (0, 0, 2, 1, 0, 0, 0)[day % 7]  # 1970-01-01 was a Thursday
        local = day * DAY + int(rng.uniform(6, 9.5) * HOUR)
        return local - (self._clock.local(local) - local)

    def _by_day(self, leaves: int, begin: int) -> int:
        """Most leave between late morning and evening."""
        local = self._clock.local(leaves)
        day, offset = local // DAY, local - leaves
        hour = min(20.0, max(9.0, self._rng.gauss(14.0, 2.4)))
        at = day * DAY + int(hour * HOUR) - offset
        return at if at > begin + 4 * HOUR else at + DAY

    def _updated(self, steps: list[Step]) -> list[Step]:
        """With the A08 that say nothing new, each some time after something happened."""
        mean, rng = self._hospital.updates, self._desk
        if not mean or steps[-1].trigger in ("A11", "A38"):
            return steps
        told = []
        for step in steps:
            count = int(mean) + (rng.random() < mean % 1)
            told += [(step.recorded + 30 + int(rng.expovariate(1 / 5400)), "A08") for _ in range(count)]
        return _woven(steps, sorted(told))


class _Course:
    """The steps of one visit: nothing happens before the step before it is recorded."""

    __slots__ = ("_desk", "_entered_late", "_late", "now", "steps")

    def __init__(self, desk: Random, late: Random, entered_late: float, begin: int) -> None:
        self._desk = desk
        self._late = late
        self._entered_late = entered_late
        self.now = begin - 1
        self.steps: list[Step] = []

    def step(self, at: int, trigger: str, change: Change = None, *, slow: bool = False) -> int:
        """Add a step; gives when it occurs. `slow`: the desk may hear of it much later."""
        occurred = recorded = max(at, self.now + 1)
        if trigger in _ENTERED_AFTER:
            recorded += 20 + int(self._desk.random() * 160)
            if slow and self._desk.random() < 0.15:
                recorded += int(self._desk.uniform(3, 45) * MINUTE)
        if trigger in _ENTERED_LATE and self._late.random() < self._entered_late:
            # Meanwhile somebody else saves the visit as the books have it.
            recorded += int(self._late.uniform(20, 240) * MINUTE)
            between = int(self._late.uniform(occurred + 1, recorded))
            self.steps.append(Step(between, between, "A08"))
        self.now = recorded
        self.steps.append(Step(recorded, occurred, trigger, change))
        return occurred


def _elsewhere(ward: str, rng: Random) -> str:
    return rng.choice([other for other in _GENERAL if other != ward])


def _woven(steps: list[Step], told: list[tuple[int, str]]) -> list[Step]:
    """Put entries among the steps, never between something that happens and its recording.

    An update for which there is no second left before the next step is not made.
    """
    found: list[Step] = []
    entries = iter(told)
    entry = next(entries, None)
    for step in (*steps, None):
        while entry and (step is None or entry[0] < step.occurred):
            at, trigger = max(entry[0], found[-1].recorded + 1 if found else 0), entry[1]
            if step is None or at < step.occurred or trigger != "A08":
                found.append(Step(at, at, trigger))
            entry = next(entries, None)
        if step is not None:
            found.append(step)
    return found
