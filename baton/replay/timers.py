"""Armed timers in a heap, each under a number; what was moved or taken away is passed over at its old instant."""

from collections.abc import Hashable, Iterator
from datetime import datetime
from heapq import heappop, heappush
from typing import Generic, TypeVar

Subject = TypeVar("Subject", bound=Hashable)


class Timers(Generic[Subject]):
    """For each subject any number of timers, told apart by `n`."""

    def __init__(self) -> None:
        self._armed: dict[Subject, dict[int, int]] = {}
        self._standing: set[int] = set()
        self._heap: list[tuple[datetime, int, int, Subject]] = []
        self._count = 0

    def disarm(self, subject: Subject) -> None:
        if (armed := self._armed.pop(subject, None)) is not None:
            self._standing.difference_update(armed.values())

    def arm(self, subject: Subject, n: int, at: datetime) -> None:
        self._count += 1
        armed = self._armed.setdefault(subject, {})
        self._standing.discard(armed.get(n, 0))
        armed[n] = self._count
        self._standing.add(self._count)
        heappush(self._heap, (at, self._count, n, subject))

    def next(self) -> datetime | None:
        """The next instant at which something happens by itself."""
        heap = self._heap
        while heap and heap[0][1] not in self._standing:
            heappop(heap)
        return heap[0][0] if heap else None

    def claim(self, now: datetime) -> Iterator[tuple[Subject, int]]:
        """Take what is due by now, earliest first; what is armed meanwhile for then or before comes as well."""
        heap, standing = self._heap, self._standing
        while heap and heap[0][0] <= now:
            _, number, n, subject = heappop(heap)
            if number in standing:
                standing.remove(number)
                yield subject, n
