"""A visit as the registration desk holds it, and the truth of it in the end."""

from typing import Any, NamedTuple

from baton.simulate.catalogue import Condition
from baton.simulate.people import Person
from baton.simulate.times import instant
from baton.simulate.wards import Place

Change = tuple[Any, ...] | None
"""What a step says besides its trigger, as `desk` reads it."""


CONTINUED, EMERGENCY_VISIT = "continued", "emergency_visit"
"""Kinds of a coming back that is no readmission: the stay goes on under another number; home again the same day."""


class Step(NamedTuple):
    """Something that happens to a visit: second of its recording (EVN-2), of its occurrence, trigger, details."""

    recorded: int
    occurred: int
    trigger: str
    change: Change = None


class Move(NamedTuple):
    """A move to another unit, by A06 or A02."""

    at: int
    trigger: str
    origin: str
    destination: str


class Back(NamedTuple):
    """That somebody comes back: when, how, and after which visit; `kind` as the truth names it."""

    at: int
    way: int
    condition: Condition
    person: Person
    of: "Visit"
    kind: str


class Visit:
    """One visit number. Instants are seconds since 1970; `steps` are those to come, the next one last."""

    __slots__ = (
        "account", "admission_type", "admitted", "after", "attending", "before", "coded", "condition", "diagnoses",
        "disposition", "dx", "front", "left", "moves", "mrn", "number", "patient_class", "person", "place", "reason",
        "registered_as", "scheduled", "service", "source", "started", "state", "steps", "told", "undone_moves", "why",
    )  # fmt: skip

    def __init__(
        self, person: Person, condition: Condition, number: str, mrn: str, after: "Back | None" = None
    ) -> None:
        self.person = person
        self.condition = condition
        self.number = number
        self.mrn = self.registered_as = mrn
        self.steps: list[Step] = []
        self.patient_class = ""
        self.state = ""
        self.service = condition.service
        self.why = condition.name
        self.admission_type = self.source = self.attending = ""
        self.place: Place | None = None
        self.before: Place | None = None
        self.moves: list[Move] = []
        self.diagnoses: tuple[str, ...] = ()
        self.dx = "A"
        self.disposition = ""
        self.scheduled: int | None = None
        self.started: int | None = None
        self.admitted: int | None = None
        self.left: int | None = None
        self.after = after
        self.told = False
        self.undone_moves = 0
        self.front = self.reason = self.account = self.coded = ""

    def truth(self) -> dict[str, Any]:
        """What really happened, as far as it was recorded."""
        back = self.after if self.state not in ("planned", "cancelled") else None
        if back is not None and not back.of.told:
            back = None
        # Who is still in the emergency department is not admitted yet.
        kind = None if back is None else back.kind if self.admitted else EMERGENCY_VISIT
        over = self.state == "discharged"
        return {
            "visit": self.number,
            "patient": self.registered_as,
            "survivor": self.mrn,
            "state": self.state,
            "class": self.patient_class,
            "started_at": _iso(self.started),
            "admitted_at": _iso(self.admitted if self.state not in ("planned", "cancelled") else None),
            "discharged_at": _iso(self.left if over else None),
            "disposition": (self.disposition or None) if over else None,
            "unit": self.place[0] if self.place else None,
            "transfers": [
                {"at": _iso(at), "trigger": trigger, "from": origin, "to": destination}
                for at, trigger, origin, destination in self.moves
            ],
            "diagnoses": list(self.diagnoses),
            "condition": self.why,
            "readmission": {"of": back.of.number, "kind": kind} if back else None,
            "died_at": _iso(self.person.dead),
        }


def _iso(at: int | None) -> str | None:
    return None if at is None else f"{instant(at):%Y-%m-%dT%H:%M:%SZ}"
