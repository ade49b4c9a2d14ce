"""A protocol file as the audit reads it: plain data, `extends` already resolved by the caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from schemas.reference.facilities import Facilities
from services.auditor.domain.stay import Stay
from services.auditor.domain.times import business_day, day_of, midnight_ending, on_the_wall, span

AT_ONCE = frozenset({"readmission_detected", "red_flag", "handoff_declined"})
"""Alerts that wait for no deadline."""

_RULE = frozenset(
    {
        "due",
        "met_by",
        "severity",
        "severity_elsewhere",
        "severity_low_risk",
        "warnings",
        "complexity",
        "opened_by",
        "responsible",
    }
)
_DUE = frozenset({"elapsed", "business_days", "end_of_day", "with_visit"})
_MET_BY = frozenset({"contact", "acknowledgement", "action"})
_WARNED = frozenset(
    {
        "before_due", "after_start", "business_day", "day", "last_day", "at", "severity", "unless_attempted",
        "unless_booked",
    }
)  # fmt: skip
_MOMENT = timedelta(microseconds=1)


RISK = {"lace_profile": "wang2014", "charlson_set": "quan2005_us", "lace_use_chain": True, "bands": [5, 10]}
PROGRAMME = {
    "chronic_min": 4, "min_high_acuity": 0, "hosp_min": 2, "include_index": True, "lookback_months": 24,
    "hosp_days": 365, "sdoh_months": 12, "assessment_months": 6, "ltc_days": 30, "include_f17": False,
    "smi_optional": False, "sdoh_extra": [],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where the clock hangs: its zone and the days its office is closed beside the federal ones."""

    zone: ZoneInfo
    closures: frozenset[Any]


@dataclass(frozen=True, slots=True)
class Warned:
    """When to warn and how loudly; spared is whoever has tried, or has a date for the visit, by then."""

    at: datetime
    severity: str
    unless_attempted: bool = False
    unless_booked: bool = False


