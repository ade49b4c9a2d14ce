"""MSH-18: from the name of a character set (table 0211) to a codec and to text."""

from collections.abc import Mapping

from msgspec import Struct

GUESSED = "charset_guessed"

_LATIN = {f"8859/{part}": f"iso8859_{part}" for part in (*range(1, 10), 15)}

# Local spellings seen in feeds stand beside those of table 0211.
KNOWN = (
    {"ASCII": "", "US-ASCII": "", "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8", "UTF8": "utf-8"}
    | _LATIN
    | {
        spelling.format(name.removeprefix("8859/")): codec
        for name, codec in _LATIN.items()
        for spelling in ("ISO-8859-{}", "ISO8859-{}", "ISO 8859-{}", "8859-{}", "ISO_8859-{}", "ISO8859/{}")
    }
    | dict.fromkeys(("WINDOWS-1252", "CP1252", "ANSI"), "cp1252")
)

# Names of table 0211 that are not read unless the feed's profile says with which codec.
_FOREIGN = (
    "GB ",
    "BIG-5",
    "KS X",
    "CNS ",
    "ISO IR",
    "JIS",
    "UNICODE UTF-16",
    "UNICODE UTF-32",
    "UTF-16",
    "UTF-32",
)


class Text(Struct, frozen=True):
    """Decoded bytes; `codec` also reads the hexadecimal escapes."""

    text: str
    codec: str
    flag: str | None = None


def decode(data: bytes, declared: str, fallback: str, configured: Mapping[str, str]) -> Text | None:
    """Decode by the first repetition of MSH-18; None where that set is not one we may read.

    A profile's own table comes first. `UNICODE` alone is deprecated and ambiguous: since its header could
    be read byte by byte it can only have meant UTF-8, so it is taken as that or refused.
    """
    name = declared.strip().upper()
    codec = configured.get(declared.strip()) or configured.get(name)
    if codec is None:
        if name.startswith(_FOREIGN):
            return None
        codec = "utf-8" if name == "UNICODE" else KNOWN.get(name)
    if codec and name != "UNICODE":
        try:
            return Text(data.decode(codec), codec)
        except (UnicodeDecodeError, LookupError):
            return _guess(data, fallback)
    if data.isascii():
        return Text(
            data.decode("ascii"), codec or fallback, None if codec is not None else GUESSED if name else None
        )
    if name == "UNICODE":
        try:
            return Text(data.decode("utf-8"), "utf-8", GUESSED)
        except UnicodeDecodeError:
            return None
    return _guess(data, fallback)


def _guess(data: bytes, fallback: str) -> Text:
    """Bytes outside ASCII without a usable name: UTF-8 if they are that, else the feed's own fallback."""
    try:
        return Text(data.decode("utf-8"), "utf-8", GUESSED)
    except UnicodeDecodeError:
        return Text(data.decode(fallback, errors="replace"), fallback, GUESSED)
