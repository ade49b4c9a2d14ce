"""LACE and programme of one discharge, from the person's stays and what people found out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from schemas.reference.conditions import conditions, meaning
from services.transitions.domain.calendar import local_date
from services.transitions.domain.episodes import Draft, left_at
from services.transitions.domain.latest import Computed
from services.transitions.domain.model import Deed, PlannedReadmission, Stay
from services.transitions.domain.readmission import (
    CHAIN,
    COMBINED,
    History,
    begun_at,
    is_inpatient,
    is_planned,
)
from services.transitions.domain.risk.findings import findings_over_time
from services.transitions.domain.risk.lace import FINAL, NOT_YET_CODED, acute, lace, months_before
from services.transitions.domain.risk.model import CASE_MANAGEMENT, Lace, Programme, Risk
from services.transitions.domain.risk.programme import Background, Coded, programme
from services.transitions.domain.risk.rules import ProgrammeRules, RiskRules
from services.transitions.domain.risk.steps import steps

RISKS: Computed[Risk] = Computed(10_000)

_POST_ACUTE = frozenset({"snf", "irf", "ltch"})
"""Facilities whose stays are no hospitalisations."""

_FOLLOWED = ("assessment_recorded", "programme_confirmed", "care_plan_recorded", "contact_attempted")


class Person(Struct, frozen=True, gc=False):
    """What is the same for all discharges of one person: stays, which stay went on as which, and deeds by time.

    `begun` are the stays with the first instant of each.
    """

    history: History
    begun: Sequence[tuple[datetime, Stay]]
    before: Mapping[UUID, tuple[UUID, str]]
    deeds: Sequence[Deed]
    rules: RiskRules


def person(
    history: History,
    verdicts: Iterable[tuple[UUID, PlannedReadmission]],
    deeds: Sequence[Deed],
    rules: RiskRules,
) -> Person:
    """Prepare the stays and deeds of one person. Deeds by time."""
    before = {
        said.visit_id: (index, said.verdict) for index, said in verdicts if said.verdict in (CHAIN, COMBINED)
    }
    begun = [(min(_times(stay)), stay) for stay in history.stays]
    return Person(history, begun, before, [deed for deed in deeds if deed.type in _FOLLOWED], rules)


def risk_of(draft: Draft, whose: Person) -> Risk:
    """The risk after the discharge of this draft; nothing for a transfer."""
    left = left_at(draft.stay)
    if draft.anchor or left is None:
        return Risk()
    stays = _by_then(max(left, *_times(draft.stay)), whose)
    deeds = _concerning(draft.stay, draft.end.at if draft.end else None, whose)
    before = [whose.before.get(stay.visit_id) for stay in stays] if whose.before else []
    given = (
        draft.stay,
        draft.start,
        stays,
        before,
        deeds,
        whose.rules,
        whose.history.facilities,
        whose.history.engine,
    )
    return RISKS.of(draft.stay.visit_id, given, lambda: _risk_of(draft, left, deeds, whose))


def depends_on(stays: Sequence[Stay], whose: Person) -> tuple[object, ...]:
    """All that the risk after the discharges of these stays comes from, besides themselves."""
    if not stays:
        return ()
    known = _by_then(max(at for stay in stays for at in _times(stay)), whose)
    before = [whose.before.get(each.visit_id) for each in known] if whose.before else []
    return known, before, _concerning(stays[0], None, whose), whose.rules, whose.history.engine


def _concerning(stay: Stay, until: datetime | None, whose: Person) -> list[Deed]:
    """What was found out about the person, and what else was done about this visit number, before this instant."""
    return [
        deed
        for deed in whose.deeds
        if (until is None or deed.occurred_at < until)
        and (deed.root_id == stay.root_id or deed.type == "assessment_recorded")
    ]


def _by_then(until: datetime, whose: Person) -> list[Stay]:
    """The stays that risk may depend on: those of which anything was before the end of this one."""
    return [stay for begun, stay in whose.begun if begun <= until]


def _times(stay: Stay) -> list[datetime]:
    return [at for at in (stay.started_at, stay.admitted_at, stay.discharged_at) if at]


def _risk_of(draft: Draft, left: datetime, deeds: Sequence[Deed], whose: Person) -> Risk:
    chain = _chain(draft.stay, whose)
    score = _lace(draft, left, chain, whose)
    decided = _programme(draft, left, chain, deeds, whose)
    told = (deed.at for deed in deeds if deed.occurred_at == decided.since)
    return Risk(_high(score, decided), score, decided, max((draft.stay.learned_at, *told)))


def _high(score: Lace | None, decided: Programme) -> bool | None:
    """Without a diagnosis LACE is a lower bound and no condition is known: not high is then not low."""
    if decided.decision == CASE_MANAGEMENT or (score and score.band == "high"):
        return True
    return None if score is None or NOT_YET_CODED in score.notes else False


def _chain(stay: Stay, whose: Person) -> list[Stay]:
    """The stays that ended in a transfer to the next, this one last."""
    found = [stay]
    if stay.visit_id not in whose.before:
        return found
    stays = {each.visit_id: each for each in whose.history.stays}
    while (before := whose.before.get(found[0].visit_id)) and before[1] == CHAIN and before[0] in stays:
        found.insert(0, stays[before[0]])
    return found


def _lace(draft: Draft, left: datetime, chain: Sequence[Stay], whose: Person) -> Lace | None:
    stay, rules, zone = draft.stay, whose.rules.lace, draft.start.facility.tz
    first = chain[0] if rules.use_chain else stay
    begun = begun_at(first)
    if begun is None or (first is stay and stay.admitted_at is None and stay.started_at is None):
        return None
    return lace(
        days=(local_date(left, zone) - local_date(begun, zone)).days,
        acute=acute(first.admission_type, emergency_phase=first.emergency_phase or _led_here(first, whose)),
        diagnoses=[diagnosis for diagnosis in stay.diagnoses if diagnosis.until is None],
        emergency_visits=_emergencies(chain if rules.use_chain else [stay], begun, zone, whose.history),
        rules=rules,
    )


def _led_here(stay: Stay, whose: Person) -> bool:
    history = whose.history
    return any(each.care_class == "emergency" and history.led_to(each, stay) for each in history.stays)


def _emergencies(chain: Sequence[Stay], begun: datetime, zone: ZoneInfo, history: History) -> int:
    """Emergency visits of the six calendar months before the admission; the one that led to it is part of it."""
    local = begun.astimezone(zone)
    since = datetime.combine(months_before(local.date(), 6), local.time(), zone)
    return sum(
        stay.started_at is not None
        and since <= stay.started_at < begun
        and (stay.care_class == "emergency" or stay.emergency_phase)
        and stay.state not in ("planned", "cancelled")
        and stay not in chain
        and not any(stay.care_class == "emergency" and history.led_to(stay, each) for each in chain)
        for stay in history.stays
    )


def _programme(
    draft: Draft, left: datetime, chain: Sequence[Stay], deeds: Sequence[Deed], whose: Person
) -> Programme:
    stay, zone, rules = draft.stay, draft.start.facility.tz, whose.rules.programme
    mine = [deed for deed in deeds if deed.root_id == stay.root_id]
    begun = begun_at(chain[0]) or left
    confirmed = tuple(d for d in mine if d.type == "programme_confirmed" and d.occurred_at >= begun)
    lists = conditions()
    decided = programme(
        left,
        tuple(Coded(meaning(each.code, each.system), each.since, each.until) for each in stay.diagnoses),
        _background(stay, left, chain, whose, zone),
        findings_over_time(deeds, left, zone, rules),
        confirmed,
        rules,
        lists,
    )
    return steps(decided, [deed for deed in mine if deed.occurred_at >= begun])


def _background(
    stay: Stay, left: datetime, chain: Sequence[Stay], whose: Person, zone: ZoneInfo
) -> Background:
    rules, lists, day = whose.rules.programme, conditions(), local_date(left, zone)
    chronic_since, sdoh_since = (
        months_before(day, rules.lookback_months),
        months_before(day, rules.sdoh_months),
    )
    placed_since = day - timedelta(days=rules.ltc_days)
    chronic: set[str] = set()
    barriers: set[str] = set()
    flags: set[str] = set()
    placed = stay.disposition_category in lists.ltc_destinations
    for earlier in whose.history.stays:
        gone = left_at(earlier)
        if earlier is stay or gone is None or gone > left or earlier.admitted_at is None:
            continue
        then = local_date(gone, zone)
        placed = placed or (then >= placed_since and earlier.disposition_category in lists.ltc_destinations)
        for diagnosis in earlier.diagnoses if then > chronic_since else ():
            said = meaning(diagnosis.code, diagnosis.system)
            if diagnosis.until is not None or diagnosis.type != FINAL or said is None:
                continue
            chronic |= said.chronic
            flags |= said.flags if then >= placed_since else said.flags - {"ltc"}
            if then > sdoh_since:
                barriers |= said.sdoh
    return Background(
        chronic=frozenset(chronic),
        barriers=frozenset(barriers),
        flags=frozenset(flags),
        hospitalisations=_hospitalisations(stay, left, whose, zone),
        unstable=_unstable(chain, left, whose, rules),
        foreign_language=bool(stay.language) and str(stay.language).upper() not in lists.english,
        long_term_place=placed,
    )


def _hospitalisations(stay: Stay, left: datetime, whose: Person, zone: ZoneInfo) -> int:
    """Stay chains by the date of their discharge in the 365 days up to this one; this one where the rules say so."""
    rules, facilities, day = whose.rules.programme, whose.history.facilities, local_date(left, zone)
    since = day - timedelta(days=rules.hosp_days)
    counted = [
        each
        for each in whose.history.stays
        if is_inpatient(each)
        and (gone := left_at(each))
        and gone <= left
        and local_date(gone, zone) > since
        and facilities.of(each.facility).type not in _POST_ACUTE
        and (rules.include_index or each is not stay)
    ]
    goes_on = {whose.before[each.visit_id][0] for each in counted if each.visit_id in whose.before}
    return sum(each.visit_id not in goes_on for each in counted)


def _unstable(chain: Sequence[Stay], left: datetime, whose: Person, rules: ProgrammeRules) -> bool:
    """An unplanned admission or an emergency visit in the ninety days before, besides this stay."""
    since, history = left - timedelta(days=rules.unstable_days), whose.history
    for each in history.stays:
        begun = begun_at(each)
        if each in chain or begun is None or not since < begun <= left or each.state == "planned":
            continue
        if each.care_class == "emergency" and not any(history.led_to(each, part) for part in chain):
            return True
        if is_inpatient(each) and not is_planned(each):
            return True
    return False
