"""Storms of updates: of a visit with many messages a process remembers what the fold needs, and reads it once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct, field

from services.admissions import store
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent
from services.admissions.domain.superseded import Essence, essence, extended
from services.admissions.feeds import DEFAULT
from services.admissions.store import Kept
from services.chassis.postgres import Db

LARGE = 50
"""Messages from which on reading and folding a visit costs more than asking whether all of it is known here."""

MOST = 50_000
"""Messages, remembered or known to be superseded, from which on the visits longest without news are forgotten."""

Told = tuple[UUID | None, AdtEvent]
Known = tuple[Essence[UUID | None], FeedProfile]


class Seen(Struct):
    """What one transaction knew of long visits, and what it will have known once it is committed.

    `reread`: how often messages had been read again when that was learned; `now`: and how often by now, where more.
    """

    known: Mapping[UUID, Known] = field(default_factory=dict)
    learned: dict[UUID, Known] = field(default_factory=dict)
    reread: int | None = None
    now: int | None = None

    async def recall(
        self, db: Db, kept: Sequence[Kept], profiles: Mapping[str, FeedProfile]
    ) -> dict[UUID, Sequence[Told]]:
        """The events that the fold needs of visit numbers known here, these (stored) ones among them."""
        told: dict[UUID, list[Told]] = defaultdict(list)
        for one in kept:
            if one.root_id is not None and one.root_id in self.known:
                told[one.root_id].append((one.patient_id, one.event))
        found: dict[UUID, Known] = {}
        for root_id, events in told.items():
            before, profile = self.known[root_id]
            after = extended(before, events, profile.dup_window)
            if after is not None and profiles.get(events[0][1].feed, profiles[DEFAULT]) is profile:
                found[root_id] = after, profile
        if not found:
            return {}
        # Another replica may have stored what we never saw, and an operator may have had messages read again.
        counts, reread = await store.count_events(db, found)
        if reread != self.reread:
            self.now = reread
            return {}
        whole = {root_id: one for root_id, one in found.items() if counts.get(root_id) == one[0].count}
        self.learned.update(whole)
        return {root_id: one.told for root_id, (one, _) in whole.items()}

    def read(self, root_id: UUID, told: Sequence[Told], profile: FeedProfile) -> Sequence[Told]:
        """Take note of a visit that was read; gives what the fold needs of it."""
        if len(told) < LARGE:
            return told
        found = essence(told, profile.dup_window)
        self.learned[root_id] = found, profile
        return found.told


class Storms:
    """The long visits of this process; forgotten ones are read once more, and wrong ones cannot be: rows are counted."""

    def __init__(self) -> None:
        self._known: dict[UUID, Known] = {}
        self._size = 0
        self._reread: int | None = None

    def begin(self) -> Seen:
        return Seen(self._known, reread=self._reread)

    def committed(self, seen: Seen) -> None:
        """What a transaction learned counts from its commit on."""
        if seen.reread != self._reread:
            return
        if seen.now is not None:
            self._known.clear()
            self._size, self._reread = 0, seen.now
        for root_id, known in seen.learned.items():
            self._forget(root_id)
            self._known[root_id] = known
            self._size += known[0].size
        while self._size > MOST and len(self._known) > 1:
            self._forget(next(iter(self._known)))

    def _forget(self, root_id: UUID) -> None:
        if (known := self._known.pop(root_id, None)) is not None:
            self._size -= known[0].size
