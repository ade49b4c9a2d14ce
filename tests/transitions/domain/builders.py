"""Stays, deeds and stories with defaults that read like the tables: everything is at a hospital in New York."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from schemas.reference.dispositions import dispositions
from schemas.reference.facilities import Facilities, Facility
from services.transitions.domain import fire
from services.transitions.domain.model import (
    NO_NEWS,
    DeadlineRow,
    Deed,
    Diagnosis,
    EpisodeRow,
    Move,
    News,
    Plan,
    PlannedDeadline,
    PlannedEpisode,
    Stay,
)
from services.transitions.domain.plan import plan
from services.transitions.domain.protocol import Protocol
from services.transitions.domain.reconcile import Changes, reconcile, timers
from services.transitions.domain.stays import KnownStay, news_of
from services.transitions.protocol import load_protocol

NEW_YORK = ZoneInfo("America/New_York")
PATIENT = uuid5(NAMESPACE_OID, "patient")
PROTOCOL = load_protocol()
FACILITIES = Facilities(
    Facility(name="default", zone="America/New_York"),
    {
        "SNF1": Facility(name="SNF1", zone="America/New_York", type="snf", team="snf-team"),
        "PSY1": Facility(name="PSY1", zone="America/New_York", type="psych"),
        "WEST": Facility(name="WEST", zone="America/Los_Angeles"),
        "PICKY": Facility(name="PICKY", zone="America/New_York", handoff_units=frozenset({"ICU"})),
    },
)
LATER = datetime(2031, 1, 1, tzinfo=UTC)


def ny(text: str) -> datetime:
    """`2026-01-09 15:00` on a New York clock; `24:00` is the midnight that ends the day."""
    if text.endswith("24:00"):
        midnight = datetime.fromisoformat(text[:10]) + timedelta(days=1)
        return midnight.replace(tzinfo=NEW_YORK).astimezone(UTC)
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


def visit_id(number: str, generation: int = 0) -> UUID:
    return uuid5(NAMESPACE_OID, f"{number}/{generation}")


def a_stay(
    number: str = "V1",
    *,
    admitted: str | None = "2026-01-05 08:30",
    discharged: str | None = None,
    to: str | None = "01",
    learned: str | None = None,
    disposition_learned: str | None = None,
    settle: str | None = None,
    at: str = "H1",
    died: str | None = None,
    generation: int = 0,
    **more: Any,
) -> Stay:
    """An inpatient stay, by default still going on; `to` is the UB-04 code, None where PV1-36 was empty."""
    begun = ny(admitted) if admitted else None
    left = ny(discharged) if discharged else None
    told = ny(learned) if learned else left
    status = dispositions().get(to or "")
    unit = more.pop("unit", "4W")
    if "diagnoses" in more:
        more["diagnoses"] = tuple(
            Diagnosis(said, "I10C", "F") if isinstance(said, str) else said for said in more["diagnoses"]
        )
    values: dict[str, Any] = {
        "visit_id": visit_id(number, generation),
        "root_id": uuid5(NAMESPACE_OID, number),
        "patient_id": PATIENT,
        "patient_number": "70001",
        "revision": 1,
        "feed": "hospa",
        "learned_at": told or begun or ny("2026-01-01 00:00"),
        "number": number,
        "authority": "HOSPA",
        "facility": at,
        "generation": generation,
        "state": "discharged" if left else "admitted",
        "care_class": "inpatient",
        "inpatient": True,
        "started_at": begun,
        "admitted_at": begun,
        "admit_learned_at": begun,
        "unit": unit,
        "death_at": ny(died) if died else None,
        "death_learned_at": ny(died) if died else None,
    }
    if left:
        values |= {
            "discharged_at": left,
            "discharge_learned_at": told,
            "settle_from": ny(settle) if settle else told,
            "disposition_code": to if status else None,
            "disposition_category": status.category if status else "unknown",
            "disposition_stated": to is not None,
            "disposition_learned_at": ny(disposition_learned) if disposition_learned else told,
            "planned_readmission": bool(status and status.twin_of),
        }
    return Stay(**(values | more))


def an_observation_stay(number: str = "V1", **more: Any) -> Stay:
    usual: dict[str, Any] = {"care_class": "observation", "inpatient": False, "admit_learned_at": None}
    return a_stay(number, **(usual | more))


def an_emergency_visit(
    number: str = "E1", *, arrived: str, discharged: str | None = None, **more: Any
) -> Stay:
    stay = a_stay(number, admitted=arrived, discharged=discharged, **more)
    return replace(
        stay,
        care_class="emergency",
        inpatient=False,
        admitted_at=None,
        admit_learned_at=None,
        state="discharged" if discharged else "registered",
    )


def a_move(
    at: str, to: str = "ICU", *, learned: str | None = None, trigger: str = "A02", facility: str | None = None
) -> Move:
    return Move(at=ny(at), learned_at=ny(learned or at), trigger=trigger, unit=to, facility=facility)


def a_deed(type_: str, at: str, *, visit: str = "V1", entered: str | None = None, **more: Any) -> Deed:
    done, told = ny(at), ny(entered or at)
    key = f"{type_}|{visit}|{at}|{entered}|{sorted(more.items(), key=str)}"
    return Deed(
        action_id=uuid5(NAMESPACE_OID, key).hex,
        type=type_,
        at=told,
        occurred_at=done,
        root_id=uuid5(NAMESPACE_OID, visit),
        by="rn1",
        **more,
    )


def a_call(
    at: str, outcome: str = "reached", channel: str = "phone", party: str = "patient", **more: Any
) -> Deed:
    return a_deed("contact_attempted", at, outcome=outcome, channel=channel, party=party, **more)


def an_ack(at: str, kind: str | None = None, *, read_back: bool = True, **more: Any) -> Deed:
    return a_deed("handoff_acknowledged", at, kind=kind, read_back=read_back, **more)


def a_waiver(at: str, kind: str, **more: Any) -> Deed:
    return a_deed("deadline_waived", at, kind=kind, **more)


def planned(*facts: Stay | Deed, as_of: datetime | None = None, protocol: Protocol = PROTOCOL) -> Plan:
    """The plan of one patient from stays and deeds, by default long afterwards."""
    stays = [fact for fact in facts if isinstance(fact, Stay)]
    deeds = [fact for fact in facts if isinstance(fact, Deed)]
    return plan(stays, deeds, protocol=protocol, facilities=FACILITIES, as_of=as_of or ny("2026-02-01 00:00"))


def episode(plan_: Plan, kind: str = "discharge", number: str = "V1") -> PlannedEpisode:
    found = [e for e in plan_.episodes if e.kind == kind and e.visit_id == visit_id(number)]
    assert len(found) == 1, [e.kind for e in plan_.episodes]
    return found[0]


def deadline(plan_: Plan, kind: str, number: str = "V1") -> PlannedDeadline:
    found = [
        d for e in plan_.episodes if e.visit_id == visit_id(number) for d in e.deadlines if d.kind == kind
    ]
    assert len(found) == 1, found
    return found[0]


def kinds(plan_: Plan) -> dict[str, list[str]]:
    """Episode kinds with the kinds of their deadlines."""
    return {e.kind: [d.kind for d in e.deadlines] for e in plan_.episodes}


def status(plan_: Plan, kind: str, number: str = "V1") -> str:
    """What the deadline is once its time is over."""
    found = deadline(plan_, kind, number)
    return found.settled[0] if found.settled else found.becomes


class Story:
    """One patient's rows through time: facts arrive, timers fire in between, as in the running system."""

    def __init__(self, protocol: Protocol = PROTOCOL) -> None:
        self.protocol = protocol
        self.stays: dict[UUID, Stay] = {}
        self.deeds: dict[str, Deed] = {}
        self.rows: tuple[EpisodeRow, ...] = ()
        self.replan_at: datetime | None = None
        self.arrival = datetime(2000, 1, 1, tzinfo=UTC)
        self.last = Changes((), (), (), None)
        self.news = NO_NEWS

    def hears(self, at: str | datetime, *facts: Stay | Deed) -> "Story":
        """Facts that arrive at one instant; a stay replaces what was known of that visit."""
        now = ny(at) if isinstance(at, str) else at
        self._run(now, inclusive=False)
        stays = [fact for fact in facts if isinstance(fact, Stay)]
        news = news_of(stays, {visit: KnownStay(stay, stay.learned_at) for visit, stay in self.stays.items()})
        self.stays |= {stay.visit_id: stay for stay in stays}
        self.deeds |= {fact.action_id: fact for fact in facts if isinstance(fact, Deed)}
        return self._learns(now, news)

    def merges(self, at: str, *stays: Stay) -> "Story":
        """What was known of another record turns out to be of this patient."""
        self._run(ny(at), inclusive=False)
        self.stays |= {stay.visit_id: stay for stay in stays}
        return self._learns(ny(at), NO_NEWS)

    def _learns(self, now: datetime, news: News) -> "Story":
        self.arrival, self.news = now, news
        self._reconcile(now)
        return self

    def forgets(self, at: str, deed: Deed) -> "Story":
        """An action is withdrawn."""
        self._run(ny(at), inclusive=False)
        del self.deeds[deed.action_id]
        return self._learns(ny(at), NO_NEWS)

    def until(self, at: str | datetime) -> "Story":
        """Read the story at this instant; what is due exactly then has fired."""
        self._run(ny(at) if isinstance(at, str) else at, inclusive=True)
        return self

    def _reconcile(self, now: datetime) -> None:
        ought = plan(
            list(self.stays.values()),
            list(self.deeds.values()),
            protocol=self.protocol,
            facilities=FACILITIES,
            as_of=now,
        )
        self.last = reconcile(
            self.rows,
            ought,
            patient_id=PATIENT,
            as_of=now,
            arrival=self.arrival,
            news=self.news,
        )
        self.rows, self.replan_at = self.last.rows, self.last.replan_at

    def _run(self, now: datetime, *, inclusive: bool) -> None:
        while True:
            armed = [
                (at, n, row, d) for row in self.rows for d in row.deadlines.values() for n, at in timers(d)
            ]
            due = min(armed, key=lambda timer: (timer[0], -timer[1]), default=None)
            first = min((at for at in (due and due[0], self.replan_at) if at), default=None)
            if first is None or first > now or (first == now and not inclusive):
                return
            if due and due[0] == first:
                _, n, row, d = due
                row.deadlines[d.kind] = fire.warn(d, n) if n else fire.due(d)
            else:
                self.replan_at = None
                self._reconcile(first)

    def row(self, kind: str = "discharge", number: str = "V1") -> EpisodeRow:
        found = [row for row in self.rows if row.kind == kind and row.visit_id == visit_id(number)]
        assert len(found) == 1, [(row.kind, row.status) for row in self.rows]
        return found[0]

    def deadline(self, kind: str, number: str = "V1") -> DeadlineRow:
        found = [
            d
            for row in self.rows
            if row.visit_id == visit_id(number)
            for d in row.deadlines.values()
            if d.kind == kind
        ]
        assert len(found) == 1, found
        return found[0]

    def statuses(self) -> dict[str, str]:
        return {d.kind: d.status for row in self.rows for d in row.deadlines.values()}


def without_arrivals(rows: Iterable[EpisodeRow]) -> list[Any]:
    """Rows as they must be whatever arrived when: void ones left out, and all that depends on arrival.

    Whether a missed handoff between units is still somebody's work does, once the patient had left it behind.
    """
    found: list[Any] = []
    for row in rows:
        if row.status == "void":
            continue
        deadlines = [
            replace(
                d,
                learned_at=LATER,
                known_at=LATER,
                hold_until=None,
                late_known=False,
                generation=0,
                revision=0,
                owed=d.owed or d.kind == "handoff_ack_unit",
                warnings=tuple(replace(warning, known_at=None) for warning in d.warnings),
            )
            for d in row.deadlines.values()
            if d.status != "void"
        ]
        readmission = replace(row.readmission, known_at=LATER) if row.readmission else None
        plain = replace(
            row, learned_at=LATER, known_at=LATER, revision=0, deadlines={}, readmission=readmission
        )
        found.append((plain, sorted(deadlines, key=lambda d: d.kind)))
    return sorted(found, key=lambda pair: pair[0].episode_id)
