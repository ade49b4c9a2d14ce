"""Virtual time: messages, then actions, then timers of each instant, through the domain code of the services."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, groupby, takewhile
from operator import attrgetter, itemgetter

from baton.replay.admissions import Admissions, Said
from baton.replay.config import Config
from baton.replay.courses import Arrival, Course, courses
from baton.replay.events import pass_on
from baton.replay.notifications import Notifications
from baton.replay.scenario import Line
from baton.replay.transitions import MOMENT, Changed, Transitions

_AT = attrgetter("at")
_WHEN = itemgetter(0)
_NEVER = datetime.min.replace(tzinfo=UTC)


class Engine:
    """The three services over rows in memory, one after the other through a stretch of time.

    One `beside` another plans by its own rules what that one reads: the messages are read and folded once.
    """

    def __init__(self, config: Config, *, beside: "Engine | None" = None) -> None:
        self.admissions: Admissions = beside.admissions if beside else Admissions(config.inbound)
        self.transitions = Transitions(config.rules)
        self.notifications = Notifications()
        self._untold: list[tuple[datetime, Changed]] = []
        self.all: list[Engine] = beside.all if beside else []
        self.all.append(self)

    def run(self, lines: Sequence[Line], until: datetime) -> None:
        """Walk through lines sorted by instant. Lines after `until` do not happen; a timer due at it does."""
        arrivals = self._arrivals(lines, until)
        for one in self.all:
            one.follow(arrivals, until)

    def _arrivals(self, lines: Sequence[Line], until: datetime) -> list[Arrival]:
        """What comes of the messages of each instant, and the actions.

        Admissions waits for nobody, so it takes in all of them ahead: by turns with all the rest takes much longer.
        """
        said = self.admissions.read(lines)
        instants = groupby(takewhile(lambda line: line.at <= until, lines), _AT)
        taken = [self._taken(at.astimezone(UTC), list(arrived), said) for at, arrived in instants]
        return [arrival for arrival in taken if arrival.events or arrival.actions]

    def _taken(self, at: datetime, arrived: Sequence[Line], said: Iterator[Said]) -> Arrival:
        messages = [next(said) for line in arrived if line.adt is not None]
        actions = [line.action for line in arrived if line.action is not None]
        return Arrival(self.admissions.on_messages(messages, at) if messages else [], actions, at)

    def follow(self, arrivals: Iterable[Arrival], until: datetime) -> None:
        """Plan what comes of all this, and of time alone, up to and at `until`; and tell of it.

        One patient after the other: what is known of them is at hand then, which halves the time. None of them is
        concerned by what becomes of another; notifications hears of all in order of time.
        """
        for course in courses(arrivals, self.transitions):
            self._walk(course, until)
        for patient_id in self.transitions.due_by(until):
            self._walk(Course({patient_id: None}, []), until)
        self._tell(until)

    def _walk(self, course: Course, until: datetime) -> None:
        """Visits that changed, then actions, then timers, instant by instant."""
        reached = _NEVER
        for instant in course.instants:
            reached = max(self._pass_time(course, reached, instant.at), instant.at)
            if instant.events:
                self.transitions.on_visits(instant.events, instant.at)
                self._note(instant.at)
            if instant.actions:
                self.transitions.on_actions(instant.actions, instant.at)
                self._note(instant.at)
        self._pass_time(course, reached, until + MOMENT)

    def _pass_time(self, course: Course, reached: datetime, before: datetime) -> datetime:
        """Let happen what time alone does before this instant: behind all that arrived at the instant of each."""
        while (at := self.transitions.next_timer(course.patients)) is not None and at < before:
            reached = max(at, reached)
            patients = self.transitions.fire(course.patients, reached)
            self._note(reached)
            if patients:
                self.transitions.replan(patients, reached)
                self._note(reached)
        return reached

    def _tell(self, until: datetime) -> None:
        """Tell notifications, on which nothing waits, of many changes in a row: that is faster than each by itself."""
        self._untold.sort(key=_WHEN)
        for at, some in groupby(self._untold, _WHEN):
            self.notifications.wait(at)
            self.notifications.on_events(
                chain.from_iterable(pass_on(changed, self.notifications) for _, changed in some), at
            )
        self._untold.clear()
        self.notifications.wait(until)
        self.notifications.raise_held(until)

    def _note(self, now: datetime) -> None:
        if self.transitions.has_changed():
            self._untold.append((now, self.transitions.take_changed()))
