"""How likely a patient is to come back, and whether that calls for case management: LACE, and the reasons of the programme."""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from schemas.reference.charlson import charlson
from schemas.reference.conditions import Meaning, conditions, meaning
from schemas.reference.dispositions import dispositions
from schemas.reference.facilities import Facilities
from services.auditor.domain.actions import Deed
from services.auditor.domain.diagnoses import Diagnosis, bare
from services.auditor.domain.protocol import Protocol
from services.auditor.domain.stay import Stay
from services.auditor.domain.times import day_of

_NOT_THERE = frozenset({"none", "planned", "cancelled"})
_ELECTIVE = frozenset({"C", "R", "3"})
_POST_ACUTE = frozenset({"snf", "irf", "ltch"})
_FEW_DAYS, _WEEK, _FORTNIGHT, _MOST_VISITS = 4, 7, 14, 4
_MANAGED = "case_management"


@dataclass(frozen=True, slots=True)
class Person:
    """The stays of one person, what was found out about them, and which stay went on as which without a break."""

    stays: Sequence[Stay]
    deeds: Sequence[Deed]
    chained: Mapping[int, Stay]
    continued: Mapping[int, Stay]
    protocol: Protocol
    facilities: Facilities

    def chain(self, stay: Stay) -> list[Stay]:
        """The stays that ended in a transfer to the next, this one last."""
        found = [stay]
        while id(found[0]) in self.chained:
            found.insert(0, self.chained[id(found[0])])
        return found

    def led_to(self, visit: Stay, stay: Stay) -> bool:
        """Whether an emergency visit under a number of its own went on as that stay."""
        at = stay.arrived if stay.inpatient else stay.first
        if visit.patient_class != "E" or visit.arrived is None or at is None:
            return False
        if (
            not (stay.inpatient or stay.observation)
            or stay.facility != visit.facility
            or stay.state == "planned"
        ):
            return False
        left = visit.discharged
        return at >= visit.arrived and (left is None or at - left <= self.protocol.ed_to_ip_gap)


def lace(stay: Stay, whose: Person) -> int | None:
    """The LACE total of a discharge (domain 6.1); None where it is not known when the stay began."""
    rules, left = whose.protocol.risk, stay.discharged
    chain = whose.chain(stay) if rules["lace_use_chain"] else [stay]
    first = chain[0]
    begun = first.arrived or (None if first is stay else first.discharged)
    if begun is None or left is None:
        return None
    zone = whose.facilities.of(stay.facility).tz
    midnights = (day_of(left, zone) - day_of(begun, zone)).days
    emergency = first.emergency or any(whose.led_to(each, first) for each in whose.stays)
    acute = emergency or first.admission_type not in _ELECTIVE
    local = begun.astimezone(zone)
    since = datetime.combine(months_before(local.date(), 6), local.time(), zone)
    visits = [each for each in whose.stays if _emergency_visit(each, chain, whose, since, begun)]
    return _length(midnights) + 3 * acute + _comorbidity(stay, rules) + min(len(visits), _MOST_VISITS)


def coded(stay: Stay) -> bool:
    """Whether any diagnosis says something: without one nobody can tell that the risk is low."""
    return any(each.until is None and meaning(each.said.code, each.said.system) for each in stay.diagnoses)


def _length(midnights: int) -> int:
    if midnights < _FEW_DAYS:
        return max(midnights, 0)
    return 4 if midnights < _WEEK else 5 if midnights < _FORTNIGHT else 7


def _comorbidity(stay: Stay, rules: Mapping[str, Any]) -> int:
    lists = charlson(rules["charlson_set"])
    families = set[str]()
    for each in stay.diagnoses:
        if each.until is None and meaning(each.said.code, each.said.system) is not None:
            families |= lists.families(bare(each.said))
    counted = [each for each in families if lists.superseded.get(each) not in families]
    points = sum(lists.weights[rules["lace_profile"]][each] for each in counted)
    return points if points < _MOST_VISITS else 5


def _emergency_visit(
    visit: Stay, chain: Sequence[Stay], whose: Person, since: datetime, until: datetime
) -> bool:
    at = visit.first
    if at is None or not since <= at < until or visit.state in _NOT_THERE or visit in chain:
        return False
    if visit.patient_class != "E" and not visit.emergency:
        return False
    return not any(whose.led_to(visit, each) for each in chain)


@dataclass(frozen=True, slots=True)
class _Says:
    """What diagnoses say, put together."""

    chronic: frozenset[str]
    sdoh: frozenset[str]
    flags: frozenset[str]

    @classmethod
    def of(cls, several: Iterable[Meaning]) -> "_Says":
        every = list(several)
        return cls(
            frozenset().union(*(each.chronic for each in every)),
            frozenset().union(*(each.sdoh for each in every)),
            frozenset().union(*(each.flags for each in every)),
        )


