"""The state table of a visit: what each event does in each state (HL7 v2 chapter 3), as data."""

from typing import Final

from schemas.encounters import VisitState

PLANNED: Final = VisitState.PLANNED
REGISTERED: Final = VisitState.REGISTERED
ADMITTED: Final = VisitState.ADMITTED
ON_LEAVE: Final = VisitState.ON_LEAVE
DISCHARGED: Final = VisitState.DISCHARGED
CANCELLED: Final = VisitState.CANCELLED

LIVING_IN: Final = (ADMITTED, ON_LEAVE)

PLANS = frozenset({"A05", "A14"})
"""Events that speak of a visit to come."""

ADMITS = frozenset({"A01", "A04", "A06"})
"""Events that begin a visit, and that on a discharged one may begin the next under the same number."""

CANCELS_STAY = frozenset({"A11", "A23"})
"""A23 (delete) takes the visit back as A11 does; our own record of it stays."""

CANCELS_ONE = {"A12": "A02", "A38": "A05", "A27": "A14", "A52": "A21", "A53": "A22", "A55": "A54"}
"""Cancels that undo the latest event of their pair. A13 undoes every discharge, A11 the whole stay."""

CANCELS_PLAN = frozenset({"A38", "A27"})
UNDOES = frozenset({"A13", "A27", "A38", "A52", "A53"})
"""Cancels that also count as state events, but never against what was recorded after their moment."""

SNAPSHOT = "by the message's own PV1"
"""Discharged if PV1-45 is valued, else by class."""

SAME = "same"

WARN = "unexpected_event"
LATE = "late_transfer"
GAP = "gap"

Cell = tuple[VisitState | str, str]
"""The next state (or SNAPSHOT, SAME) and a remark: the flag it leaves, or GAP where an earlier event is missing."""

_SAME: Cell = (SAME, "")
_WARN: Cell = (SAME, WARN)


def _to(state: VisitState | str, remark: str = "") -> Cell:
    return (state, remark)


TABLE: Final[dict[VisitState | None, dict[str, Cell]]] = {
    None: {
        "A01": _to(ADMITTED), "A04": _to(REGISTERED), "A05": _to(PLANNED), "A14": _to(PLANNED),
        "A06": _to(ADMITTED, GAP), "A07": _to(REGISTERED, GAP), "A02": _to(SNAPSHOT, GAP),
        "A03": _to(DISCHARGED, GAP), "A13": _to(ADMITTED, GAP), "A21": _to(ON_LEAVE, GAP),
        "A22": _to(ADMITTED, GAP), "A38": _to(CANCELLED), "A27": _to(CANCELLED), "A08": _to(SNAPSHOT, GAP),
        "A12": _to(SNAPSHOT, GAP), "A52": _to(SNAPSHOT, GAP), "A53": _to(ON_LEAVE, GAP),
    },
    PLANNED: {
        "A01": _to(ADMITTED), "A04": _to(REGISTERED), "A05": _to(PLANNED), "A14": _to(PLANNED),
        "A06": _to(ADMITTED), "A07": _to(REGISTERED), "A02": _to(ADMITTED, GAP), "A03": _to(DISCHARGED, GAP),
        "A13": _to(ADMITTED, GAP), "A21": _to(ON_LEAVE, GAP), "A22": _to(ADMITTED, GAP), "A38": _to(CANCELLED),
        "A27": _to(CANCELLED), "A53": _to(ON_LEAVE, GAP),
    },
    REGISTERED: {
        "A01": _to(ADMITTED), "A04": _SAME, "A05": _WARN, "A14": _WARN, "A06": _to(ADMITTED), "A07": _SAME,
        "A02": _SAME, "A03": _to(DISCHARGED), "A13": _WARN, "A21": _WARN, "A22": _WARN, "A38": _WARN, "A27": _WARN,
        "A53": _WARN,
    },
    ADMITTED: {
        "A01": _SAME, "A04": _WARN, "A05": _SAME, "A14": _SAME, "A06": _SAME, "A07": _to(REGISTERED), "A02": _SAME,
        "A03": _to(DISCHARGED), "A13": _SAME, "A21": _to(ON_LEAVE), "A22": _to(ADMITTED), "A38": _WARN,
        "A27": _WARN, "A53": _to(ON_LEAVE),
    },
    ON_LEAVE: {
        "A01": _to(ADMITTED, WARN), "A04": _WARN, "A05": _SAME, "A14": _SAME, "A06": _to(ADMITTED, WARN),
        "A07": _to(REGISTERED), "A02": _to(ADMITTED, WARN), "A03": _to(DISCHARGED), "A13": _to(ADMITTED),
        "A21": _to(ON_LEAVE), "A22": _to(ADMITTED), "A38": _WARN, "A27": _WARN, "A52": _to(ADMITTED),
        "A53": _to(ON_LEAVE),
    },
    DISCHARGED: {
        "A01": _SAME, "A04": _SAME, "A05": _SAME, "A14": _SAME, "A06": _SAME, "A07": _WARN, "A02": _to(SAME, LATE),
        "A03": _SAME, "A13": _SAME, "A21": _WARN, "A22": _WARN, "A38": _SAME, "A27": _SAME, "A53": _WARN,
    },
    CANCELLED: {
        "A01": _to(ADMITTED), "A04": _to(REGISTERED), "A05": _to(PLANNED), "A14": _to(PLANNED), "A06": _to(ADMITTED),
        "A07": _SAME, "A02": _SAME, "A03": _SAME, "A13": _WARN, "A21": _SAME, "A22": _SAME, "A38": _SAME,
        "A27": _SAME, "A53": _SAME,
    },
}  # fmt: skip
"""Rows and columns as in the standard's description; cancels act before the table, on what was recorded.

A11 leads to CANCELLED from anywhere. A13 takes away the discharges it undoes; its own cells matter where
nothing of them was ever seen. An admission of a discharged visit is judged in `cancels` and `generations`.
"""

DATA = frozenset(
    {"A01", "A02", "A03", "A04", "A05", "A06", "A07", "A08", "A11", "A12", "A13", "A14", "A21", "A22", "A23", "A27",
     "A38", "A52", "A53", "A54"}
)  # fmt: skip
"""Events whose PV1 and DG1 speak of the visit. An A31 speaks of the person, and its PV1 is often stale."""

SWAPS = frozenset({"A17"})
"""Two patients exchange beds: for each of them a transfer (A02)."""

_PERSON = frozenset({"A31", "A40", "A18", "A30", "A34", "A36", "A43", "A46", "A47", "A48", "A24", "A37"})
_NUMBERS = frozenset({"A35", "A41", "A42", "A44", "A45", "A49", "A50"})
_WITHOUT_EFFECT = frozenset(
    {"A09", "A10", "A15", "A16", "A20", "A25", "A26", "A28", "A29", "A32", "A33", "A51", "A60", "A61", "A62"}
)
"""Tracking, pending moves, master persons, beds, allergies, consultants; of visits nothing is known by PV1-50 (A51)."""

_APPLIED = DATA | SWAPS | _PERSON | _NUMBERS | _WITHOUT_EFFECT | CANCELS_STAY | CANCELS_ONE.keys()


def applied(trigger: str) -> bool:
    """Whether this version gives the event all the effect it should have (none, for some)."""
    return trigger in _APPLIED
