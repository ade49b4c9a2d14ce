"""Invented hospitals for tests of the worklist: as events, taken in by the worklist's own consumer."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from schemas.alerts import AlertEvent
from schemas.encounters import EncounterEvent
from schemas.transitions import DeadlineEvent, EpisodeEvent
from services.chassis.postgres import Db
from services.worklist import changes
from services.worklist.consumer import Event, follow
from services.worklist.store import Heard, hear_actions

OURS = UUID(int=7)
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
UNITS = ("4W", "ICU", "5 North Telemetry and Step-down", "ED")
SCRIPT = "<script>alert(1)</script>"
NAMES = (
    "Testcase, Alpha",
    "Okonkwo-Featherstonehaugh-Montgomery, Wilhelmina Alexandrina Bartholomew",
    "Li, Bo",
    f"{SCRIPT}, Bobby",
    "Example, Siobhán",
    "Invented, Ng",
    "García Márquez, Example",
    None,
)
# How long before (+) or after (-) its due time each next deadline is looked at, in minutes.
MINUTES = (-1500, -95, -20, 18, 47, 130, 400, 900, 1500, 3000, 4000)
KINDS = ("call_72h", "tcm_contact", "handoff_ack_unit", "visit_7d", "handoff_ack_facility", "med_rec")


def case_id(number: int) -> str:
    """A public id, ever the same for a number."""
    digits = []
    for _ in range(8):
        number, rest = divmod(number, len(LETTERS))
        digits.append(LETTERS[rest])
    return "C" + "".join(reversed(digits))


@dataclass
class Story:
    """One patient with a stay, an episode and deadlines, as events of the first revision; change what a test needs."""

    number: int
    now: datetime
    name: str | None = "Testcase, Alpha"
    minutes: tuple[int, ...] = (288,)
    kinds: tuple[str, ...] = ("call_72h",)
    unit: str = "4W"
    facility: str = "MERCY"
    team: str = "care-coordination"
    language: str | None = "en"
    severity: str = "P2"
    kind: str = "discharge"
    provisional: bool = False
    late_known: bool = False
    alerts: tuple[str, ...] = ()
    status: dict[str, str] = field(default_factory=dict)
    programme: dict[str, Any] | None = None
    lace: dict[str, Any] | None = None
    handoff: dict[str, Any] | None = None
    flags: tuple[str, ...] = ()
    revision: int = 1

    def id(self, what: str) -> UUID:
        return uuid5(OURS, f"{what} {self.number}")

    @property
    def case(self) -> str:
        return case_id(self.number)

    @property
    def visit_number(self) -> str:
        return f"V{1000 + self.number}"

    def events(self) -> dict[tuple[str, UUID | str], Event]:
        opened = self.now - timedelta(hours=50)
        found: dict[tuple[str, UUID | str], Event] = {
            ("visit", self.id("visit")): EncounterEvent.model_validate(self._visit(opened)),
            ("episode", self.case): EpisodeEvent.model_validate(self._episode(opened)),
        }
        for kind, minutes in zip(self.kinds, self.minutes, strict=True):
            event = DeadlineEvent.model_validate(self._deadline(kind, minutes, opened))
            found["deadline", event.deadline_id] = event
        for kind in self.alerts:
            alert = AlertEvent.model_validate(self._alert(kind))
            found["alert", alert.alert_id] = alert
        return found

    def _visit(self, opened: datetime) -> dict[str, Any]:
        admitted = opened - timedelta(days=4, hours=6)
        return {
            "visit_id": self.id("visit"), "root_id": self.id("visit"), "revision": self.revision, "feed": "mercy",
            "learned_at": opened, "cause": "A03",
            "visit": {
                "number": self.visit_number, "authority": self.facility, "facility": self.facility,
                "state": "discharged", "care_class": "inpatient", "inpatient": True, "started_at": admitted,
                "admitted_at": admitted, "discharged_at": opened, "attending": "Attend, Ann", "flags": self.flags,
                "location": {"unit": self.unit, "facility": self.facility},
                "disposition": {"code": "01", "category": "home", "stated": True, "learned_at": opened},
                "transfers": [{
                    "at": opened - timedelta(days=2), "learned_at": opened - timedelta(days=2), "trigger": "A02",
                    "origin": {"unit": "ICU", "facility": self.facility},
                    "destination": {"unit": self.unit, "facility": self.facility},
                }],
            },
            "patient": {
                "patient_id": self.id("patient"), "number": f"MRN{70000 + self.number}", "authority": self.facility,
                "name": self.name, "birth_date": date(1931 + self.number % 70, 1 + self.number % 12, 2), "sex": "F",
                "language": self.language, "primary_care_provider": "Primary, Dr. Ann",
                "telecom": [{"number": f"(555) 555-{self.number % 10000:04}", "use": "PRN", "equipment": "PH"}],
                "caregivers": [{"name": "Testcase, Beta", "relationship": "daughter",
                                "telecom": [{"number": "(555) 555-0199"}]}],
            },
        }  # fmt: skip

    def _episode(self, opened: datetime) -> dict[str, Any]:
        return {
            "episode_id": self.case, "patient_id": self.id("patient"), "visit_id": self.id("visit"),
            "revision": self.revision, "kind": self.kind, "status": "open", "opened_at": opened,
            "programme": self.programme, "lace": self.lace, "handoff": self.handoff,
            "protocol": "transitions-of-care", "facility": self.facility, "unit": self.unit, "team": self.team,
            "learned_at": opened, "known_at": opened,
        }  # fmt: skip

    def _deadline(self, kind: str, minutes: int, opened: datetime) -> dict[str, Any]:
        due = self.now + timedelta(minutes=minutes)
        status = self.status.get(kind, "missed" if minutes <= 0 else "pending")
        return {
            "deadline_id": self.id(kind), "episode_id": self.case, "patient_id": self.id("patient"),
            "visit_id": self.id("visit"), "revision": self.revision, "kind": kind, "status": status, "due_at": due,
            "owed": status in ("pending", "missed"), "severity": self.severity, "provisional": self.provisional,
            "late_known": self.late_known, "learned_at": opened, "known_at": opened, "facility": self.facility,
            "unit": self.unit, "team": self.team, "settled_at": None if status == "pending" else due,
            "because": f"{kind} is due so long after the discharge at {opened:%a %d %b %Y %H:%M} UTC.",
        }  # fmt: skip

    def _alert(self, kind: str) -> dict[str, Any]:
        deadline = self.id(kind.removesuffix("_missed").removesuffix("_due_soon"))
        return {
            "alert_id": self.id(f"alert {kind}"), "revision": self.revision, "kind": kind, "severity": self.severity,
            "status": "firing", "raised_at": self.now - timedelta(minutes=30), "episode_id": self.case,
            "visit_id": self.id("visit"), "patient_id": self.id("patient"), "deadline_id": deadline,
            "team": self.team, "facility": self.facility, "unit": self.unit,
        }  # fmt: skip


def usual(now: datetime, count: int, seed: int = 1) -> Iterator[Story]:
    """A hospital of so many patients: long names, none, scripts for names, everything late, early and in between."""
    chance = random.Random(seed)
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        minutes = chance.choice(MINUTES) + number % 7
        yield Story(
            number,
            now,
            name=NAMES[number % len(NAMES)],
            kinds=(kind,),
            minutes=(minutes,),
            unit=chance.choice(UNITS),
            team=chance.choice(("care-coordination", "north")),
            language=chance.choice(("en", "es", None)),
            severity=chance.choice(("P2", "P3", "P3", "P4")),
            provisional=number % 9 == 4,
            late_known=number % 11 == 5,
            kind="unit_handoff" if kind == "handoff_ack_unit" else "discharge",
            alerts=(f"{kind}_missed",) if minutes <= 0 and number % 2 else (),
        )


def full(now: datetime, number: int = 500) -> Story:
    """A case with something of everything."""
    return Story(
        number,
        now,
        name="Testcase, Alpha",
        kinds=("call_72h", "tcm_contact", "visit_14d", "pcp_notify", "med_rec", "handoff_ack_facility"),
        minutes=(288, 1500, 16000, -1600, -1500, -2700),
        status={"pcp_notify": "met", "handoff_ack_facility": "pending"},
        language="es",
        alerts=("call_72h_due_soon", "med_rec_missed"),
        programme={
            "decision": "case_management", "since": now, "reasons": ["chronic_4plus", "sud"], "sensitive": ["sud"],
            "missing": ["specialists", "supports"], "unknown": ["sdoh"],
            "steps": [{"step": "assess", "at": now, "by": "cm1"}, {"step": "plan", "owner": "cm1"}, {"step": "hand_over"}],
        },
        lace={"l": 4, "a": 3, "c": 5, "e": 0, "total": 12, "band": "high", "provisional": True, "rules": "wang2014"},
        handoff={"state": "declined", "at": now - timedelta(hours=2), "missing": ["action_list"]},
    )  # fmt: skip


async def take_in(db: Db, *stories: Story) -> None:
    """Have the worklist hear of them, as its consumer would."""
    async with db.transaction():
        events: dict[tuple[str, UUID | str], Event] = {}
        for story in stories:
            events |= story.events()
        await changes.note(db, await follow(db, events))


async def act(db: Db, story: Story, by: str, outcome: str = "no_answer") -> str:
    """Have somebody enter a call elsewhere, as care.actions tells of it; gives its id."""
    at = datetime.now(UTC)
    said = {
        "type": "contact_attempted", "id": f"{by}-{at.timestamp()}", "visit": story.visit_number,
        "facility": story.facility, "channel": "phone", "party": "patient", "outcome": outcome, "by": by,
    }  # fmt: skip
    heard = Heard(
        action_id=said["id"], type=said["type"], by=by, at=at, occurred_at=at, number=story.visit_number,
        facility=story.facility, authority=None, withdraws=None, body=json.dumps(said), partition=0, offset=1,
    )  # fmt: skip
    await hear_actions(db, [heard])
    return heard.action_id
