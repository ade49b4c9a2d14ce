"""The latest result for each of many things, kept beside what it came from: planning goes over the same again and again."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Latest(Generic[Result]):
    """Results of a pure function, one for each key; those longest not asked for are forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[Hashable, tuple[tuple[object, ...], Result]] = {}

    def of(self, key: Hashable, given: tuple[object, ...], make: Callable[[], Result]) -> Result:
        """What `make` gives, made anew only where `given`, all that it depends on, differs from last time."""
        known = self._known.pop(key, None)
        if known is None or known[0] != given:
            known = given, make()
            if len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
        self._known[key] = known
        return known[1]

    def forget(self) -> None:
        self._known.clear()
