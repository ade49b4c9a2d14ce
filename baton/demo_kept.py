"""What a demo keeps of its own beside the database: when it began, its seed, and how far it has come."""

import json
import os
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Self

from baton.trouble import Trouble
from schemas.base import iso

SEED = 7


@dataclass(frozen=True, slots=True)
class Kept:
    """`sent` counts the hospital's messages that stand in Postgres, `told` the chapters of the round that do.

    `round_began` is None until the first round has begun. `port` is the inbox's, so that its page stays open.
    """

    began: datetime
    seed: int = SEED
    sent: int = 0
    round: int = 0
    round_began: datetime | None = None
    told: int = 0
    port: int = 0

    @classmethod
    def read(cls, home: Path) -> Self | None:
        """Give what an earlier demo of this home kept, None at the first start; raises Trouble."""
        path = home / "demo.json"
        try:
            said = json.loads(path.read_text("utf-8"))
            times = {name: said[name] and datetime.fromisoformat(said[name]) for name in _TIMES}
            return cls(**{field.name: said[field.name] for field in fields(cls)} | times)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            raise Trouble(f"{path} cannot be read: move {home} away for a new demo.") from None

    def write(self, home: Path) -> None:
        """Put it in place whole; raises Trouble."""
        said = asdict(self) | {name: at and iso(at) for name in _TIMES for at in [getattr(self, name)]}
        half = home / "demo.json.new"
        try:
            with half.open("w", encoding="utf-8") as file:
                json.dump(said, file)
                file.flush()
                os.fsync(file.fileno())
            half.replace(home / "demo.json")
        except OSError as error:
            raise Trouble(f"{half} cannot be written ({error.strerror}).") from None

    def next_round(self, now: datetime, every: float) -> "Kept":
        """Give the round to tell at `now`: the one that was broken off while it lasts, else a new one.

        A new round has the number that it would have had if none had been left out.
        """
        if self.round_began is None:
            return replace(self, round=1, round_began=now, told=0)
        passed = (now - self.round_began).total_seconds()
        if passed < every:
            return self
        return replace(self, round=self.round + int(passed // every), round_began=now, told=0)


_TIMES = ("began", "round_began")
