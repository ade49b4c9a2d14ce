"""Virtual time: instant by instant messages, then actions, then timers, through the domain code of the services."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby, takewhile
from operator import attrgetter
from typing import NamedTuple

from baton.replay.admissions import Admissions, Said
from baton.replay.config import Config
from baton.replay.events import pass_on
from baton.replay.notifications import Notifications
from baton.replay.scenario import Line
from baton.replay.transitions import MOMENT, Changed, Transitions
from schemas.encounters import EncounterEvent

_AT = attrgetter("at")


class Arrival(NamedTuple):
    """What comes of one instant: visits that changed, and actions."""

    events: Sequence[EncounterEvent]
    actions: Sequence[bytes]
    at: datetime


class Engine:
    """The three services over rows in memory, stepped together.

    One `beside` another plans by its own rules what that one reads: the messages are read and folded once.
    """

    def __init__(self, config: Config, *, beside: "Engine | None" = None) -> None:
        self.admissions: Admissions = beside.admissions if beside else Admissions(config.inbound)
        self.transitions = Transitions(config.rules)
        self.notifications = Notifications()
        self._untold: list[tuple[datetime, Changed]] = []
        self._reached = datetime.min.replace(tzinfo=UTC)
        self.all: list[Engine] = beside.all if beside else []
        self.all.append(self)

    def run(self, lines: Sequence[Line], until: datetime) -> None:
        """Walk through lines sorted by instant. Lines after `until` do not happen; a timer due at it does."""
        for arrival in self._arrivals(lines, until):
            for one in self.all:
                one.follow(*arrival)
        for one in self.all:
            one.pass_time(until + MOMENT)
            one.tell(until)

    def _arrivals(self, lines: Sequence[Line], until: datetime) -> list[Arrival]:
        """What comes of the messages of each instant, and the actions.

        Admissions waits for nobody, so it takes in all of them ahead: by turns with all the rest takes much longer.
        """
        said = self.admissions.read(lines)
        instants = groupby(takewhile(lambda line: line.at <= until, lines), _AT)
        taken = [self._taken(at, list(arrived), said) for at, arrived in instants]
        return [arrival for arrival in taken if arrival.events or arrival.actions]

    def _taken(self, at: datetime, arrived: Sequence[Line], said: Iterator[Said]) -> Arrival:
        messages = [next(said) for line in arrived if line.adt is not None]
        actions = [line.action for line in arrived if line.action is not None]
        return Arrival(self.admissions.on_messages(messages, at) if messages else [], actions, at)

    def follow(self, events: Sequence[EncounterEvent], actions: Sequence[bytes], now: datetime) -> None:
        """Plan, and note to be told, what came of visits that changed, then of actions, at one instant."""
        self.pass_time(now)
        self._reached = now
        if events:
            self.transitions.on_visits(events, now)
            self._note(now)
        if actions:
            self.transitions.on_actions(actions, now)
            self._note(now)

    def pass_time(self, before: datetime) -> None:
        """Let happen what time alone does before this instant: behind all that arrived at the instant of each."""
        timers = self.transitions.timers
        while (at := timers.next()) is not None and at < before:
            now = self._reached = max(at, self._reached)
            patients = self.transitions.fire(now)
            self._note(now)
            if patients:
                self.transitions.replan(patients, now)
                self._note(now)

    def tell(self, until: datetime) -> None:
        """Tell notifications, on which nothing waits, of many changes in a row: that is faster than each by itself."""
        for at, changed in self._untold:
            self.notifications.wait(at)
            self.notifications.on_events(pass_on(changed, self.notifications), at)
        self._untold.clear()
        self.notifications.wait(until)
        self.notifications.raise_held(until)

    def _note(self, now: datetime) -> None:
        changed = self.transitions.take_changed()
        if changed.episodes or changed.deadlines or changed.team_acks:
            self._untold.append((now, changed))
