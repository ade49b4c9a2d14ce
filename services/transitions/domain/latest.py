"""The latest result for each of many things, kept beside what it came from: planning goes over the same again and again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Latest(Generic[Result]):
    """One result for each key; those kept first are forgotten first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[Hashable, Result] = OrderedDict()
        self.get = self._known.get
        self.forget = self._known.clear

    def keep(self, key: Hashable, result: Result) -> None:
        known = self._known
        if key not in known and len(known) >= self._most:
            known.popitem(last=False)
        known[key] = result


class Computed(Generic[Result]):
    """Results of a pure function, made anew only where what they depend on differs from last time."""

    def __init__(self, most: int) -> None:
        self._latest: Latest[tuple[tuple[object, ...], Result]] = Latest(most)
        self.forget = self._latest.forget

    def of(
        self,
        key: Hashable,
        given: tuple[object, ...],
        make: Callable[[], Result],
        holds: Callable[[Result], bool] | None = None,
    ) -> Result:
        """What `make` gives. `given` is all that it depends on; where that is the time as well, `holds` says whether it still does."""
        known = self._latest.get(key)
        if known is None or known[0] != given or (holds and not holds(known[1])):
            known = given, make()
            self._latest.keep(key, known)
        return known[1]
