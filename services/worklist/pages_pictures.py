"""The pictures of the pages as geometry: what is drawn where. Pure; the templates turn it into SVG."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from services.worklist import pages_words as words
from services.worklist.views import BoardSlot, CaseView, DeadlineView, FactKind, Item, PatientPage, VisitView

WIDTH, LABELS, ROW, TOP = 1000, 210, 30, 34
NARROWEST_TICK = 76
MOST_MARKS = 60
"""Marks of one row; what was done before the last so many is told in words only."""
LEASES = ("item_taken", "item_released", "alert_acknowledged")
STEPS = (
    *(timedelta(minutes=each) for each in (15, 30)),
    *(timedelta(hours=each) for each in (1, 2, 3, 6, 12)),
    *(timedelta(days=each) for each in (1, 2, 7, 14, 28, 56, 182, 365)),
)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing at one instant. `shape` is circle, diamond, square, tick or triangle; `hollow` says that it is open."""

    x: float
    shape: str
    tone: str
    hollow: bool
    title: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A span of time; `words` are written into it where there is room."""

    x: float
    width: float
    style: str
    words: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the picture."""

    y: float
    label: str
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A line at an instant, with its words."""

    x: float
    words: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The picture of a case: one row for the stay, one for each deadline, one for what was done, one for the alerts."""

    height: float
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    breaks: tuple[float, ...]
    now: float | None
    summary: str


class Scale:
    """Time along the picture: straight between its corners, so that the stay, the first days and the rest all have room."""

    def __init__(self, corners: Sequence[tuple[datetime, float]]) -> None:
        self.corners = corners

    def x(self, at: datetime) -> float:
        """Where an instant is drawn; what lies outside is drawn at the edge."""
        first, last = self.corners[0], self.corners[-1]
        if at <= first[0]:
            return first[1]
        if at >= last[0]:
            return last[1]
        index = bisect_right(self.corners, at, key=lambda corner: corner[0])
        (begin, left), (end, right) = self.corners[index - 1], self.corners[index]
        return round(left + (at - begin) / (end - begin) * (right - left), 1)


def timeline(page: PatientPage, case: CaseView, now: datetime) -> Timeline:
    """The picture of one case of a patient."""
    where = page.hours.zone
    visit = next((each for each in page.visits if each.visit_id == case.visit_id), None)
    told = [fact for fact in page.facts if fact.case == case.case]
    shown = [each for each in case.deadlines if each.status not in ("void", "superseded")] or case.deadlines
    start = _start(visit, case)
    ends = [case.opened_at, *(each.due_at for each in shown), *(fact.at for fact in told)]
    ends += [case.closed_at] if case.closed_at else [now]
    end = max(ends) + timedelta(minutes=10)
    scale, breaks = _scale(start, case, shown, end)
    rows = [
        ("Stay", *_stay(page, case, visit, scale, now, where)),
        *((words.kind(each.kind), *_duty(each, case, scale, now, where)) for each in shown),
        ("What was done", (), _done(page, case, scale, now, where)),
        ("Alerts", (), _alerts(page, case, scale, now, where)),
    ]
    return Timeline(
        height=TOP + ROW * len(rows) + 8,
        rows=tuple(Row(TOP + ROW * index, *row) for index, row in enumerate(rows)),
        ticks=tuple(_ticks(scale, where)),
        breaks=tuple(scale.x(at) for at in breaks),
        now=scale.x(now) if start <= now <= end else None,
        summary=_summary(case, shown, now, where),
    )


def _start(visit: VisitView | None, case: CaseView) -> datetime:
    known = [each for each in (visit.admitted_at, visit.started_at) if each] if visit else []
    return min([*known, case.opened_at - timedelta(hours=1)])


def _scale(
    start: datetime, case: CaseView, shown: Iterable[DeadlineView], end: datetime
) -> tuple[Scale, list[datetime]]:
    """Give the stay a fifth, the first days half, the long rest what is left."""
    opened = case.opened_at
    soon = [each.due_at - opened for each in shown if each.due_at - opened <= 7 * DAY]
    near = min(opened + max([*soon, timedelta(hours=2)]) * 1.12, end)
    right = float(WIDTH - 14)
    span = right - LABELS
    corners = [(start, float(LABELS)), (opened, LABELS + span * 0.2)]
    if end - near > (near - opened) * 0.6:
        corners += [(near, LABELS + span * 0.72), (end, right)]
        return Scale(corners), [opened, near]
    return Scale([*corners, (end, right)]), [opened]


