"""Ways to reach people. A channel takes a message and says whether it was taken; it never raises for the far side."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.notifications.domain.model import Alert


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to say. `key` stays the same however often it is sent; `wall` is the time on the wall.

    `first` is the key of the first message about the alert to this channel. `took` are those recipients of the
    channel, where it has several, that have this message already.
    """

    key: str
    reason: str
    alert: Alert
    said: str
    wall: datetime
    first: str = ""
    took: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `word` for the record, `arrived` False where nothing can have got there.

    `wait` is how many seconds the receiver asked for. `final`: it will not take the message as things are, so
    asking again soon is of no use. `took` are the recipients that took it, where the channel has several: it is
    delivered when all have.
    """

    delivered: bool
    word: str
    arrived: bool = True
    wait: float = 0.0
    final: bool = False
    took: tuple[str, ...] = ()


class Sends(Protocol):
    """What a channel does."""

    name: str
    host: str
    timeout: float

    async def send(self, message: Message) -> Answer:
        """Send once, within the time limit."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
