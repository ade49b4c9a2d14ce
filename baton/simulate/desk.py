"""The registration desk: takes each step of a visit into its books and writes the message (HL7 v2.5.1, ER7)."""

from collections.abc import Callable

from baton.simulate.catalogue import Catalogue
from baton.simulate.times import Clock
from baton.simulate.visits import Move, Step, Visit
from baton.simulate.wards import EMERGENCY, Place, Wards

_STRUCTURES = {
    "A01": "ADT_A01", "A02": "ADT_A02", "A03": "ADT_A03", "A04": "ADT_A01", "A05": "ADT_A05", "A06": "ADT_A06",
    "A08": "ADT_A01", "A11": "ADT_A09", "A12": "ADT_A12", "A13": "ADT_A01", "A21": "ADT_A21", "A22": "ADT_A21",
    "A38": "ADT_A38", "A40": "ADT_A39",
}  # fmt: skip
_WITHOUT_DIAGNOSES = frozenset({"A02", "A12", "A21", "A22"})
_WITH_FAMILY = frozenset({"A01", "A04", "A05", "A06", "A08", "A13"})
"""Events whose structure has NK1 and IN1."""

_WITH_ORIGIN = frozenset({"A02", "A06"})
_UPDATES = {
    "diagnoses": "diagnoses updated",
    "disposition": "disposition updated",
    "left": "discharge time corrected",
    "died": "death reported",
}


