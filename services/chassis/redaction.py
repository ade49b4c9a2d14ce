"""What a log line may hold: classes and places of errors, plain values under harmless names, nothing else."""

import sys
import traceback
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

from structlog.types import EventDict

FRAMES = 3
LONGEST = 300
# These hold what a record, a row or a secret says. A service adds the words of its own trade.
WITHHELD = """
    args birth_date body content data dsn document email family given headers key locals message params password
    payload person phone query raw record row secret street text token url value values
"""
DENIED = frozenset(WITHHELD.split())


def describe_exception(_: Any, __: str, event: EventDict) -> EventDict:
    """Replace the exception by its classes and innermost frames; its message may quote what was worked on."""
    error = exception_of(event.pop("exc_info", None))
    for name in ("exc_text", "stack_info", "stack", "exception"):
        event.pop(name, None)
    if error is not None:
        event["error"] = " < ".join(_class_chain(error))
        event["at"] = _frames(error)
    return event


def error_name(error: BaseException) -> str:
    """The class of an error, which is all of it that may be shown."""
    module = type(error).__module__
    return type(error).__qualname__ if module == "builtins" else f"{module}.{type(error).__qualname__}"


def exception_of(info: Any) -> BaseException | None:
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple):
        return cast("BaseException | None", info[1])
    return sys.exc_info()[1] if info else None


def _class_chain(error: BaseException) -> Iterable[str]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        inner = f"({', '.join(sorted({error_name(e) for e in _leaves(link)}))})"
        yield error_name(link) + (inner if isinstance(link, BaseExceptionGroup) else "")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _leaves(error: BaseException) -> Iterable[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _frames(error: BaseException) -> list[str]:
    deepest = next(iter(_leaves(error)))
    summary = traceback.StackSummary.extract(traceback.walk_tb(deepest.__traceback__), lookup_lines=False)
    return [f"{Path(f.filename).name}:{f.lineno}:{f.name}" for f in summary[-FRAMES:]][::-1]


class Deny:
    """Drop what must not be shown: by the name of the key, and by the kind of the value."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def __call__(self, _: Any, __: str, event: EventDict) -> EventDict:
        for key in list(event):
            if key.startswith("_"):
                continue
            event[key] = "[withheld]" if key.lower() in self._names else _plain(event[key])
        return event


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= LONGEST else value[:LONGEST] + "…"
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset) and len(value) <= 50:
        return [_plain(each) for each in value]
    if isinstance(value, Path):
        return str(value)
    return error_name(value) if isinstance(value, BaseException) else f"[{type(value).__name__}]"
