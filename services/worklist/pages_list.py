"""The list as a page: what is owed, whom to call next, and why; from views to what the template shows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel

from schemas.encounters import Telecom
from services.worklist import pages_words as words
from services.worklist.views import Choice, Choices, Filters, Item, ListPage, Word

NAMES = ("team", "unit", "facility", "kind", "programme")
FLAGS = ("mine", "overdue", "late_known")
LABELS = {
    "team": "Team", "unit": "Unit", "facility": "Facility", "kind": "What is owed", "programme": "Programme",
    "mine": "Mine", "overdue": "Overdue", "late_known": "Late when learned",
}  # fmt: skip


class Asked(BaseModel):
    """The address of the list: its filters, what was searched for by its number, and the place in it."""

    team: Word = ""
    unit: Word = ""
    facility: Word = ""
    kind: Word = ""
    programme: Word = ""
    mine: Word = ""
    overdue: Word = ""
    late_known: Word = ""
    search: Word = ""
    after: Word = ""

    def filters(self) -> Filters:
        said: dict[str, Any] = {name: getattr(self, name) or None for name in NAMES}
        return Filters(**said, **{name: getattr(self, name) == "true" for name in FLAGS})


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence at the head of a page, with lines below it. `tone`: good, warn or bad."""

    words: str
    tone: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tab:
    """One of the usual views, with its count."""

    words: str
    count: int
    address: str
    current: bool


@dataclass(frozen=True, slots=True)
class Option:
    """A word to filter by; `items` is None for one that is chosen and has no items now."""

    value: str
    words: str
    items: int | None


@dataclass(frozen=True, slots=True)
class Pick:
    """A filter to choose from."""

    name: str
    words: str
    chosen: str | None
    values: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Next:
    """Whom to call next, and why."""

    item: Item
    why: str
    phones: tuple[Telecom, ...]


def address(filters: Filters, search: str | None = None, **more: str | None) -> str:
    """The address of the list under these filters. What was searched for is a patient's: it never stands in one."""
    said = {name: getattr(filters, name) for name in NAMES if getattr(filters, name)}
    said |= {name: "true" for name in FLAGS if getattr(filters, name)}
    said |= {"search": search} if search else {}
    said |= {name: value for name, value in more.items() if value}
    return f"/?{urlencode(said)}" if said else "/"


def tabs(filters: Filters, page: ListPage, search: str | None) -> list[Tab]:
    """All, mine, overdue and late when learned: the rest of the filters stays."""
    bare = filters.model_copy(update=dict.fromkeys(FLAGS, False))
    on = {name for name in FLAGS if getattr(filters, name)}
    counts = page.counts
    found = [Tab("Everything", counts.total, address(bare, search), not on)]
    for name, count in (
        ("mine", counts.mine),
        ("overdue", counts.overdue),
        ("late_known", counts.late_known),
    ):
        there = bare.model_copy(update={name: True})
        found.append(Tab(LABELS[name], count, address(there, search), on == {name}))
    return found


def picks(choices: Choices, filters: Filters) -> list[Pick]:
    """What the list can be filtered by; what is chosen stays to be seen where no item has it any more."""
    lists = (choices.teams, choices.units, choices.facilities, choices.kinds, choices.programmes)
    return [
        Pick(
            name, LABELS[name], getattr(filters, name), tuple(_options(name, values, getattr(filters, name)))
        )
        for name, values in zip(NAMES, lists, strict=True)
        if len(values) > 1 or getattr(filters, name)
    ]


def _options(name: str, values: Sequence[Choice], chosen: str | None) -> Iterable[Option]:
    for value in values:
        yield Option(value.value, _word(name, value.value), value.items)
    if chosen and chosen not in {value.value for value in values}:
        yield Option(chosen, _word(name, chosen), None)


def _word(name: str, value: str) -> str:
    return words.kind(value) if name == "kind" else words.plain(value) if name == "programme" else value


def narrowed(filters: Filters) -> list[str]:
    """The filters that are on, in words."""
    said = [
        f"{LABELS[name]}: {_word(name, getattr(filters, name))}" for name in NAMES if getattr(filters, name)
    ]
    return said + [LABELS[name] for name in FLAGS if getattr(filters, name)]


def title(filters: Filters, q: str | None) -> str:
    if q:
        return "Search"
    flag = next((LABELS[name] for name in FLAGS if getattr(filters, name)), None)
    places = [getattr(filters, name) for name in ("team", "unit", "facility") if getattr(filters, name)]
    return " · ".join([flag or "What is owed", *places])


def to_call(items: Sequence[Item], by: str) -> Item | None:
    """Whom to call next: the first whom nobody else holds, and whom the hour allows to call (staff may be, always).

    What was past already when it was learned is work, and no emergency: it comes after what can still be in time.
    """
    free = [each for each in items if (each.taken is None or each.taken.by == by) and _callable(each)]
    return next((each for each in free if not each.late_known), free[0] if free else None)


def _callable(item: Item) -> bool:
    return item.hours.open or "handoff" in item.kind


def why(item: Item, items: Sequence[Item], by: str, now: datetime) -> str:
    """Why this one: one sentence."""
    said = [words.left(item.due_at, now)]
    if item.taken:
        said.append("you have it")
    if item.attempts:
        said.append("one attempt so far" if item.attempts == 1 else f"{item.attempts} attempts so far")
    before = items[: items.index(item)]
    held = [each for each in before if each.taken and each.taken.by != by]
    shut = [each for each in before if each not in held and not _callable(each)]
    late = len(before) - len(held) - len(shut)
    passed = [
        f"{len(held)} held by others" if held else "",
        f"{len(shut)} may not be called yet" if shut else "",
        f"{late} late when learned" if late else "",
    ]
    if not before:
        said.append("the least time left of all")
    else:
        said.append("before it on the list: " + ", ".join(filter(None, passed)))
    if "handoff" not in item.kind:
        said.append(words.reach(item.hours, now))
    return "; ".join(said).capitalize() + "."
