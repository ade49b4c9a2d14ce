"""The outcome document for people: visits, what was owed and became of it, who was told."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any


def text(outcome: dict[str, Any]) -> str:
    """Give the whole document as plain text; empty lists are left out."""
    parts = [
        *_table("VISITS", _visits(outcome["visits"])),
        *_table("OWED", _owed(outcome["episodes"])),
        *_table("READMISSIONS", _readmissions(outcome["readmissions"])),
        *_table("ALERTS", _alerts(outcome["alerts"])),
        *_table("REJECTED", ([said["at"], said["code"]] for said in outcome["rejected"])),
    ]
    return "\n".join(parts).strip() or "Nothing has happened."


def _visits(visits: Iterable[dict[str, Any]]) -> Iterator[list[str]]:
    for visit in visits:
        again = f" (use {visit['generation'] + 1})" if visit["generation"] else ""
        number = f"{visit['number']}{again}"
        span = f"{_or(visit['admitted_at'])} to {_or(visit['discharged_at'])}"
        went = f"disposition {visit['disposition']}" if visit["disposition"] else ""
        yield [
            number,
            visit["facility"],
            f"patient {visit['patient_id']}",
            f"class {_or(visit['class'])}",
            visit["state"],
            span,
            went,
        ]


def _owed(episodes: Iterable[dict[str, Any]]) -> Iterator[list[str]]:
    for episode in episodes:
        ended = (
            f", {episode['close_reason'] or 'ended'} {episode['closed_at']}" if episode["closed_at"] else ""
        )
        yield [
            episode["visit"],
            episode["kind"],
            f"{episode['status']}{ended}",
            f"from {episode['opened_at']}",
            _risk(episode),
        ]
        for deadline in episode["deadlines"]:
            marks = [name.replace("_", "-") for name in ("late_known", "provisional") if deadline[name]]
            status = " ".join([deadline["status"], *marks])
            yield ["", f"  {deadline['kind']}", status, f"due {deadline['due_at']}", deadline["because"]]


def _risk(episode: dict[str, Any]) -> str:
    programme, lace = episode["programme"], episode["lace"]
    reasons = f" ({', '.join(programme['reasons'])})" if programme and programme["reasons"] else ""
    decided = f"{programme['decision']}{reasons}" if programme else ""
    scored = (
        f"LACE {lace['total']} {lace['band']}{' provisional' if lace['provisional'] else ''}" if lace else ""
    )
    return "; ".join(filter(None, (decided, scored)))


def _readmissions(found: Iterable[dict[str, Any]]) -> Iterator[list[str]]:
    for said in found:
        yield [said["index_visit"], "then", said["visit"], said["verdict"]]


def _alerts(alerts: Iterable[dict[str, Any]]) -> Iterator[list[str]]:
    for alert in alerts:
        ended = f"{alert['status']} {alert['ended_at']}" if alert["ended_at"] else alert["status"]
        after = f"after {alert['index_visit']}" if alert["index_visit"] else ""
        yield [alert["raised_at"], alert["severity"], alert["kind"], _or(alert["visit"]), ended, after]


def _table(title: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = list(rows)
    if not lines:
        return
    count = max(map(len, lines))
    widths = [max(len(row[n]) for row in lines if n < len(row)) for n in range(count)]
    yield title
    for row in lines:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
    yield ""


def _or(value: str | None) -> str:
    return value or "-"
