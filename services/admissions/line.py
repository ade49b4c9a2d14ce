"""The line stands still when almost everything that comes is refused: then the fault is rather ours than the sender's.

A profile that no longer fits, or another kind of feed on the topic, would otherwise empty a hospital into the
rejections. Nothing is lost while the line stands: what was not committed stays in Kafka and is read again.
"""

from collections import Counter, deque
from collections.abc import Iterable

from services.chassis import metrics

STOPPED = metrics.declare(
    "baton_line_stopped",
    "gauge",
    "1 while admissions reads nothing because almost everything was refused; /readyz tells what to do.",
)


class LineStopped(Exception):
    """Almost everything is refused; the batch waits until a profile or a person changes that."""


class Line:
    """The share of refused messages among the latest that were read.

    share   from this share of refused messages on the line stops; 1 lets everything pass
    window  how many messages are looked at; fewer than so many never stop the line
    """

    def __init__(self, share: float, window: int) -> None:
        self._share = share
        self._window = window
        self._passed: deque[tuple[int, int]] = deque()
        self._read = self._refused = 0
        self.stopped: str | None = None

    def judge(self, read: int, codes: Iterable[str]) -> None:
        """Raise LineStopped where, with these messages, almost everything would have been refused."""
        counted = Counter(codes)
        refused = counted.total()
        everything, bad = self._read + read, self._refused + refused
        if self._share < 1 and refused and everything >= self._window and bad >= self._share * everything:
            most = counted.most_common(1)[0][0]
            self.stopped = (
                f"{bad} of the latest {everything} messages were refused, most of them as {most}: the line stands and "
                "nothing is lost. Correct the feed profile, which is read again by itself, or let them pass into the "
                "rejections with BATON_POISON_SHARE=1."
            )
            raise LineStopped(self.stopped)
        self.stopped = None

    def passed(self, read: int, refused: int) -> None:
        """So many messages of a batch were kept, or kept as refused."""
        self._passed.append((read, refused))
        self._read += read
        self._refused += refused
        while self._read - self._passed[0][0] >= self._window:
            read, refused = self._passed.popleft()
            self._read -= read
            self._refused -= refused
