"""Lists of ICD-10 prefixes as the reference files write them, and what of a code they match."""

from collections.abc import Iterable, Mapping


def prefixes(text: str) -> tuple[str, ...]:
    """The prefixes of a list, ranges such as `C00-C26` or `N032-N037` written out."""
    found: list[str] = []
    for word in text.split():
        first, _, last = word.partition("-")
        if not last:
            found.append(first)
            continue
        width = len(first) - 1
        found += (f"{first[0]}{n:0{width}}" for n in range(int(first[1:]), int(last[1:]) + 1))
    return tuple(found)


class CodeList:
    """Names by prefixes of at least three characters. Codes are given in capitals without dots."""

    def __init__(self, named: Mapping[str, Iterable[str]]) -> None:
        self.named = {name: tuple(each) for name, each in named.items()}
        self._by_category: dict[str, list[tuple[str, str]]] = {}
        for name, each in self.named.items():
            for prefix in each:
                self._by_category.setdefault(prefix[:3], []).append((prefix, name))

    def matches(self, code: str) -> frozenset[str]:
        """Every name that has a prefix of this code."""
        found = self._by_category.get(code[:3], ())
        return frozenset(name for prefix, name in found if code.startswith(prefix))

    def longest(self, code: str) -> frozenset[str]:
        """The names with the longest prefix of this code."""
        found = [pair for pair in self._by_category.get(code[:3], ()) if code.startswith(pair[0])]
        most = max((len(prefix) for prefix, _ in found), default=0)
        return frozenset(name for prefix, name in found if len(prefix) == most)