def managed(stay: Stay, whose: Person, until: datetime | None) -> bool:
    """Whether the discharged patient is in case management (domain 7.1): taken in by reasons, led out by a person only.

    `until` is what ended the episode: what was said from then on is about something else.
    """
    left = stay.discharged
    if left is None:
        return False
    deeds = sorted(
        (deed for deed in whose.deeds if until is None or deed.at < until), key=lambda d: (d.at, d.arrived)
    )
    since = whose.chain(stay)[0].arrived or left
    asked = [deed for deed in deeds if deed.said.type == "assessment_recorded"]
    confirmed = [
        deed
        for deed in deeds
        if deed.said.type == "programme_confirmed" and deed.visit == stay.key and deed.at >= since
    ]
    turns = {left, *(deed.at for deed in confirmed), *(deed.at for deed in asked if deed.at > left)}
    for each in stay.diagnoses:
        turns |= {at for at in (each.since, each.until) if at is not None and at > left}
    always = _background(stay, left, whose)
    inside, accepted = False, set[str]()
    for turn in sorted(turns):
        known = max(turn, left)
        reasons = _reasons(stay, known, always, [deed for deed in asked if deed.at <= known], whose)
        by_hand = [deed.said for deed in confirmed if deed.at == turn]
        if by_hand:
            inside = by_hand[-1].decision == _MANAGED  # type: ignore[union-attr]
            accepted = set() if inside else reasons
        elif reasons - accepted:
            inside = True
    return inside


def _reasons(
    stay: Stay, known: datetime, always: Sequence[Meaning], asked: Sequence[Deed], whose: Person
) -> set[str]:
    """The criteria of domain 7.1 that are met at an instant."""
    rules, lists, zone = whose.protocol.programme, conditions(), whose.facilities.of(stay.facility).tz
    told = _meanings(each for each in stay.diagnoses if each.stands(known))
    says = _Says.of([*always, *told])
    left = stay.discharged
    assert left is not None
    found = {f"sdoh {kind}" for kind in says.sdoh & (lists.barriers | set(rules["sdoh_extra"]))}
    found |= _found_out(asked, day_of(left, zone), rules, whose, stay)
    many = len(says.chronic) >= rules["chronic_min"]
    if many and len(says.chronic - lists.low_acuity) >= rules["min_high_acuity"]:
        found.add("chronic")
    if _hospitalisations(stay, left, whose) >= rules["hosp_min"]:
        found.add("hospitalisations")
    if says.flags & ({"sud", "sud_nicotine"} if rules["include_f17"] else {"sud"}):
        found.add("sud")
    if says.flags & ({"smi", "smi_optional"} if rules["smi_optional"] else {"smi"}):
        found.add("smi")
    if "ltc" in says.flags or _placed(stay):
        found.add("ltc")
    return found


def _found_out(
    asked: Sequence[Deed], day: date, rules: Mapping[str, Any], whose: Person, stay: Stay
) -> set[str]:
    """The latest answer to each question, of those not too old on the day of the discharge."""
    zone = whose.facilities.of(stay.facility).tz
    answers: dict[str, bool] = {}
    pending, decided = False, None
    for deed in asked:
        said, on = deed.said, day_of(deed.at, zone)
        for question in ("interpreter_needed", "housing_unstable", "food_insecure"):
            answer = getattr(said, question)
            if answer is not None and on > months_before(day, rules["sdoh_months"]):
                answers[question] = answer
        open_now = said.ltc_decision_pending  # type: ignore[union-attr]
        if open_now:
            pending, decided = True, None
        elif open_now is False and pending:
            pending, decided = False, on
    names = {
        "interpreter_needed": "sdoh limited_english",
        "housing_unstable": "sdoh housing_instability",
        "food_insecure": "sdoh food_insecurity",
    }
    found = {names[question] for question, answer in answers.items() if answer}
    if pending or (decided is not None and day - decided <= timedelta(days=rules["ltc_days"])):
        found.add("ltc")
    return found


def _background(stay: Stay, left: datetime, whose: Person) -> list[Meaning]:
    """What the final diagnoses of earlier stays still say, each kind for as long as it holds."""
    rules, zone = whose.protocol.programme, whose.facilities.of(stay.facility).tz
    day = day_of(left, zone)
    found = []
    for each in whose.stays:
        gone = each.discharged
        if each is stay or gone is None or gone > left or not (each.inpatient or each.observation):
            continue
        then = day_of(gone, zone)
        recent = day - then <= timedelta(days=rules["ltc_days"])
        if recent and _placed(each):
            found.append(Meaning(flags=frozenset({"ltc"})))
        if then <= months_before(day, rules["lookback_months"]):
            continue
        final = (one for one in each.diagnoses if one.until is None and one.said.type == "F")
        for said in _meanings(final):
            fresh = then > months_before(day, rules["sdoh_months"])
            flags = said.flags if recent else said.flags - {"ltc"}
            found.append(Meaning(said.chronic, said.sdoh if fresh else frozenset(), flags))
    return found


def _hospitalisations(stay: Stay, left: datetime, whose: Person) -> int:
    """Stays, a chain of them as one, that ended in the year up to this discharge."""
    rules, zone = whose.protocol.programme, whose.facilities.of(stay.facility).tz
    since = day_of(left, zone) - timedelta(days=rules["hosp_days"])
    counted = []
    for each in whose.stays:
        gone = each.discharged
        if gone is None or gone > left or day_of(gone, zone) <= since or not each.inpatient:
            continue
        if whose.facilities.of(each.facility).type in _POST_ACUTE:
            continue
        if each is not stay or rules["include_index"]:
            counted.append(each)
    went_on = {id(whose.continued[id(each)]) for each in counted if id(each) in whose.continued}
    return sum(id(each) not in went_on for each in counted)


def _placed(stay: Stay) -> bool:
    known = dispositions().get(stay.code)
    return known is not None and known.category in conditions().ltc_destinations


def _meanings(diagnoses: Iterable[Diagnosis]) -> Iterator[Meaning]:
    for each in diagnoses:
        said = meaning(each.said.code, each.said.system)
        if said is not None:
            yield said


def months_before(day: date, months: int) -> date:
    """The same day of an earlier month, or the last one of a month that is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