class Protocol:
    """What is owed after which disposition. Raises KeyError or ValueError where the data says nothing usable."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        engine = data["engine"]
        self.settle = span(engine["settle_window"])
        self.attempt_gap = span(engine["attempt_gap"])
        self.ack_lead = span(engine["ack_lead"])
        self.clock_skew = span(engine["clock_skew"])
        self.window_days = int(engine["window_days"])
        self.readmission_days = int(engine["readmission_days"])
        self.ed_to_ip_gap = span(engine["ed_to_ip_gap"])
        self.complexity: Mapping[str, Any] = data.get("complexity") or {}
        self.risk: Mapping[str, Any] = {**RISK, **(data.get("risk") or {})}
        self.programme: Mapping[str, Any] = {**PROGRAMME, **(data.get("programme") or {})}

    def rule(self, kind: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.data["deadlines"][kind]
        return found

    def followed(self, kind: str) -> bool:
        """Whether the audit can compute this deadline: a word it does not know may change when it is owed."""
        rule = self.rule(kind)
        warned = {key for said in rule.get("warnings", ()) for key in said}
        return (
            set(rule) <= _RULE
            and set(rule["due"]) <= _DUE
            and set(rule["met_by"]) <= _MET_BY
            and warned <= _WARNED
            and rule["met_by"].get("acknowledgement", {}) in ({}, {"read_back": True})
        )

    def not_followed(self) -> list[str]:
        """The kinds that this audit says nothing about."""
        return sorted(kind for kind in self.data["deadlines"] if not self.followed(kind))

    def alerts(self) -> frozenset[str]:
        """The kinds of alerts that this audit speaks of, the list of late items apart."""
        kinds = [kind for kind in self.data["deadlines"] if self.followed(kind)]
        timed = frozenset(f"{kind}_{word}" for kind in kinds for word in ("missed", "due_soon"))
        return timed | AT_ONCE

    def opens(
        self, stay: Stay, category: str, facilities: Facilities, born: date | None
    ) -> Mapping[str, Any] | None:
        """What the discharge of a stay to this kind of destination opens; None where nothing is owed."""
        known = category if category in self.data["dispositions"] else "unknown"
        found = self.data["dispositions"][known]
        layers = [each for each in self.data.get("layers", ()) if _for(each["for"], stay, facilities, born)]
        also = {word for layer in layers for word in layer.get("opens_after", ())}
        if not (stay.inpatient or stay.observation or stay.care in also) or not isinstance(found, Mapping):
            return None
        added = [kind for layer in layers for kind in layer.get("adds", {}).get(known, ())]
        dropped = {kind for layer in layers for kind in layer.get("not_owed", ())}
        return {**found, "deadlines": [k for k in [*found["deadlines"], *added] if k not in dropped]}

    def due(
        self, kind: str, start: datetime, place: Place, level: str = "", visit: datetime | None = None
    ) -> datetime:
        """The exclusive bound by which it has to be done.

        `level` is the complexity of medical decision making, `visit` when the follow-up visit is or was.
        """
        said = self.rule(kind)["due"]
        if "elapsed" in said:
            return start + span(said["elapsed"])
        if "end_of_day" in said:
            last = day_of(start, place.zone) + timedelta(days=int(said["end_of_day"]))
            return midnight_ending(last, place.zone)
        if "with_visit" in said:
            own = [each for each in said["with_visit"] if self.rule(each).get("complexity") in {None, level}]
            latest = self.due(own[0], start, place)
            return (
                latest
                if visit is None
                else min(latest, midnight_ending(day_of(visit, place.zone), place.zone))
            )
        last = business_day(said["business_days"], day_of(start, place.zone), place.closures)
        return midnight_ending(last, place.zone)

    def warnings(self, kind: str, start: datetime, due: datetime, place: Place) -> list[Warned]:
        """What is warned of while the work can be done, by time."""
        found = []
        for said in self.rule(kind).get("warnings", ()):
            at = self._warned(said, start, due, place)
            if start < at < due:
                spared = bool(said.get("unless_attempted")), bool(said.get("unless_booked"))
                found.append(Warned(at, said["severity"], *spared))
        return sorted(found, key=lambda each: each.at)

    def _warned(self, said: Mapping[str, Any], start: datetime, due: datetime, place: Place) -> datetime:
        if "before_due" in said:
            return due - span(said["before_due"])
        if "after_start" in said:
            return start + span(said["after_start"])
        first = day_of(start, place.zone)
        if "business_day" in said:
            day = business_day(said["business_day"], first, place.closures)
        elif "day" in said:
            day = first + timedelta(days=int(said["day"]))
        else:
            day = day_of(due - _MOMENT, place.zone)
        return on_the_wall(datetime.combine(day, time.fromisoformat(said["at"])), place.zone)

    def window_end(self, start: datetime, place: Place) -> datetime:
        return midnight_ending(day_of(start, place.zone) + timedelta(days=self.window_days), place.zone)


def _for(whom: Mapping[str, Any], stay: Stay, facilities: Facilities, born: date | None) -> bool:
    """Whether a layer is for the patient of this stay: all that it says must hold; of types and services one is enough."""
    facility = facilities.of(stay.facility)
    if stay.discharged is None:
        return False
    day = day_of(stay.discharged, facility.tz)
    types, services = whom.get("facility_types", ()), whom.get("services", ())
    if (types or services) and facility.type not in types and stay.service not in services:
        return False
    if whom.get("inpatient") and not stay.inpatient:
        return False
    if "discharged_by" in whom and f"{day:%m-%d}" > whom["discharged_by"]:
        return False
    ages: dict[str, int] = {
        key: whom[key] for key in ("min_age", "max_age", "min_age_in_year") if key in whom
    }
    if ages and born is None:
        return False
    if born is None:
        return True
    age = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return (
        age >= ages.get("min_age", age)
        and age <= ages.get("max_age", age)
        and day.year - born.year >= ages.get("min_age_in_year", 0)
    )
