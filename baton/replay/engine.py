"""Virtual time: instant by instant messages, then actions, then timers, through the domain code of the services."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from baton.replay.admissions import Admissions, Said
from baton.replay.config import Config
from baton.replay.events import pass_on
from baton.replay.notifications import Notifications
from baton.replay.scenario import Line
from baton.replay.transitions import Changed, Transitions
from schemas.encounters import EncounterEvent


class Engine:
    """The three services over rows in memory, stepped together.

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
        position, end = 0, len(lines)
        said = self.admissions.read(lines)
        clocks = [one.transitions.timers for one in self.all]
        while True:
            now = lines[position].at if position < end else None
            for timers in clocks:
                if (at := timers.next()) is not None and (now is None or at < now):
                    now = at
            if now is None or now > until:
                break
            start = position
            while position < end and lines[position].at == now:
                position += 1
            self._step(lines[start:position], said, now)
        for one in self.all:
            one.tell(until)

    def _step(self, arrived: Sequence[Line], said: Iterator[Said], now: datetime) -> None:
        messages = [next(said) for line in arrived if line.adt is not None]
        actions = [line.action for line in arrived if line.action is not None]
        events = self.admissions.on_messages(messages, now) if messages else []
        for one in self.all:
            one.follow(events, actions, now)

    def follow(self, events: Sequence[EncounterEvent], actions: Sequence[bytes], now: datetime) -> None:
        """Plan, and note to be told, what came of visits that changed, then of actions, then of timers, at one instant."""
        if events:
            self.transitions.on_visits(events, now)
            self._note(now)
        if actions:
            self.transitions.on_actions(actions, now)
            self._note(now)
        # Planning may arm what is due at this very instant.
        while self.transitions.timers.due(now):
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
