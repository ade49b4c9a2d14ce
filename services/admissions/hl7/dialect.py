"""How one message is written: its encoding characters and code, and the reading of fields, components and leaves."""

from msgspec import UNSET, UnsetType

NULL = '""'
"""The explicit null of chapter 2: delete what is stored."""

UNUSED = "\0"
"""Stands for an encoding character the message does not define; NUL never survives into the text."""

# One segment has far fewer fields than this; reading past its end then gives "" without a test for it.
_PADDING = [""] * 64
_FEW = [""] * 16


class Dialect:
    """MSH-1 and MSH-2 of a message and the codec of MSH-18.

    Values are split by delimiters first; what remains undivided, a leaf, has its escapes decoded once.
    """

    __slots__ = ("codec", "component", "escape", "field", "repetition", "subcomponent", "truncation")

    def __init__(self, field: str, encoding_characters: str, codec: str = "ascii") -> None:
        marks = encoding_characters.ljust(5, UNUSED)
        self.field = field
        self.component, self.repetition, self.escape, self.subcomponent, self.truncation = list(marks[:5])
        self.codec = codec

    def fields(self, line: str) -> list[str]:
        """The fields of a segment by their numbers in the standard; any number past the end is empty."""
        return line.split(self.field) + _PADDING

    def header(self, line: str) -> list[str]:
        """The same for MSH, whose first field is the separator itself."""
        fields = line.split(self.field) + _PADDING
        fields.insert(1, self.field)
        return fields

    def repetitions(self, field: str) -> list[str]:
        return field.split(self.repetition) if field else []

    def components(self, repetition: str) -> list[str]:
        """The components by position from 0; any position past the end is empty."""
        return repetition.split(self.component) + _FEW

    def leaf(self, raw: str) -> str:
        """The value of an undivided piece, trimmed; "" for empty and for the explicit null."""
        if self.escape in raw:
            raw = unescape(raw, self)
        raw = raw.strip()
        return "" if raw == NULL else raw

    def first(self, raw: str) -> str:
        """The leaf of a component: its first subcomponent."""
        if self.subcomponent in raw:
            raw = raw[: raw.index(self.subcomponent)]
        return self.leaf(raw)

    def coded(self, field: str) -> str | None | UnsetType:
        """What a coded or simple field states: its first component, None for null, UNSET for nothing."""
        if not field:
            return UNSET
        if self.repetition in field:
            field = field[: field.index(self.repetition)]
        head = field[: field.index(self.component)] if self.component in field else field
        return self.first(head) or (None if self.is_null(field) else UNSET)

    def value(self, field: str) -> str:
        """The same where null and empty are one."""
        return self.coded(field) or ""

    def is_null(self, field: str) -> bool:
        """Whether a field is the explicit null, alone or in every component that is filled."""
        if NULL not in field:
            return False
        rest = field.replace(NULL, "")
        return not rest.strip(self.component + self.repetition + self.subcomponent + " ")

    def named(self, component: str) -> str:
        """The name in an HD inside a component: the namespace, else the universal id."""
        if self.subcomponent not in component:
            return self.leaf(component)
        namespace, universal = component.split(self.subcomponent)[:2]
        return self.leaf(namespace) or self.leaf(universal)

    def organisation(self, field: str) -> str:
        """The name in an HD that is a field (MSH-3, MSH-4, EVN-7): the namespace, else the universal id."""
        if self.repetition in field:
            field = field[: field.index(self.repetition)]
        if self.component not in field:
            return self.first(field)
        namespace, universal = field.split(self.component)[:2]
        return self.first(namespace) or self.first(universal)


def unescape(raw: str, dialect: Dialect) -> str:
    """Decode the escape sequences of chapter 2.7; what is unknown or unterminated stays as it was sent."""
    mark = dialect.escape
    parts = raw.split(mark)
    out = [parts[0]]
    position, last = 1, len(parts) - 1
    while position < last:
        plain = _plain(parts[position], dialect)
        out.append(mark + parts[position] + mark if plain is None else plain)
        out.append(parts[position + 1])
        position += 2
    if position == last:
        out.append(mark + parts[last])
    return "".join(out)


def _plain(code: str, dialect: Dialect) -> str | None:
    """What the escape sequence `code` stands for; None where it is to be kept (C, M, Z and unknown ones)."""
    match code:
        case "F":
            return dialect.field
        case "S":
            return _mark(dialect.component)
        case "T":
            return _mark(dialect.subcomponent)
        case "R":
            return _mark(dialect.repetition)
        case "E":
            return dialect.escape
        case "P":
            return _mark(dialect.truncation)
        case "H" | "N":
            return ""
        case ".br":
            return "\n"
    if code.startswith(".sp") and (count := code[3:].strip().removeprefix("+")).isascii():
        lines = 1 if not count else int(count) if count.isdecimal() and len(count) < 3 else None
        return None if lines is None else "\n" * lines
    return _from_hex(code[1:], dialect.codec) if code.startswith("X") else None


def _mark(character: str) -> str | None:
    return None if character == UNUSED else character


def _from_hex(digits: str, codec: str) -> str | None:
    # bytes.fromhex would also take blanks between the digits.
    if not digits or len(digits) % 2 or not digits.isalnum():
        return None
    try:
        return bytes.fromhex(digits).replace(b"\0", b"").decode(codec)
    except (ValueError, LookupError):
        return None
