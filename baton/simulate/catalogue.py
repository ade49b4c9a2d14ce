"""Why people come to hospital, and the chances of what becomes of them: conditions.yaml, prepared for drawing."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate
from random import Random
from typing import Any, Generic, TypeVar

import yaml

T = TypeVar("T")

LONGEST = 30.0
"""No stay is longer, in days."""


class Choice(Generic[T]):
    """Values with weights, drawn by one random number."""

    __slots__ = ("_bounds", "_values")

    def __init__(self, weighted: Iterable[tuple[T, float]]) -> None:
        kept = [(value, weight) for value, weight in weighted if weight]
        self._values = [value for value, _ in kept]
        self._bounds = list(accumulate(weight for _, weight in kept))

    def draw(self, rng: Random) -> T:
        return rng.choices(self._values, cum_weights=self._bounds)[0]


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """Why somebody is in hospital. Shares are of 1, days are medians of a lognormal with sigma `spread`."""

    name: str
    by: tuple[int, int, int]
    ward: str
    service: str
    ages: tuple[int, int]
    days: float
    spread: float
    icu: float
    dies: float
    later: float
    again: float
    goes: Choice[str]
    first: tuple[str, ...]
    others: tuple[tuple[str, float], ...]

    def length(self, rng: Random) -> float:
        """How long a stay is, in days."""
        return min(LONGEST, max(0.5, self.days * math.exp(rng.gauss(0.0, self.spread))))

    @property
    def mean_days(self) -> float:
        return self.days * math.exp(self.spread**2 / 2)

    def diagnoses(self, rng: Random) -> tuple[str, ...]:
        """The principal diagnosis, then what else this patient has."""
        return (rng.choice(self.first), *[code for code, share in self.others if rng.random() < share])


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """All conditions; `ways` choose one for those who come by emergency, directly and as planned."""

    conditions: tuple[Condition, ...]
    rehabilitation: Condition
    complaints: tuple[str, ...]
    titles: dict[str, str]
    ways: tuple[Choice[Condition], Choice[Condition], Choice[Condition]]

    def shares(self) -> tuple[float, float, float]:
        """How many of all admissions come by each way."""
        totals = [sum(one.by[way] for one in self.conditions) for way in range(3)]
        return totals[0] / sum(totals), totals[1] / sum(totals), totals[2] / sum(totals)

    def mean_days(self) -> float:
        """The mean length of a stay."""
        weights = [sum(one.by) for one in self.conditions]
        return sum(w * one.mean_days for w, one in zip(weights, self.conditions, strict=True)) / sum(weights)


@cache
def catalogue() -> Catalogue:
    table = yaml.safe_load((files(__package__) / "conditions.yaml").read_text(encoding="utf-8"))
    conditions = tuple(_condition(name, said) for name, said in table["conditions"].items())
    emergency, direct, planned = (Choice((one, one.by[way]) for one in conditions) for way in range(3))
    return Catalogue(
        conditions,
        _condition("rehabilitation", table["rehabilitation"]),
        tuple(table["complaints"]),
        table["titles"],
        (emergency, direct, planned),
    )


def _condition(name: str, said: dict[str, Any]) -> Condition:
    said = dict(said)
    others, goes = said.pop("with"), said.pop("goes")
    said |= {key: tuple(said[key]) for key in ("by", "ages", "first")}
    return Condition(name=name, others=tuple(others.items()), goes=Choice(goes.items()), **said)
