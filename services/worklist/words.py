"""What people are found by: words as they are typed, without case, accents or punctuation."""

import re
import unicodedata

WORDS_MAX = 6
LONGEST = 40
_PARTS = re.compile(r"[^\W_]+")


def words(*texts: str | None) -> list[str]:
    """The words of some texts, in order, each once: lower case, without accents, cut at 40 characters."""
    found: dict[str, None] = {}
    for text in texts:
        plain = unicodedata.normalize("NFKD", text or "").casefold()
        plain = "".join(mark for mark in plain if not unicodedata.combining(mark))
        found |= dict.fromkeys(part[:LONGEST] for part in _PARTS.findall(plain))
    return list(found)


def ranges(search: str) -> tuple[list[str], list[str]]:
    """For each word of a search the bounds of what begins with it: from, and below (in code point order)."""
    wanted = words(search)[:WORDS_MAX]
    return wanted, [word + "\U0010ffff" for word in wanted]
