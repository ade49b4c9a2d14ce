"""What one stay makes owed, and what somebody must hear of at once: from the stay and what was done, all of it at one arrival."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from schemas.reference.facilities import Facilities
from services.auditor.domain import risk
from services.auditor.domain.actions import Deed
from services.auditor.domain.protocol import Place, Protocol
from services.auditor.domain.risk import Person
from services.auditor.domain.stay import Stay
from services.auditor.domain.work import Work, asking, booked, red_flags, work

_A_WEEK = timedelta(days=7)
End = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing owed: from when, until when (exclusive), and what ended it, if anything did.

    `page` False: never louder than work for the list. `high`: not known to be at low risk.
    """

    key: tuple[Any, ...]
    stay: Stay
    kind: str
    start: datetime
    due: datetime
    page: bool
    high: bool
    ends: tuple[End, ...]
    quiet_until: datetime
    unit: str
    deeds: tuple[Deed, ...]
    place: Place
    warnings: tuple[tuple[datetime, str], ...]
    protocol: Protocol

    @property
    def ended(self) -> End | None:
        return min(self.ends, default=None)

    @property
    def closes(self) -> datetime | None:
        """From when on nobody has to act; what is due as the window ends stays on the list for a week."""
        if self.ended is None:
            return None
        at, why = self.ended
        return at + _A_WEEK if why == "window_ended" and at == self.due else at


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be heard of at once, until it was answered, or an end made it needless."""

    key: tuple[Any, ...]
    kind: str
    severity: str
    stay: Stay
    answered: bool
    ends: tuple[End, ...]


@dataclass(frozen=True, slots=True)
class _Terms:
    """What holds for the duties of one case; `level` is the complexity of medical decision making."""

    doing: Work
    quiet_until: datetime
    page: bool
    high: bool = True
    level: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Owing:
    """One stay, with what is known of its person. `back`: the next inpatient start within the window, if there is one."""

    stay: Stay
    died: datetime | None
    back: datetime | None
    category: str
    quiet_until: datetime
    deeds: tuple[Deed, ...]
    next_discharge: datetime | None
    whose: Person
    born: date | None
    protocol: Protocol
    facilities: Facilities

    def handoffs(self) -> list[Duty]:
        stay = self.stay
        if stay.state in {"none", "planned", "cancelled"} or not self.protocol.data.get("transfers"):
            return []
        found = []
        moves = sorted(stay.transfers, key=lambda each: (each.at, each.cause.order))
        for number, move in enumerate(moves):
            ends = []
            if number + 1 < len(moves):
                ends.append((moves[number + 1].at, "left"))
            if stay.discharged is not None:
                ends.append((stay.discharged, "left"))
            if self.died is not None:
                ends.append((self.died, "died"))
            terms = _Terms(Work(self.deeds), move.at, page=not stay.implausible, unit=move.unit)
            found += [
                self._duty(("unit", move.cause.fingerprint), kind, move.at, ends, terms)
                for kind in self.protocol.data["transfers"]["deadlines"]
                if self.protocol.followed(kind)
            ]
        return found

    def discharge(self) -> tuple[list[Duty], list[Notice]]:
        left = self.stay.discharged
        said = self.protocol.opens(self.stay, self.category, self.facilities, self.born)
        if left is None or said is None:
            return [], []
        ends = self._ends(left)
        until = min([at for at, _ in ends] + [self.next_discharge or ends[0][0]])
        doing = work(self.deeds, left, until, self._place().zone)
        score, managed = risk.lace(self.stay, self.whose), risk.managed(self.stay, self.whose, min(ends)[0])
        scored = score is not None and score < self.protocol.risk["bands"][1]
        known_low = scored and risk.coded(self.stay) and not managed
        terms = _Terms(
            doing,
            self.quiet_until,
            page=not (said.get("provisional") or self.stay.implausible),
            high=bool(said.get("raised")) or not known_low,
            level=doing.assessed or self._complexity(score, managed=managed),
        )
        found = []
        for kind in said["deadlines"]:
            rule = self.protocol.rule(kind)
            if not self.protocol.followed(kind) or rule.get("complexity") not in {None, terms.level}:
                continue
            if "opened_by" not in rule:
                found.append(self._duty((said["opens"], ""), kind, left, ends, terms))
            elif call := asking(doing.deeds, rule["met_by"]["contact"], left):
                later = Work(doing.deeds[doing.deeds.index(call) + 1 :])
                since = replace(terms, doing=later, quiet_until=call.at, page=True)
                found.append(self._duty((said["opens"], ""), kind, call.at, ends, since))
        return found, [*self._flags(left, ends, said["opens"])]

    def _ends(self, left: datetime) -> list[End]:
        ends = [(self.protocol.window_end(left, self._place()), "window_ended")]
        if self.died is not None and self.died > left:
            ends.append((self.died, "died"))
        if self.back is not None:
            ends.append((max(self.back, left), "readmitted"))
        return ends

    def _complexity(self, score: int | None, *, managed: bool) -> str:
        """High until a clinician says otherwise, where the risk is (domain 3.2)."""
        rule = self.protocol.complexity
        high = managed and "case_management" in rule.get("high_programmes", ["case_management"])
        return "high" if high or (score is not None and score >= rule.get("high_lace", 10)) else "moderate"

    def _flags(self, left: datetime, ends: Sequence[End], opened: str) -> Iterable[Notice]:
        gone = [end for end in ends if end[1] != "window_ended"]
        if self.next_discharge is not None:
            gone.append((self.next_discharge, "left"))
        for flag in red_flags(self.deeds, self.stay.arrived or left, self.next_discharge):
            key = (*self.stay.key, self.stay.generation, opened, "red_flag", flag.call.id)
            yield Notice(key, "red_flag", "P1", self.stay, flag.answered is not None, tuple(gone))

    def _place(self) -> Place:
        facility = self.facilities.of(self.stay.facility)
        return Place(facility.tz, facility.extra_holidays)

    def _duty(
        self, opened: tuple[str, str], kind: str, start: datetime, ends: Iterable[End], terms: "_Terms"
    ) -> Duty:
        place = self._place()
        visit = terms.doing.visited or terms.doing.booked
        due = self.protocol.due(kind, start, place, terms.level, visit)
        return Duty(
            key=(*self.stay.key, self.stay.generation, *opened, kind),
            stay=self.stay,
            kind=kind,
            start=start,
            due=due,
            page=terms.page,
            high=terms.high,
            ends=tuple(ends),
            quiet_until=terms.quiet_until,
            unit=terms.unit,
            deeds=terms.doing.deeds,
            place=place,
            warnings=tuple(self._warnings(kind, start, due, place, terms.doing)),
            protocol=self.protocol,
        )

    def _warnings(
        self, kind: str, start: datetime, due: datetime, place: Place, doing: Work
    ) -> Iterable[tuple[datetime, str]]:
        contact = self.protocol.rule(kind)["met_by"].get("contact", {})
        tried = [
            deed.at
            for deed in doing.deeds
            if deed.said.type == "contact_attempted"
            and deed.at >= start
            and deed.said.outcome not in contact.get("no_attempt", ())
        ]
        for each in self.protocol.warnings(kind, start, due, place):
            if each.unless_attempted and any(at < each.at for at in tried):
                continue
            then = booked(doing.deeds, each.at)
            if each.unless_booked and then is not None and start <= then < due:
                continue
            yield each.at, each.severity
