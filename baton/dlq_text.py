"""Refusals as a person reads them; no value of any message, unless its lines are given."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

SHORT = 8


def tell(document: dict[str, Any]) -> str:
    """The summary by feed and code, then the refusals."""
    if not document["summary"]:
        return "Nothing refused, as asked."
    groups = [
        [
            each["topic"],
            each["feed"] or "-",
            each["code"],
            str(each["count"]),
            _at(each["first"]),
            _at(each["last"]),
        ]
        for each in document["summary"]
    ]
    rows = [
        [
            each["rejection_id"][:SHORT], _at(each["received_at"]), each["feed"] or "-", each["code"], place(each),
            f"{each['source_topic']} {each['source_partition']}:{each['source_offset']}", each["status"],
            each["detail"],
        ]
        for each in document["rejections"]
    ]  # fmt: skip
    total, shown = sum(each["count"] for each in document["summary"]), len(rows)
    more = [f"{shown} of {total} shown; --limit shows more."] if shown < total else []
    return "\n".join(
        [
            *_table(["TOPIC", "FEED", "CODE", "COUNT", "FIRST", "LAST"], groups),
            "",
            *_table(["ID", "WHEN", "FEED", "CODE", "WHERE", "SOURCE", "STATUS", "WHY"], rows),
            *more,
        ]
    )


def tell_one(said: dict[str, Any]) -> str:
    """One refusal, a line for each thing known of it."""
    return "\n".join(_lines(said))


def place(said: dict[str, Any]) -> str:
    """The segment and the field that are wrong, as PID-3; - for none in particular."""
    return "-".join(filter(None, (said["segment"], said["field"]))) or "-"


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows with each column as wide as its widest cell; the last is as long as it is."""
    rows = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _lines(said: dict[str, Any]) -> Iterator[str]:
    for name, value in said.items():
        if not name.startswith("message") and value not in (None, ""):
            yield f"{name.replace('_', ' '):<18}{value}"
    if "message" in said:
        yield ""
        yield from said["message"]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return columns([head, *rows])


def _at(instant: str) -> str:
    return instant[:19].replace("T", " ") + "Z"
