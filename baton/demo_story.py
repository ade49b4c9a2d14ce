"""The demo's story: what the sample feed holds, when each part is sent, and its times made those of today."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from services.admissions.hl7 import frames

SAMPLE = Path(__file__).parent.parent / "deploy" / "demo" / "sample.hl7"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_CHAPTER = re.compile(r"^@ +(?P<after>\d+[smhd]) +(?P<text>.+)$")
_NAME = re.compile(r"\{name(\d)\}")
_FAMILIES = ("Lindqvist", "Abara", "Moreau", "Haraldsen", "Quispe", "Novak", "Ferreira", "Okonkwo", "Sandoval", "Birkeland",
             "Tanaka", "Weatherby", "Castellano", "Jankowski", "Oyelaran", "Dalgaard", "Kincaid")  # fmt: skip
_TIME = re.compile(r"\{now(?:(?P<sign>[+-])(?P<span>\d+[smhd]))?\}")


@dataclass(frozen=True, slots=True)
class Chapter:
    """What happens at one moment of the story: a sentence, and the messages that tell of it."""

    after: timedelta
    text: str
    messages: tuple[bytes, ...]


def tell(template: str, *, start: datetime, run: int) -> Iterator[Chapter]:
    """Give the chapters of the sample for a story that starts at `start` and is the `run`-th one told here."""
    heading: re.Match[str] | None = None
    lines: list[str] = []
    for line in template.splitlines():
        if line.startswith("#"):
            continue
        if match := _CHAPTER.match(line):
            if heading:
                yield _chapter(heading, lines, start, run)
            heading, lines = match, []
        else:
            lines.append(line)
    if heading:
        yield _chapter(heading, lines, start, run)


def _chapter(heading: re.Match[str], lines: list[str], start: datetime, run: int) -> Chapter:
    text = _TIME.sub(lambda match: _hl7_time(match, start), "\r".join(lines)).replace("{run}", str(run))
    text = _NAME.sub(lambda match: _FAMILIES[(6 * (run - 1) + int(match[1]) - 1) % len(_FAMILIES)], text)
    return Chapter(_span(heading["after"]), heading["text"], tuple(frames.split(text.encode())))


def _hl7_time(match: re.Match[str], start: datetime) -> str:
    span = _span(match["span"]) if match["span"] else timedelta()
    return f"{start - span if match['sign'] == '-' else start + span:%Y%m%d%H%M%S%z}"


def _span(text: str) -> timedelta:
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
