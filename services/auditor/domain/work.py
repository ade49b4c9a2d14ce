"""What was done about one discharge, as far as it changes what is owed: complexity, appointment, visit, calls."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.auditor.domain.actions import Deed
from services.auditor.domain.times import day_of

_TALKED = frozenset({"phone", "in_person"})


@dataclass(frozen=True, slots=True)
class Work:
    """`assessed` is the complexity as a clinician judged it, `booked` the appointment as last told, `visited` when."""

    deeds: tuple[Deed, ...] = ()
    assessed: str = ""
    booked: datetime | None = None
    visited: datetime | None = None


def work(deeds: Iterable[Deed], left: datetime, until: datetime | None, zone: ZoneInfo) -> Work:
    """What was done about a discharge before `until`, by time. An assessment may come before it."""
    here = sorted((d for d in deeds if until is None or d.at < until), key=lambda d: (d.at, d.arrived, d.id))
    judged = [d for d in here if d.said.type == "complexity_assessed"]
    date = booked(here)
    said = max(judged, key=lambda d: (d.arrived, d.id), default=None)
    level = "" if said is None else said.said.complexity  # type: ignore[union-attr]
    visits = done(here, {"type": "visit_completed"}, left, zone)
    return Work(tuple(here), str(level), date if date and date >= left else None, min(visits, default=None))


def booked(deeds: Iterable[Deed], before: datetime | None = None) -> datetime | None:
    """For when the visit is booked, as last told, or as last told before an instant."""
    told = [
        d for d in deeds if d.said.type == "appointment_booked" and (before is None or d.arrived < before)
    ]
    last = max(told, key=lambda d: (d.arrived, d.id), default=None)
    return last.said.occurs_at if last is not None and last.said.type == "appointment_booked" else None


def done(deeds: Iterable[Deed], rule: Mapping[str, Any], since: datetime, zone: ZoneInfo) -> list[datetime]:
    """When something was done that a rule asks for. On the day of discharge its own practitioner's visit is none."""
    found = []
    for deed in deeds:
        if deed.said.type != rule["type"] or deed.at < since:
            continue
        days = (day_of(deed.at, zone) - day_of(since, zone)).days
        own = getattr(deed.said, "discharging_practitioner", False) and days == 0
        wrong = rule.get("specialty") not in {None, getattr(deed.said, "specialty", None)}
        if not own and not wrong and days >= int(rule.get("from_day", 0)):
            found.append(deed.at)
    return found


def asking(deeds: Sequence[Deed], rule: Mapping[str, Any], since: datetime) -> Deed | None:
    """The call from which a clinician's call back is owed: the first that has none yet, else the last one. Deeds by time."""
    calls = [d for d in deeds if d.said.type == "contact_attempted" and d.at >= since]
    wanting = [n for n, call in enumerate(calls) if _asks(call)]
    for n in wanting:
        if not any(satisfies(later, rule) for later in calls[n + 1 :]):
            return calls[n]
    return calls[wanting[-1]] if wanting else None


def satisfies(call: Deed, rule: Mapping[str, Any]) -> bool:
    said = call.said
    return (
        said.type == "contact_attempted"
        and said.outcome in rule["outcomes"]
        and said.channel in rule["channels"]
        and (said.clinician or not rule.get("clinician", False))
    )


def _asks(call: Deed) -> bool:
    form = getattr(call.said, "form", None)
    return form is not None and (form.clinician_callback or form.red_flag)


@dataclass(frozen=True, slots=True)
class RedFlag:
    """A warning sign heard in a call; `answered` is the clinician's call after it."""

    call: Deed
    answered: Deed | None


def red_flags(deeds: Iterable[Deed], since: datetime, until: datetime | None) -> list[RedFlag]:
    """Those of the calls from the start of a stay to the next discharge under the same number."""
    calls = sorted(
        (
            d
            for d in deeds
            if d.said.type == "contact_attempted" and d.at >= since and (until is None or d.at < until)
        ),
        key=lambda d: (d.at, d.arrived, d.id),
    )
    found = []
    for n, call in enumerate(calls):
        form = getattr(call.said, "form", None)
        if form is not None and form.red_flag:
            rule = {"outcomes": ("reached",), "channels": _TALKED, "clinician": True}
            found.append(RedFlag(call, next((d for d in calls[n + 1 :] if satisfies(d, rule)), None)))
    return found
