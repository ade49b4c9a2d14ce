"""Notifications over rows in memory: which alerts there are, and the lists of late-known work; nobody is told."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from baton.replay.timers import Timers
from schemas.transitions import EpisodeEvent, TeamAck
from services.notifications.domain import alerts, late_known
from services.notifications.domain.model import DROPPED, HELD, Alert, Deadline
from services.notifications.store import LateItem, List

Event = Deadline | EpisodeEvent | TeamAck


class Notifications:
    """Everything notifications keeps of what is true; see `services.notifications.consumer`."""

    def __init__(self) -> None:
        self._alerts: defaultdict[str, dict[UUID, Alert]] = defaultdict(dict)
        self._late: dict[str, LateItem] = {}
        self._counted: set[str] = set()
        self._lists: defaultdict[List, set[str]] = defaultdict(set)
        self._acknowledged: dict[str, datetime | None] = {}
        self._runs: dict[str, Alert] = {}
        self._timers: Timers[str] = Timers()
        self._told_at = datetime.min.replace(tzinfo=UTC)

    def alerts(self) -> list[Alert]:
        """Every alert that was ever raised."""
        return [alert for rows in self._alerts.values() for alert in rows.values() if alert.status != HELD]

    def knows(self, subject: str) -> bool:
        """Whether there are alerts of this subject, or it is on a list."""
        return subject in self._alerts or subject in self._late

    def on_events(self, events: Iterable[Event], now: datetime) -> None:
        """Follow the newest state of each deadline, episode and team."""
        self._told_at = now
        lists: dict[List, datetime | None] = {}
        for event in events:
            if isinstance(event, Deadline):
                rows = self._change(event.subject, event, now)
                if event.late_known or event.subject in self._late:
                    self._keep_late(event, rows.values(), lists, now)
            elif isinstance(event, EpisodeEvent):
                self._change(event.episode_id, event, now)
            else:
                self._acknowledged[event.team] = None if event.withdrawn else event.at
                lists |= {(event.team, live): lists.get((event.team, live)) for live in (False, True)}
        self._follow(lists, now)

    def wait(self, until: datetime) -> None:
        """Raise what waits for an instant before `until`: at that instant or, where it is past, when last told."""
        while until > self._told_at and (at := self._timers.next()) is not None and at < until:
            self.raise_held(max(at, self._told_at))

    def raise_held(self, now: datetime) -> None:
        """Raise what waited for its instant."""
        lists: dict[List, datetime | None] = {}
        for subject, _ in self._timers.claim(now):
            held = [row for row in self._alerts.get(subject, {}).values() if row.raise_at is not None]
            self._write(subject, alerts.raise_held(held, now))
            item = self._late.get(subject)
            if item is not None and subject not in self._counted and item.since <= now:
                lists[item.team, item.live] = None
        self._follow(lists, now)

    def _change(self, subject: str, event: Deadline | EpisodeEvent, now: datetime) -> dict[UUID, Alert]:
        rows = self._alerts.get(subject, {})
        return self._write(subject, alerts.reconcile(rows.values(), event, now))

    def _write(self, subject: str, changes: Iterable[Alert]) -> dict[UUID, Alert]:
        rows = self._alerts.get(subject, {})
        for change in changes:
            rows = self._alerts[subject]
            if change.status == DROPPED:
                del rows[change.alert_id]
            else:
                rows[change.alert_id] = change
                if change.raise_at is not None:
                    self._timers.arm(subject, 0, change.raise_at)
        return rows

    def _keep_late(
        self, event: Deadline, rows: Iterable[Alert], lists: dict[List, datetime | None], now: datetime
    ) -> None:
        """Bring the deadline's item of late-known work up to date; note the lists it stands or stood on."""
        subject = event.subject
        stood = self._late.get(subject)
        if stood is not None:
            where = (stood.team, stood.live)
            lists[where] = max(lists.get(where) or event.known_at, event.known_at)
        since = (
            alerts.late_since(event, rows, stood.since if stood else None, now) if event.late_known else None
        )
        if since is None:
            self._drop_late(subject)
            return
        item = LateItem(subject, event.team, event.live, since)
        lists.setdefault((item.team, item.live), None)
        if item != stood:
            self._drop_late(subject)
            self._late[subject] = item
            self._lists[item.team, item.live].add(subject)
            self._timers.arm(subject, 1, item.since)

    def _drop_late(self, subject: str) -> None:
        stood = self._late.pop(subject, None)
        if stood is not None:
            self._lists[stood.team, stood.live].discard(subject)
            self._counted.discard(subject)

    def _follow(self, lists: dict[List, datetime | None], now: datetime) -> None:
        """Bring the alert of each list up to its items."""
        for (name, live), ended_at in lists.items():
            items = [self._late[subject] for subject in self._lists[name, live]]
            self._counted.update(item.subject for item in items if item.since <= now)
            team = late_known.Team(name, live, self._acknowledged.get(name))
            last = self._runs.get(team.subject)
            ripe = late_known.ripe((item.since for item in items), now)
            change = late_known.reconcile(team, last, ripe, ended_at, now)
            if change is not None:
                self._runs[team.subject] = change
                self._alerts[team.subject][change.alert_id] = change
