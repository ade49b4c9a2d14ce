"""Armed timers in a heap; one that was moved or taken away is passed over when its old instant comes."""

from collections.abc import Hashable, Iterator
from datetime import datetime
from heapq import heappop, heappush
from typing import Generic, TypeVar

Subject = TypeVar("Subject", bound=Hashable)


class Timers(Generic[Subject]):
    """For each subject any number of timers, told apart by `n`."""

    def __init__(self) -> None:
        self._armed: dict[Subject, dict[int, datetime]] = {}
        self._heap: list[tuple[datetime, int, int, Subject]] = []
        self._count = 0

    def disarm(self, subject: Subject) -> None:
        self._armed.pop(subject, None)

    def arm(self, subject: Subject, n: int, at: datetime) -> None:
        self._armed.setdefault(subject, {})[n] = at
        self._count += 1
        heappush(self._heap, (at, self._count, n, subject))

    def next(self) -> datetime | None:
        """The next instant at which something happens by itself."""
        heap = self._heap
        while heap:
            at, _, n, subject = heap[0]
            if self._armed.get(subject, {}).get(n) == at:
                return at
            heappop(heap)
        return None

    def claim(self, now: datetime) -> Iterator[tuple[Subject, int]]:
        """Take what is due by now, earliest first; what is armed meanwhile for then or before comes as well."""
        while (at := self.next()) is not None and at <= now:
            _, _, n, subject = heappop(self._heap)
            del self._armed[subject][n]
            yield subject, n
