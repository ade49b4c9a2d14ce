"""Which episodes a stay opens and what ends them; knows nothing of what people did about them."""

from datetime import datetime, timedelta

from msgspec import Struct

from schemas.reference.facilities import Facilities
from services.transitions.domain import calendar
from services.transitions.domain.model import Move, Stay
from services.transitions.domain.owed import Start
from services.transitions.domain.protocol import UNKNOWN, Opening, Protocol

OPENS_ON_DISCHARGE = frozenset({"inpatient", "observation"})
"""CPT 99495 names inpatient and observation stays as origins; an emergency visit alone is none."""

GONE = frozenset({"cancelled", "folded"})


class End(Struct, frozen=True, gc=False):
    """What ends an episode, and what becomes of a deadline still pending at that instant."""

    at: datetime
    reason: str
    pending: str


class Draft(Struct, gc=False):
    """An episode before anybody's deeds are looked at. `page` False: never louder than work for the list."""

    stay: Stay
    opening: Opening
    anchor: str
    start: Start
    learned_at: datetime
    facility: str
    unit: str | None
    end: End | None = None
    page: bool = True
    hold_until: datetime | None = None
    opens_at: datetime | None = None
    window_ends_at: datetime | None = None
    acknowledged_at: datetime | None = None


def left_at(stay: Stay) -> datetime | None:
    return stay.discharged_at if stay.state == "discharged" else None


def of_transfers(
    stay: Stay, *, protocol: Protocol, facilities: Facilities, died_at: datetime | None
) -> list[Draft]:
    """One handoff for each move. It is over when the patient moves on, leaves or dies."""
    opening, left = protocol.transfer, left_at(stay)
    if opening is None or not stay.moves:
        return []
    moves = sorted(stay.moves, key=lambda move: (move.at, move.trigger, move.unit or "", move.facility or ""))
    moves = [move for move in moves if left is None or move.at < left]
    drafts: list[Draft] = []
    for n, move in enumerate(moves):
        ends = [End(left, "left", "void")] if left else []
        if n + 1 < len(moves):
            ends.append(End(moves[n + 1].at, "left", "superseded"))
        if died_at:
            ends.append(End(max(died_at, move.at), "died", "void"))
        twins = sum(other.at == move.at and other.trigger == move.trigger for other in moves[:n])
        drafts.append(
            Draft(
                stay=stay,
                opening=opening,
                anchor=_anchor(move, twins),
                start=Start(move.at, "transfer", facilities.of(move.facility or stay.facility)),
                learned_at=move.learned_at,
                facility=move.facility or stay.facility,
                unit=move.unit,
                end=min(ends, key=lambda end: end.at, default=None),
                page=not stay.implausible,
            )
        )
    return drafts


def of_discharge(
    stay: Stay,
    *,
    protocol: Protocol,
    facilities: Facilities,
    died_at: datetime | None,
    back_at: datetime | None,
    as_of: datetime,
) -> Draft | None:
    """The follow-up of a discharge. `back_at` is the start of a later inpatient stay within thirty days.

    A death at or before the discharge makes it a discharge of the dead, whatever PV1-36 says.
    """
    left = left_at(stay)
    if left is None or stay.care_class not in OPENS_ON_DISCHARGE or (died_at and died_at <= left):
        return None
    opening = protocol.opening(stay.disposition_category)
    if opening is None:
        return None
    facility, engine = facilities.of(stay.facility), protocol.engine
    learned = stay.discharge_learned_at or stay.learned_at
    settled = (stay.settle_from or learned) + engine.settle_window
    window = calendar.local_date(left, facility.tz) + timedelta(days=engine.window_days)
    window_ends = calendar.end_of_day(window, facility.tz)
    ends = [End(died_at, "died", "void")] if died_at else []
    if back_at:
        ends.append(End(max(back_at, left), "readmitted", "superseded"))
    if window_ends <= as_of:
        ends.append(End(window_ends, "window_ended", "void"))
    unsaid = (stay.disposition_category or UNKNOWN) == UNKNOWN and not stay.disposition_stated
    return Draft(
        stay=stay,
        opening=opening,
        anchor="",
        start=Start(left, "discharge", facility),
        learned_at=learned,
        facility=stay.facility,
        unit=stay.unit,
        end=min(ends, key=lambda end: end.at, default=None),
        page=not (opening.provisional or stay.implausible),
        hold_until=settled,
        opens_at=settled if unsaid else None,
        window_ends_at=window_ends,
    )


def _anchor(move: Move, twins: int) -> str:
    key = f"{move.trigger}@{move.at:%Y%m%dT%H%M%S.%f}"
    return f"{key}#{twins}" if twins else key
