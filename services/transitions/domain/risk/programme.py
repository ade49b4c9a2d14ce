"""Case management or care coordination: the criteria, which are met, not met or unknown, and what follows from them."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from msgspec import Struct

from schemas.reference.conditions import Conditions, Meaning
from services.transitions.domain.model import Deed
from services.transitions.domain.risk.model import (
    CARE_COORDINATION,
    CASE_MANAGEMENT,
    NEEDS_REVIEW,
    Programme,
)
from services.transitions.domain.risk.rules import ProgrammeRules

NOT_CODED = "diagnosis_not_icd10cm"


class Coded(Struct, frozen=True, gc=False):
    """What one diagnosis of the stay says, from when until when (event times). None: it is no ICD-10-CM code."""

    meaning: Meaning | None
    since: datetime | None = None
    until: datetime | None = None

    def stands(self, at: datetime) -> bool:
        return (self.since is None or self.since <= at) and (self.until is None or self.until > at)


class Background(Struct, frozen=True, gc=False):
    """What was so at the discharge and stays so: what earlier stays say, the language, the destination."""

    chronic: frozenset[str] = frozenset()
    barriers: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    hospitalisations: int = 1
    unstable: bool = False
    foreign_language: bool = False
    long_term_place: bool = False


class Findings(Struct, frozen=True, gc=False):
    """What people found out, the latest valid answer to each question. `ltc`: a decision is or was just pending."""

    specialists: int | None = None
    supports: str | None = None
    stability: str | None = None
    interpreter_needed: bool | None = None
    housing_unstable: bool | None = None
    food_insecure: bool | None = None
    ltc: bool = False


NOTHING_FOUND = Findings()


class Judgement(Struct, frozen=True, gc=False):
    """The criteria at one instant."""

    decision: str
    reasons: tuple[str, ...]
    not_met: tuple[str, ...]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]
    chronic: tuple[str, ...]
    notes: tuple[str, ...]


@lru_cache(maxsize=8192)
def judge(
    coded: tuple[Meaning | None, ...],
    before: Background,
    answers: Findings,
    rules: ProgrammeRules,
    lists: Conditions,
) -> Judgement:
    """Decide from what is known. An absent code is no evidence of absence: it leaves a criterion unknown."""
    meanings, notes, chronic, sdoh, flags = (
        0,
        set(),
        set(before.chronic),
        set(before.barriers),
        set(before.flags),
    )
    for meaning in coded:
        if meaning is None:
            notes.add(NOT_CODED)
            continue
        meanings += 1
        chronic |= meaning.chronic
        sdoh |= meaning.sdoh
        flags |= meaning.flags
    counted = bool(meanings or chronic) and not notes
    barriers = _barriers(sdoh & (lists.barriers | rules.sdoh_extra), answers)
    met = {
        f"chronic_{rules.chronic_min}plus": _many(chronic, rules, lists) or (False if counted else None),
        f"hosp_{rules.hosp_min}plus": before.hospitalisations >= rules.hosp_min,
        "sud": bool(flags & {"sud", "sud_nicotine"} if rules.include_f17 else "sud" in flags) or None,
        "smi": bool(flags & {"smi", "smi_optional"} if rules.smi_optional else "smi" in flags) or None,
        "ltc": answers.ltc or "ltc" in flags or before.long_term_place,
    }
    # Stable conditions, few specialists, reliable supports: what makes care coordination enough.
    enough = {
        "diagnoses": counted or None,
        "specialists": None if answers.specialists is None else answers.specialists <= rules.max_specialists,
        "supports": _known(answers.supports, "reliable"),
        "stability": _known(answers.stability or ("unstable" if before.unstable else "stable"), "stable"),
        "interpreter_needed": None if before.foreign_language and answers.interpreter_needed is None else True,
    }  # fmt: skip
    reasons = [name for name, is_met in met.items() if is_met]
    first = sum(name.startswith(("chronic", "hosp")) for name in reasons)
    reasons[first:first] = [f"sdoh:{kind}" for kind in barriers]
    unknown = [name for name, is_met in met.items() if is_met is None]
    not_met = [name for name, is_met in met.items() if is_met is False]
    if not barriers:
        (not_met if _no_barrier(before, answers) else unknown).append("sdoh")
    missing = [name for name, so in enough.items() if so is None]
    not_met += [name for name, so in enough.items() if so is False]
    decision = NEEDS_REVIEW
    if reasons:
        decision, missing = CASE_MANAGEMENT, []
    elif all(enough.values()):
        decision = CARE_COORDINATION
    return Judgement(
        decision,
        tuple(reasons),
        tuple(not_met),
        tuple(unknown),
        tuple(missing),
        tuple(sorted(chronic)),
        tuple(sorted(notes)),
    )


@lru_cache(maxsize=4096)
def programme(
    at: datetime,
    coded: tuple[Coded, ...],
    before: Background,
    asked: tuple[tuple[datetime, Findings], ...],
    confirmed: tuple[Deed, ...],
    rules: ProgrammeRules,
    lists: Conditions,
) -> Programme:
    """Follow the decision from the discharge `at` through everything that was said later, by event time.

    `asked` holds the answers from each instant on, in order. A step up is taken by itself. From case management
    down it goes only by `programme_confirmed`: until then the reasons it was taken for are kept. What a person
    has confirmed stands until a reason appears that was not known then.
    """
    turns = {at, *(each.since for each in coded if each.since and each.since > at)}
    turns |= {each.until for each in coded if each.until and each.until > at}
    turns |= {when for when, _ in asked if when > at}
    turns |= {deed.occurred_at for deed in confirmed}
    standing, since = "", at
    reasons: tuple[str, ...] = ()
    by_hand: Deed | None = None
    accepted: frozenset[str] = frozenset()
    judged: Judgement | None = None
    for turn in sorted(turns):
        judged = _judged(turn, at, coded, before, asked, rules, lists)
        now = standing
        said = [deed for deed in confirmed if deed.occurred_at == turn]
        if said:
            by_hand = said[-1]
            now = by_hand.decision or standing
            accepted = frozenset(judged.reasons if now != CASE_MANAGEMENT else ())
        elif set(judged.reasons) - accepted:
            if by_hand and standing != CASE_MANAGEMENT:
                by_hand = None
            now = CASE_MANAGEMENT
        elif not by_hand and standing != CASE_MANAGEMENT:
            now = judged.decision
        if now != standing:
            standing, since = now, turn
        if judged.reasons or standing != CASE_MANAGEMENT:
            reasons = judged.reasons if standing == CASE_MANAGEMENT else ()
    assert judged is not None, "the discharge is a turn"
    met = {reason.partition(":")[0] for reason in reasons}
    lower = standing == CASE_MANAGEMENT and judged.decision != CASE_MANAGEMENT and not by_hand
    return Programme(
        decision=standing,
        since=since,
        reasons=reasons,
        not_met=tuple(name for name in judged.not_met if name not in met),
        unknown=tuple(name for name in judged.unknown if name not in met),
        missing=judged.missing if lower or standing == NEEDS_REVIEW else (),
        sensitive=tuple(sorted(lists.sensitive.intersection((*reasons, *judged.chronic)))),
        proposed=judged.decision if lower else None,
        confirmed_at=by_hand.occurred_at if by_hand else None,
        confirmed_by=by_hand.by if by_hand else None,
        chronic=judged.chronic,
        hospitalisations=before.hospitalisations,
        rules=f"conditions@{lists.version}",
        notes=judged.notes,
    )


def _judged(
    turn: datetime,
    at: datetime,
    coded: Sequence[Coded],
    before: Background,
    asked: Sequence[tuple[datetime, Findings]],
    rules: ProgrammeRules,
    lists: Conditions,
) -> Judgement:
    """The criteria by everything said up to an instant; before the discharge, by what was known at it."""
    known = max(turn, at)
    answers = NOTHING_FOUND
    for when, those in asked:
        if when <= known:
            answers = those
    return judge(tuple(each.meaning for each in coded if each.stands(known)), before, answers, rules, lists)


def _many(chronic: set[str], rules: ProgrammeRules, lists: Conditions) -> bool:
    return len(chronic) >= rules.chronic_min and len(chronic - lists.low_acuity) >= rules.min_high_acuity


def _barriers(sdoh: set[str], answers: Findings) -> list[str]:
    found = set(sdoh)
    if answers.housing_unstable:
        found.add("housing_instability")
    if answers.food_insecure:
        found.add("food_insecurity")
    if answers.interpreter_needed:
        found.add("limited_english")
    return sorted(found)


def _no_barrier(before: Background, answers: Findings) -> bool:
    """Whether somebody has asked, and there is none."""
    language = answers.interpreter_needed is False or not before.foreign_language
    return answers.housing_unstable is False and answers.food_insecure is False and language


def _known(said: str | None, wanted: str) -> bool | None:
    return None if said in {None, "unknown"} else said == wanted
