"""How one message is written: its encoding characters and codec, and the reading of fields, components and leaves."""

import re
from functools import lru_cache

from msgspec import UNSET, UnsetType

from services.admissions.hl7.escapes import unescape

NULL = '""'
"""The explicit null of chapter 2: delete what is stored."""

UNUSED = "\0"
"""Stands for an encoding character the message does not define; NUL never survives into the text."""

# One segment has far fewer fields than this, one field far fewer components; reading past the end of either
# then gives "" without a test for it.
_FIELDS = [""] * 48
_COMPONENTS = [""] * 12


class Dialect:
    """MSH-1 and MSH-2 of a message and the codec of MSH-18.

    Values are split by delimiters first; what remains undivided, a leaf, has its escapes decoded once and is
    trimmed. The explicit null reads as "" in a leaf; `is_null` tells it from an empty field.
    """

    __slots__ = (
        "_needs_care",
        "_needs_splitting",
        "codec",
        "component",
        "escape",
        "field",
        "repetition",
        "subcomponent",
        "truncation",
    )

    def __init__(self, field: str, encoding_characters: str, codec: str = "ascii") -> None:
        marks = list(encoding_characters.ljust(5, UNUSED))
        self.field = field
        self.component, self.repetition, self.escape, self.subcomponent, self.truncation = marks[:5]
        self.codec = codec
        # Most values are plain. One search over them tells, and is far cheaper than reading each with care.
        odd = re.escape(self.escape + self.subcomponent + '"')
        self._needs_care = re.compile(rf"[\s{odd}]").search
        self._needs_splitting = re.compile(rf"[\s{odd}{re.escape(self.component + self.repetition)}]").search

    def fields(self, line: str) -> list[str]:
        """The fields of a segment by their numbers in the standard; any number past the end is empty."""
        return line.split(self.field) + _FIELDS

    def header(self, line: str) -> list[str]:
        """The same for MSH, whose first field is the separator itself."""
        fields = line.split(self.field) + _FIELDS
        fields.insert(1, self.field)
        return fields

    def repetitions(self, field: str) -> list[str]:
        return field.split(self.repetition) if field else []

    def components(self, repetition: str) -> list[str]:
        """The components by position from 0, as sent; any position past the end is empty."""
        return repetition.split(self.component) + _COMPONENTS

    def first_repetition(self, field: str) -> str:
        return field[: field.index(self.repetition)] if self.repetition in field else field

    def leaves(self, repetition: str) -> list[str]:
        """The values of the components by position from 0: of each its first subcomponent."""
        if self._needs_care(repetition) is None:
            return repetition.split(self.component) + _COMPONENTS
        return [self.first(part) if part else part for part in repetition.split(self.component)] + _COMPONENTS

    def first_leaves(self, field: str) -> list[str]:
        """The same for the first repetition of a field."""
        return self.leaves(self.first_repetition(field))

    def leaf(self, raw: str) -> str:
        """The value of an undivided piece."""
        if self.escape in raw:
            raw = unescape(raw, self)
        raw = raw.strip()
        return "" if raw == NULL else raw

    def first(self, component: str) -> str:
        """The value of a component: its first subcomponent."""
        if self.subcomponent in component:
            component = component[: component.index(self.subcomponent)]
        return self.leaf(component)

    def coded(self, field: str) -> str | None | UnsetType:
        """What a coded or simple field states: its first component, None for null, UNSET for nothing."""
        if not field:
            return UNSET
        if self._needs_splitting(field) is None:
            return field
        return self.first_leaves(field)[0] or (None if self.is_null(field) else UNSET)

    def value(self, field: str) -> str:
        """The same where null and empty are one."""
        return self.coded(field) or ""

    def is_null(self, field: str) -> bool:
        """Whether a field is the explicit null, alone or in every component that is filled."""
        if NULL not in field:
            return False
        rest = field.replace(NULL, "")
        return not rest.strip(self.component + self.repetition + self.subcomponent + " ")

    def authority(self, repetition: str, leaves: list[str]) -> str:
        """CX.4 or PL.4, an HD inside a component: the namespace, else the universal id."""
        if leaves[3] or self.subcomponent not in repetition:
            return leaves[3]
        _, *others = self.components(repetition)[3].split(self.subcomponent)
        return self.leaf(others[0]) if others else ""

    def organisation(self, field: str) -> str:
        """The name in an HD that is a field (MSH-3, MSH-4, EVN-7): the namespace, else the universal id."""
        if self._needs_splitting(field) is None:
            return field
        leaves = self.first_leaves(field)
        return leaves[0] or leaves[1]


dialect_of = lru_cache(maxsize=256)(Dialect)
"""The dialect of given characters and codec. A feed's messages all share one."""