class Desk:
    """Keeps the beds and writes; the facility stands in every identifier."""

    def __init__(self, facility: str, catalogue: Catalogue, wards: Wards, clock: Clock) -> None:
        self._facility = facility
        self._titles = catalogue.titles
        self._wards = wards
        self._stamp: Callable[[int], str] = clock.stamp
        self._acts: dict[str, Callable[[Visit, Step], str]] = {
            "A01": self._admitted, "A02": self._moved, "A03": self._discharged, "A04": self._registered,
            "A05": self._booked, "A06": self._converted, "A08": self._updated, "A11": self._never_came,
            "A12": self._moved_back, "A13": self._stays_on, "A21": self._on_leave, "A22": self._returned,
            "A38": self._not_coming, "A40": self._merged,
        }  # fmt: skip

    def open(self, visit: Visit) -> None:
        """Write the parts of a visit's messages that stay as they are."""
        facility = self._facility
        visit.front = (
            f"|{visit.attending}|||{visit.service}||||{visit.source}|||{visit.attending}||"
            f"{visit.number}^^^{facility}^VN|||||||||||||||||"
        )
        visit.account = f"A{visit.number}^^^{facility}^AN"
        visit.reason = f"\rPV2|||^{self._titles[visit.diagnoses[0]]}"
        self._code(visit)

    def take(self, visit: Visit, step: Step) -> str:
        """Take in one step; says in a few words, without any patient value, what it was."""
        return self._acts[step.trigger](visit, step)

    def write(self, visit: Visit, step: Step, control_id: str, created: int) -> bytes:
        """The message of a step that was just taken in."""
        stamp, facility, person, trigger = self._stamp, self._facility, visit.person, step.trigger
        head = (
            f"MSH|^~\\&|REGISTRY|{facility}|BATON|HUB|{stamp(created)}||ADT^{trigger}^{_STRUCTURES[trigger]}|{control_id}"
            f"|P|2.5.1||||||UNICODE UTF-8\rEVN|{trigger}|{stamp(step.recorded)}||02|CLERK{step.recorded % 37:02d}"
            f"|{stamp(step.occurred)}|{facility}\rPID|1||{visit.mrn}^^^{facility}^MR{person.middle}"
        )
        if trigger == "A40":
            return f"{head}\rMRG|{visit.registered_as}^^^{facility}^MR\r".encode()
        dead = "" if person.dead is None else f"|||||||||||{stamp(person.dead)}|Y"
        before = visit.before if trigger in _WITH_ORIGIN else None
        started = "" if visit.started is None else stamp(visit.started)
        left = "" if visit.left is None else stamp(visit.left)
        family = trigger in _WITH_FAMILY
        return (
            f"{head}{visit.account}{dead}\r{person.physician}\r{person.kin if family else ''}"
            f"PV1|1|{visit.patient_class}|{self._at(visit.place)}|{visit.admission_type}||{self._at(before)}"
            f"{visit.front}{visit.disposition}||||||||{started}|{left}{visit.reason}{self._expected(visit, step)}"
            f"{'' if trigger in _WITHOUT_DIAGNOSES else visit.coded}{person.payer if family else ''}\r"
        ).encode()

    def _at(self, place: Place | None) -> str:
        return f"{place[0]}^{place[1]}^{place[2]}^{self._facility}^^BED" if place else ""

    def _expected(self, visit: Visit, step: Step) -> str:
        """PV2-8, when somebody booked is to come; PV2-47, when somebody on leave is to be back."""
        if step.trigger == "A21" and step.change:
            return f"{'|' * 44}{self._stamp(step.occurred + step.change[0])}"
        return f"|||||{self._stamp(visit.scheduled)[:8]}" if visit.scheduled else ""

    def _code(self, visit: Visit) -> None:
        titles = self._titles
        visit.coded = "".join(
            f"\rDG1|{rank}||{code}^{titles[code]}^I10C|||{visit.dx}|||||||||{rank}"
            for rank, code in enumerate(visit.diagnoses, 1)
        )

    # --- what happens -----------------------------------------------------------------------------------------

    def _booked(self, visit: Visit, _: Step) -> str:
        visit.patient_class, visit.state = "P", "planned"
        return "pre-admission"

    def _not_coming(self, visit: Visit, _: Step) -> str:
        visit.state = "cancelled"
        return "pre-admission cancelled"

    def _registered(self, visit: Visit, step: Step) -> str:
        visit.patient_class, visit.state, visit.started = "E", "registered", step.occurred
        visit.place = self._wards.take(EMERGENCY)
        return "registered in the emergency department"

    def _admitted(self, visit: Visit, step: Step) -> str:
        visit.patient_class, visit.state = "I", "admitted"
        visit.started = visit.admitted = step.occurred
        visit.place = self._bed(step)
        return f"admitted to {visit.place[0]}"

    def _converted(self, visit: Visit, step: Step) -> str:
        visit.patient_class, visit.state, visit.admitted = "I", "admitted", step.occurred
        self._go(visit, step, self._bed(step))
        return f"admitted from the emergency department to {self._unit(visit)}"

    def _moved(self, visit: Visit, step: Step) -> str:
        assert visit.place is not None
        assert step.change is not None
        if step.change[0] == "bed":
            self._go(visit, step, self._wards.another(visit.place) or visit.place)
        else:
            held = len(step.change) > 1
            self._go(visit, step, self._wards.take(step.change[0], visit.place[0]), held=held)
        return f"transferred to {self._unit(visit)}"

    def _moved_back(self, visit: Visit, _: Step) -> str:
        assert visit.place is not None
        self._wards.free(visit.place)
        visit.place = visit.before
        if visit.moves and visit.undone_moves < len(visit.moves):
            visit.moves.pop()
        return "transfer cancelled"

    def _on_leave(self, visit: Visit, _: Step) -> str:
        visit.state = "on_leave"
        return "left on leave of absence"

    def _returned(self, visit: Visit, _: Step) -> str:
        visit.state = "admitted"
        return "returned from leave of absence"

    def _discharged(self, visit: Visit, step: Step) -> str:
        assert visit.place is not None
        assert step.change is not None
        visit.state, visit.left, visit.disposition = "discharged", step.occurred, step.change[0]
        if visit.disposition == "20":
            visit.person.dead = step.occurred
        if len(step.change) == 1:
            self._wards.free(visit.place)
        return f"discharged from {visit.place[0]} ({visit.disposition or 'disposition follows'})"

    def _stays_on(self, visit: Visit, _: Step) -> str:
        visit.state = "admitted" if visit.patient_class == "I" else "registered"
        visit.left, visit.disposition = None, ""
        return "discharge cancelled"

    def _never_came(self, visit: Visit, _: Step) -> str:
        assert visit.place is not None
        visit.state = "cancelled"
        self._wards.free(visit.place)
        return "admission cancelled"

    def _merged(self, visit: Visit, _: Step) -> str:
        visit.mrn = visit.person.own
        return "patient numbers merged"

    def _updated(self, visit: Visit, step: Step) -> str:
        if step.change is None:
            return "updated, nothing new"
        what, value = step.change
        if what == "diagnoses":
            visit.dx = value
            self._code(visit)
        elif what == "disposition":
            visit.disposition = value
        elif what == "left":
            visit.left = value
        else:
            visit.person.dead = value
        return _UPDATES[what]

    # --- beds -------------------------------------------------------------------------------------------------

    def _bed(self, step: Step) -> Place:
        assert step.change is not None
        return self._wards.take(step.change[0])

    def _go(self, visit: Visit, step: Step, place: Place, *, held: bool = False) -> None:
        """To another bed; one that is held stays the patient's, who comes back."""
        before = visit.place
        assert before is not None
        visit.undone_moves = len(visit.moves)
        if before != place and not held:
            self._wards.free(before)
        if before[0] != place[0]:
            visit.moves.append(Move(step.occurred, step.trigger, before[0], place[0]))
        visit.before, visit.place = before, place

    def _unit(self, visit: Visit) -> str:
        return visit.place[0] if visit.place else ""
