"""The LACE index of one discharge (van Walraven et al., CMAJ 2010;182:551): length, acuity, comorbidity, emergencies."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from schemas.reference.charlson import CharlsonSet, Weights, charlson
from schemas.reference.conditions import meaning, plain
from services.transitions.domain.model import Diagnosis
from services.transitions.domain.risk.model import Lace
from services.transitions.domain.risk.rules import LaceRules

FINAL = "F"
NOT_YET_CODED = "no_coded_diagnosis"
_ACUTE = frozenset({"E", "U", "A", "1", "2", "5"})
_NOT_ACUTE = frozenset({"C", "R", "3"})


def lace(
    *,
    days: int,
    acute: bool | None,
    diagnoses: Iterable[Diagnosis],
    emergency_visits: int,
    rules: LaceRules,
) -> Lace:
    """Score a stay of so many midnights. `acute` None: not known, which counts as yes and is noted."""
    coded, notes, final = [], set(), False
    for diagnosis in diagnoses:
        if meaning(diagnosis.code, diagnosis.system) is None:
            notes.add("diagnosis_not_icd10cm")
            continue
        coded.append(plain(diagnosis.code))
        final = final or diagnosis.type == FINAL
    if not coded:
        notes.add(NOT_YET_CODED)
    if acute is None:
        notes.add("admission_type_unknown")
    parts = (
        length_points(days),
        0 if acute is False else 3,
        comorbidity_points(comorbidity(frozenset(coded), rules.weights, rules.charlson_set)),
        min(emergency_visits, 4),
    )
    total = sum(parts)
    return Lace(
        l=parts[0],
        a=parts[1],
        c=parts[2],
        e=parts[3],
        total=total,
        band=band(total, rules),
        provisional=not final,
        rules=f"{rules.weights}/{rules.charlson_set}@{charlson(rules.charlson_set).version}",
        notes=tuple(sorted(notes)),
    )


def band(total: int, rules: LaceRules) -> str:
    moderate, high = rules.bands
    return "high" if total >= high else "moderate" if total >= moderate else "low"


def length_points(days: int) -> int:
    """L: midnights between admission and discharge on the facility's calendar."""
    if days < 4:
        return max(days, 0)
    return 4 if days < 7 else 5 if days < 14 else 7


def comorbidity_points(raw: int) -> int:
    """C: up to three points as they are, from four on five."""
    return raw if raw < 4 else 5


@lru_cache(maxsize=4096)
def comorbidity(codes: frozenset[str], weights: Weights, charlson_set: CharlsonSet) -> int:
    """The weighted sum of the families of these codes; of a milder and a severer form the severer alone."""
    known = charlson(charlson_set)
    found = {family for code in codes for family in known.families(code)}
    found -= {mild for mild, severe in known.superseded.items() if severe in found}
    return sum(known.weights[weights][family] for family in found)


def acute(admission_type: str | None, *, emergency_phase: bool) -> bool | None:
    """A: from PV1-4 (table 0007, or the billing codes of UB-04 form locator 14) or an emergency phase."""
    if emergency_phase or admission_type in _ACUTE:
        return True
    return False if admission_type in _NOT_ACUTE else None


@lru_cache(maxsize=4096)
def months_before(day: date, months: int) -> date:
    """The same day so many calendar months earlier, or the last day of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return day.replace(year=year, month=month + 1, day=min(last, day.day))
        except ValueError:
            continue
    raise AssertionError("every month has a 28th")
