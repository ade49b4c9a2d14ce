"""A protocol file as the audit reads it: plain data, `extends` already resolved by the caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.auditor.domain.times import business_day, day_of, midnight_ending, on_the_wall, span

READMISSION = "readmission_detected"
_RULE = frozenset({"due", "met_by", "severity", "severity_elsewhere", "severity_low_risk", "warnings"})
_DUE = frozenset({"elapsed", "business_days", "end_of_day"})
_MET_BY = frozenset({"contact", "acknowledgement", "action"})
_WARNED = frozenset({"before_due", "after_start", "business_day", "at", "severity", "unless_attempted"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where the clock hangs: its zone and the days its office is closed beside the federal ones."""

    zone: ZoneInfo
    closures: frozenset[Any]


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

    def rule(self, kind: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.data["deadlines"][kind]
        return found

    def followed(self, kind: str) -> bool:
        """Whether the audit can compute this deadline: not where it rests on a judgement of risk."""
        rule = self.rule(kind)
        warned = {key for said in rule.get("warnings", ()) for key in said}
        return (
            set(rule) <= _RULE
            and set(rule["due"]) <= _DUE
            and set(rule["met_by"]) <= _MET_BY
            and warned <= _WARNED
        )

    def not_followed(self) -> list[str]:
        """The kinds that this audit says nothing about."""
        return sorted(kind for kind in self.data["deadlines"] if not self.followed(kind))

    def alerts(self) -> frozenset[str]:
        """The kinds of alerts that this audit speaks of, the list of late items apart."""
        kinds = [kind for kind in self.data["deadlines"] if self.followed(kind)]
        return frozenset(f"{kind}_{word}" for kind in kinds for word in ("missed", "due_soon")) | {
            READMISSION
        }

    def opens(self, category: str) -> Mapping[str, Any] | None:
        """What a discharge to this kind of destination opens; None where nothing is owed."""
        found = self.data["dispositions"].get(category, self.data["dispositions"]["unknown"])
        return found if isinstance(found, Mapping) else None

    def due(self, kind: str, start: datetime, place: Place) -> datetime:
        """The exclusive bound by which it has to be done."""
        said = self.rule(kind)["due"]
        if "elapsed" in said:
            return start + span(said["elapsed"])
        if "end_of_day" in said:
            last = day_of(start, place.zone) + timedelta(days=int(said["end_of_day"]))
            return midnight_ending(last, place.zone)
        last = business_day(said["business_days"], day_of(start, place.zone), place.closures)
        return midnight_ending(last, place.zone)

    def warnings(
        self, kind: str, start: datetime, due: datetime, place: Place
    ) -> list[tuple[datetime, str, bool]]:
        """When to warn, how loudly, and whether only where nobody has tried yet."""
        found = []
        for said in self.rule(kind).get("warnings", ()):
            if "before_due" in said:
                at = due - span(said["before_due"])
            elif "after_start" in said:
                at = start + span(said["after_start"])
            else:
                day = business_day(said["business_day"], day_of(start, place.zone), place.closures)
                at = on_the_wall(datetime.combine(day, time.fromisoformat(said["at"])), place.zone)
            found.append((at, said["severity"], bool(said.get("unless_attempted"))))
        return sorted(found)

    def window_end(self, start: datetime, place: Place) -> datetime:
        return midnight_ending(day_of(start, place.zone) + timedelta(days=self.window_days), place.zone)
