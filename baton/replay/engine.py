"""Virtual time: instant by instant messages, then actions, then timers, through the domain code of the services."""

from collections.abc import Sequence
from datetime import datetime

from baton.replay.admissions import Admissions
from baton.replay.config import Config
from baton.replay.events import pass_on
from baton.replay.notifications import Notifications
from baton.replay.scenario import Line
from baton.replay.transitions import Transitions


class Engine:
    """The three services over rows in memory, stepped together."""

    def __init__(self, config: Config) -> None:
        self.admissions = Admissions(config.inbound)
        self.transitions = Transitions(config.rules)
        self.notifications = Notifications()

    def run(self, lines: Sequence[Line], until: datetime) -> None:
        """Walk through lines sorted by instant. Lines after `until` do not happen; a timer due at it does."""
        position, end = 0, len(lines)
        while True:
            coming = [self.transitions.next_timer(), self.notifications.next_timer()]
            if position < end:
                coming.append(lines[position].at)
            now = min((at for at in coming if at is not None), default=None)
            if now is None or now > until:
                return
            start = position
            while position < end and lines[position].at == now:
                position += 1
            self._step(lines[start:position], now)

    def _step(self, arrived: Sequence[Line], now: datetime) -> None:
        messages = [line.adt for line in arrived if line.adt is not None]
        actions = [line.action for line in arrived if line.action is not None]
        if messages:
            self.transitions.on_visits(self.admissions.on_messages(messages, now), now)
            self._tell(now)
        if actions:
            self.transitions.on_actions(actions, now)
            self._tell(now)
        # Planning may arm what is due at this very instant.
        while self._due(self.transitions.next_timer(), now):
            patients = self.transitions.fire(now)
            self._tell(now)
            self.transitions.replan(patients, now)
            self._tell(now)
        if self._due(self.notifications.next_timer(), now):
            self.notifications.raise_held(now)

    def _due(self, at: datetime | None, now: datetime) -> bool:
        return at is not None and at <= now

    def _tell(self, now: datetime) -> None:
        self.notifications.on_events(pass_on(self.transitions, self.notifications), now)
