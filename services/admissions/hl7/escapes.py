"""The escape sequences of chapter 2.7: from what was sent to the text that was meant."""

from typing import Protocol


class Marks(Protocol):
    """The encoding characters of a message, NUL for one it does not define, and its codec."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str
    truncation: str
    codec: str


def unescape(raw: str, marks: Marks) -> str:
    """Decode each sequence once. What is unknown, local (Z) or unterminated stays as it was sent."""
    escape = marks.escape
    parts = raw.split(escape)
    out = [parts[0]]
    position, last = 1, len(parts) - 1
    while position < last:
        plain = _plain(parts[position], marks)
        out.append(escape + parts[position] + escape if plain is None else plain)
        out.append(parts[position + 1])
        position += 2
    if position == last:
        out.append(escape + parts[last])
    return "".join(out)


def _plain(code: str, marks: Marks) -> str | None:
    """What one sequence stands for; None where it is to be kept, as the switches of character set (C, M) are."""
    match code:
        case "F":
            return marks.field
        case "S":
            return _defined(marks.component)
        case "T":
            return _defined(marks.subcomponent)
        case "R":
            return _defined(marks.repetition)
        case "E":
            return marks.escape
        case "P":
            return _defined(marks.truncation)
        case "H" | "N":
            return ""
        case ".br":
            return "\n"
    if code.startswith(".sp"):
        return _blank_lines(code[3:].strip().removeprefix("+"))
    return _from_hex(code[1:], marks.codec) if code.startswith("X") else None


def _defined(mark: str) -> str | None:
    return None if mark == "\0" else mark


def _blank_lines(count: str) -> str | None:
    if not count:
        return "\n"
    return "\n" * int(count) if count.isascii() and count.isdecimal() and len(count) < 3 else None


def _from_hex(digits: str, codec: str) -> str | None:
    # bytes.fromhex would also take blanks between the digits.
    if not digits.isalnum():
        return None
    try:
        return bytes.fromhex(digits).replace(b"\0", b"").decode(codec)
    except (ValueError, LookupError):
        return None