def _ticks(scale: Scale, where: str) -> Iterable[Tick]:
    last = -1000.0
    for (begin, left), (end, right) in pairwise(scale.corners):
        room = max(1, int((right - left) // NARROWEST_TICK))
        step = next((each for each in STEPS if (end - begin) / each <= room), STEPS[-1])
        for at in _instants(begin, end, step, where):
            x = scale.x(at)
            if x - last >= NARROWEST_TICK and x <= WIDTH - 40:
                last = x
                yield Tick(x, _tick(at, step, where))


def _instants(begin: datetime, end: datetime, step: timedelta, where: str) -> Iterable[datetime]:
    """The round instants of a span on the clock of a zone."""
    zone = words.zone(where)
    midnight = begin.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    count = 0
    while (at := midnight + count * step) < end:
        if at >= begin:
            yield at
        count += 1


def _tick(at: datetime, step: timedelta, where: str) -> str:
    local = at.astimezone(words.zone(where))
    if step >= 182 * DAY:
        return f"{local:%b %Y}"
    if step > 2 * DAY:
        return f"{local.day} {local:%b}"
    if step >= DAY or (local.hour, local.minute) == (0, 0):
        return f"{local:%a} {local.day} {local:%b}"
    return f"{local:%H:%M}"


def _stay(
    page: PatientPage, case: CaseView, visit: VisitView | None, scale: Scale, now: datetime, where: str
) -> tuple[tuple[Bar, ...], tuple[Mark, ...]]:
    """The stay of the case cut at its transfers, and any later stay of the same patient that reaches into the picture."""
    if visit is None:
        return (), ()
    begin = visit.admitted_at or visit.started_at or case.opened_at
    end = visit.discharged_at or now
    moves = sorted(
        fact.at for fact in page.facts if fact.kind is FactKind.TRANSFER and begin < fact.at < end
    )[:20]
    cuts = [begin, *moves, end]
    bars = [
        _bar(scale, one, two, "stay", visit.unit or "" if two == end else "", where)
        for one, two in pairwise(cuts)
        if two > one
    ]
    for other in page.visits:
        at = other.admitted_at
        if other.visit_id != visit.visit_id and at and at > case.opened_at:
            bars.append(_bar(scale, at, other.discharged_at or now, "stay other", "back", where))
    deaths = [
        Mark(scale.x(fact.at), "square", "soft", hollow=False, title=fact.words)
        for fact in page.facts
        if fact.kind is FactKind.DEATH
    ]
    return tuple(bars), tuple(deaths)


def _bar(scale: Scale, one: datetime, two: datetime, style: str, said: str, where: str) -> Bar:
    left, width = scale.x(one), max(3.0, round(scale.x(two) - scale.x(one), 1))
    title = f"{said or 'In hospital'}: {words.stamp(one, where)} to {words.stamp(two, where)}"
    return Bar(
        left, width, style, said[: int(width // 8)] if len(said) * 8 < width or width > 48 else "", title
    )


SHAPES = {
    "met": ("tick", "good", False),
    "met_late": ("tick", "warn", False),
    "attempted": ("tick", "good", True),
    "missed": ("square", "bad", False),
    "pending": ("diamond", "accent", True),
}


def _duty(
    each: DeadlineView, case: CaseView, scale: Scale, now: datetime, where: str
) -> tuple[tuple[Bar, ...], tuple[Mark, ...]]:
    shape, tone, hollow = SHAPES.get(each.status, ("circle", "soft", True))
    due = f"due {words.when(each.due_at, now, where)}, {words.status(each.status)}"
    begin = min(case.opened_at, each.due_at)
    x, end = scale.x(begin), scale.x(each.due_at)
    bars = (Bar(x, max(1.0, round(end - x, 1)), f"duty k-{tone}", "", due),)
    at = each.settled_at if shape == "tick" and each.settled_at else each.due_at
    return bars, (Mark(scale.x(at), shape, tone, hollow, f"{words.kind(each.kind)}: {due}"),)


def _done(page: PatientPage, case: CaseView, scale: Scale, now: datetime, where: str) -> tuple[Mark, ...]:
    marks = []
    for each in page.actions:
        if each.case not in (case.case, None) or each.type in LEASES:
            continue
        reached = each.body.get("outcome", "reached") == "reached"
        tone = "soft" if each.withdrawn or each.state == "refused" else "good" if reached else "warn"
        title = f"{words.when(each.occurred_at, now, where)}: {words.deed(each)}"
        marks.append(Mark(scale.x(each.occurred_at), "circle", tone, not reached, title))
    return tuple(marks[:MOST_MARKS])


def _alerts(page: PatientPage, case: CaseView, scale: Scale, now: datetime, where: str) -> tuple[Mark, ...]:
    return tuple(
        Mark(
            scale.x(each.raised_at),
            "triangle",
            "bad" if each.status == "firing" else "warn" if each.status == "acknowledged" else "soft",
            each.status not in ("firing", "acknowledged"),
            f"{words.when(each.raised_at, now, where)}: {words.kind(each.kind)}, {words.status(each.status)}",
        )
        for each in page.alerts[:MOST_MARKS]
        if each.case == case.case
    )


def _summary(case: CaseView, shown: Sequence[DeadlineView], now: datetime, where: str) -> str:
    """The picture in one sentence, for those who do not see it."""
    duties = "; ".join(
        f"{words.kind(each.kind)} due {words.when(each.due_at, now, where)}, {words.status(each.status)}"
        for each in shown
    )
    return f"{words.kind(case.kind)} on {words.stamp(case.opened_at, where)}. {duties or 'Nothing is owed'}."


# --- the board ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """What falls due in one hour: parts from the ground up, the most severe lowest."""

    x: float
    width: float
    label: str
    items: int
    top: float
    parts: tuple[tuple[str, float, float], ...]


TONE_OF = {"P1": "k-bad", "P2": "k-bad", "P3": "k-warn", "P4": "k-soft"}


def columns(
    slots: Sequence[BoardSlot],
    now: datetime,
    hours: int,
    where: str,
    *,
    width: float = 1600,
    height: float = 150,
) -> list[Column]:
    """The next hours as columns, as high as there are items; at least ten items high, so that one is no wall.

    A slot belongs to the hour from `now` in which it begins; hours in which nothing is due are there, and empty.
    """
    tallies = [dict.fromkeys(TONE_OF, 0) for _ in range(hours)]
    for slot in slots:
        hour = min(hours - 1, max(0, round((slot.at - now) / timedelta(hours=1))))
        for severity, items in slot.severities.items():
            tallies[hour][severity] = tallies[hour].get(severity, 0) + items
    most = max([10, *(sum(tally.values()) for tally in tallies)])
    step = width / max(1, hours)
    drawn = []
    for hour, tally in enumerate(tallies):
        y, parts = height, []
        for severity, look in TONE_OF.items():
            size = tally[severity] / most * height
            if size:
                y = round(y - size, 1)
                parts.append((look, y, round(size, 1)))
        label = words.clock(now + timedelta(hours=hour), where)
        x, wide = round((hour + 0.12) * step, 1), round(step * 0.76, 1)
        drawn.append(Column(x, wide, label, sum(tally.values()), y, tuple(parts)))
    return drawn


def due_soon(items: Iterable[Item], now: datetime) -> int:
    """How many fall due within the hour."""
    return sum(1 for each in items if now < each.due_at <= now + timedelta(hours=1))


# --- the operations page ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Meter:
    """One figure beside others: `share` of the largest, from 0 to 100."""

    label: str
    value: int
    share: float
    tone: str


def meters(figures: Mapping[str, int]) -> list[Meter]:
    """Figures as bars of one scale, the largest full."""
    most = max([1, *figures.values()])
    return [
        Meter(words.status(word), value, round(100 * value / most, 1), words.tone(word))
        for word, value in figures.items()
    ]
