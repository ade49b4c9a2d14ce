"""Storms of updates: a visit with hundreds of messages is not folded again for one that only repeats the last."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct, field

from services.admissions import store
from services.admissions.domain.echoes import Tail, echoed, tail
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent
from services.admissions.feeds import DEFAULT
from services.admissions.store import Kept
from services.chassis.postgres import Db

LARGE = 100
"""Messages from which on folding a visit costs more than asking whether anything is new."""

MOST = 500

Known = tuple[Tail, FeedProfile]


class Seen(Struct):
    """What one transaction knew of long visits, and what it will have known once it is committed."""

    known: Mapping[UUID, Known] = field(default_factory=dict)
    learned: dict[UUID, Known | None] = field(default_factory=dict)

    async def echoes(self, db: Db, kept: Sequence[Kept], profiles: Mapping[str, FeedProfile]) -> set[UUID]:
        """The visit numbers of which these (stored) events tell nothing new."""
        told: dict[UUID, list[AdtEvent]] = defaultdict(list)
        for one in kept:
            if one.root_id is not None and one.root_id in self.known:
                told[one.root_id].append(one.event)
        found: dict[UUID, Known] = {}
        for root_id, events in told.items():
            before, profile = self.known[root_id]
            after = echoed(before, events)
            if after is not None and profiles.get(events[0].feed, profiles[DEFAULT]) is profile:
                found[root_id] = after, profile
        if not found:
            return set()
        # Another replica may have stored what we never saw.
        counts = await store.count_events(db, found)
        quiet = {root_id for root_id, (after, _) in found.items() if counts.get(root_id) == after.count}
        self.learned.update((root_id, found[root_id]) for root_id in quiet)
        return quiet

    def folded(self, root_id: UUID, events: Sequence[AdtEvent], profile: FeedProfile) -> None:
        """Take note of a visit that was folded from all its events."""
        if len(events) >= LARGE:
            last = tail(events)
            self.learned[root_id] = None if last is None else (last, profile)


class Storms:
    """The long visits of this process; forgotten ones are folded once more, and wrong ones cannot be: rows are counted."""

    def __init__(self) -> None:
        self._known: dict[UUID, Known] = {}

    def begin(self) -> Seen:
        return Seen(self._known)

    def committed(self, seen: Seen) -> None:
        """What a transaction learned counts from its commit on."""
        for root_id, known in seen.learned.items():
            self._known.pop(root_id, None)
            if known is not None:
                self._known[root_id] = known
        while len(self._known) > MOST:
            del self._known[next(iter(self._known))]
