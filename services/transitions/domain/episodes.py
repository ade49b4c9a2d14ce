"""Which episodes a stay opens and what ends them; knows nothing of what people did about them."""

from datetime import datetime, timedelta
from functools import lru_cache

from msgspec import Struct, field
from msgspec.structs import replace

from schemas.reference.facilities import Facilities
from services.transitions.domain import calendar
from services.transitions.domain.kept import NOTHING_KEPT, Kept, Under
from services.transitions.domain.model import Deed, Stay
from services.transitions.domain.owed import Start
from services.transitions.domain.protocol import UNKNOWN, DayEnds, Opening, Protocol
from services.transitions.domain.risk.model import UNKNOWN_RISK, Risk

GONE = frozenset({"cancelled", "folded"})
WINDOW_ENDED = "window_ended"
TOLD_OF_WINDOW = timedelta(days=7)
"""For so long what was missed as the window ended stays on the list: nobody could see it before."""

DISCHARGE, FACILITY_HANDOFF = "discharge", "facility_handoff"
"""Kinds of episodes that a discharge opens; see `schemas.transitions.EpisodeKind`."""


class End(Struct, frozen=True, gc=False):
    """What ends an episode, and what becomes of a deadline still pending at that instant."""

    at: datetime
    reason: str
    pending: str


class Draft(Struct, gc=False):
    """An episode before anybody's deeds are looked at.

    `page` False: never louder than work for the list. `turns` are instants at which time alone changes it, besides
    `opens_at`, up to when it is not there yet.
    `said` is what the parties of a handoff said, by time, `arrived_at` when the patient was admitted elsewhere.
    `told_of_window`: what was missed as the window ended is still to be shown.
    """

    stay: Stay
    under: Under
    opening: Opening
    anchor: str
    start: Start
    learned_at: datetime
    facility: str
    unit: str | None
    turns: list[datetime] = field(default_factory=list)
    end: End | None = None
    page: bool = True
    hold_until: datetime | None = None
    window_end: datetime | None = None
    opens_at: datetime | None = None
    acknowledged_at: datetime | None = None
    said: list[Deed] = field(default_factory=list)
    arrived_at: datetime | None = None
    risk: Risk = UNKNOWN_RISK
    told_of_window: bool = False

    def may_end(self, at: datetime, reason: str, pending: str, *, by: datetime) -> None:
        """It ends by this where nothing earlier ends it. What lies after `by` has not happened yet."""
        if self.end is not None and self.end.at <= at:
            return
        if at > by:
            self.turns.append(at)
        else:
            self.end = End(at, reason, pending)


class Circumstances(Struct, frozen=True, gc=False):
    """What holds for all stays of a patient."""

    protocol: Protocol
    facilities: Facilities
    as_of: datetime
    died_at: datetime | None
    present: Under
    kept: Kept = NOTHING_KEPT

    def under(self, stay: Stay, anchor: str, begun: datetime) -> Under:
        """The protocol that holds for one case."""
        if self.kept is NOTHING_KEPT:
            return self.present
        return self.kept.under(stay, anchor, begun, self.present)


def left_at(stay: Stay) -> datetime | None:
    return stay.discharged_at if stay.state == "discharged" else None


def of_transfers(stay: Stay, given: Circumstances) -> list[Draft]:
    """One handoff for each move. It is over when the patient moves on, leaves or dies."""
    left = left_at(stay)
    if not stay.moves:
        return []
    moves = sorted(stay.moves, key=lambda move: (move.at, move.trigger, move.unit or "", move.facility or ""))
    moves = [move for move in moves if left is None or move.at < left]
    drafts: list[Draft] = []
    plain = _for_handoffs(stay)
    for n, move in enumerate(moves):
        twins = sum(other.at == move.at and other.trigger == move.trigger for other in moves[:n])
        anchor = _anchor(move.trigger, move.at, twins)
        under = given.under(stay, anchor, move.at)
        if under.protocol.transfer is None:
            continue
        draft = Draft(
            stay=plain,
            under=under,
            opening=under.protocol.transfer,
            anchor=anchor,
            start=Start(move.at, "transfer", given.facilities.of(move.facility or stay.facility)),
            learned_at=move.learned_at,
            facility=move.facility or stay.facility,
            unit=move.unit,
            page=not stay.implausible,
        )
        if given.died_at:
            draft.may_end(max(given.died_at, move.at), "died", "void", by=given.died_at)
        if left:
            draft.may_end(left, "left", "void", by=max(given.as_of, stay.discharge_learned_at or left))
        if n + 1 < len(moves):
            following = moves[n + 1]
            draft.may_end(following.at, "left", "superseded", by=max(given.as_of, following.learned_at))
        drafts.append(draft)
    return drafts


def _for_handoffs(stay: Stay) -> Stay:
    """The stay without what changes no handoff within it: a diagnosis told gives nobody anything to plan anew."""
    return replace(
        stay,
        revision=0,
        learned_at=stay.started_at or stay.learned_at,
        state="admitted",
        discharged_at=None,
        discharge_learned_at=None,
        settle_from=None,
        disposition_code=None,
        disposition_category=None,
        disposition_stated=False,
        disposition_learned_at=None,
        unit=None,
        moves=(),
        diagnoses=(),
        aliases=(),
        age=None,
        age_in_year=None,
    )


def of_discharge(stay: Stay, given: Circumstances, back: tuple[datetime, datetime] | None) -> Draft | None:
    """The follow-up of a discharge. `back`: a later inpatient start within thirty days, and when it was learned.

    A death at or before the discharge makes it a discharge of the dead, whatever PV1-36 says.
    """
    left, died = left_at(stay), given.died_at
    if left is None or (died and died <= left):
        return None
    facility, under = given.facilities.of(stay.facility), given.under(stay, "", left)
    engine, day = under.protocol.engine, calendar.local_date(left, facility.tz)
    opening = under.protocol.opening(stay, facility, day)
    if opening is None:
        return None
    learned = stay.discharge_learned_at or stay.learned_at
    settled = (stay.settle_from or learned) + engine.settle_window
    unsaid = (stay.disposition_category or UNKNOWN) == UNKNOWN and not stay.disposition_stated
    draft = Draft(
        stay=stay,
        under=under,
        opening=opening,
        anchor="",
        start=Start(left, "discharge", facility),
        learned_at=learned,
        facility=stay.facility,
        unit=stay.unit,
        page=not (opening.provisional or stay.implausible),
        hold_until=settled,
        opens_at=settled if unsaid else None,
    )
    if died:
        draft.may_end(died, "died", "void", by=died)
    if back:
        draft.may_end(max(back[0], left), "readmitted", "superseded", by=max(given.as_of, back[1], learned))
    window = day + timedelta(days=engine.window_days)
    draft.window_end = calendar.end_of_day(window, facility.tz)
    draft.may_end(draft.window_end, WINDOW_ENDED, "void", by=given.as_of)
    by_window = draft.end is None or draft.end.reason == WINDOW_ENDED
    if by_window and any(
        isinstance(rule.due, DayEnds) and rule.due.days >= engine.window_days for rule in opening.deadlines
    ):
        shown = draft.window_end + TOLD_OF_WINDOW
        draft.told_of_window = given.as_of < shown
        draft.turns += [shown] if draft.told_of_window else []
    return draft


@lru_cache(maxsize=8192)
def _anchor(trigger: str, at: datetime, twins: int) -> str:
    instant = at.isoformat(timespec="microseconds")[:26].replace("-", "").replace(":", "")
    key = f"{trigger}@{instant}"
    return f"{key}#{twins}" if twins else key
