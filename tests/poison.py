"""Documents made wrong in one place each, and a way to offer them to a service as its consumers would."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from services.chassis.kafka import Record
from services.chassis.poison import Sieve
from services.chassis.service import Handler, Refuse, Service

HUGE, DEEP = 2**70, "[" * 100_000
INSTANTS = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00",
)


async def offer(service: Service, handler: Handler, refuse: Refuse, records: Sequence[Record]) -> None:
    """Have a batch applied as a running service does, once: whatever it raises would be read again for ever."""
    await Sieve(partial(handler, service), partial(refuse, service))(list(records))


def wrong(document: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Every way in which one leaf of a document can be what no column, calendar or parser takes."""
    for path, value in _leaves(document):
        where = ".".join(map(str, path))
        for what, said in _instead_of(value):
            yield f"{where} {what}", json.dumps(_with(document, path, said)).encode()
    text = json.dumps(document).encode()
    yield "deeply nested", text[:-1] + b', "x": ' + DEEP.encode() + b"}"
    yield "deeply nested and closed", text[:-1] + b', "x": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    yield "no number", text[:-1] + b', "x": NaN}'
    yield "infinite", text[:-1] + b', "x": 1e400}'
    yield "a number of many digits", text[:-1] + b', "x": ' + b"9" * 5000 + b"}"
    yield "one byte short of 1 MiB", text[:-1] + b', "x": "' + b"x" * (1024 * 1024 - len(text) - 9) + b'"}'
    for odd in (
        b"",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{}",
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf" + text,
        text[:-3],
    ):
        yield f"{odd[:6]!r}", odd


def _instead_of(value: Any) -> Iterator[tuple[str, Any]]:
    yield "a list", []
    match value:
        case bool():
            yield "no truth", HUGE
        case int():
            for number in (HUGE, -1, 10**400, float("nan")):
                yield f"{number:.3g}" if number != 10**400 else "many digits", number
        case str():
            yield "with NUL", f"{value}\0"
            yield "NUL", "\0"
            yield "half a character", f"{value}\ud800"
            yield "empty", ""
            yield "long", value + "x" * 10_000
            if value[:2] == "20" and "T" in value:
                for instant in INSTANTS:
                    yield instant, instant
        case None:
            yield "NUL", "\0"


def _leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else None
    if children is None:
        yield path, node
    for key, child in children or ():
        yield from _leaves(child, (*path, key))


def _with(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = _with(node[path[0]], path[1:], value)
    return copy
