"""What the pages say: times, statuses and kinds in plain words. Pure: the time now and the zone are given."""

import math
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from services.worklist.views import ActionView, Hours, Person

NAMELESS = "No name sent"

KINDS = {
    "handoff_ack_unit": "Handoff to the unit",
    "handoff_ack_facility": "Handoff to the facility",
    "call_72h": "Call within 72 hours",
    "tcm_contact": "Contact in 2 business days",
    "visit_7d": "Visit within 7 days",
    "visit_14d": "Visit within 14 days",
    "med_rec": "Medicines reconciled",
    "pcp_notify": "Notice to primary care",
    "clinician_callback": "Clinician calls back",
    "red_flag": "Red flag in a call",
    "readmission_detected": "Back in hospital",
    "late_known": "Late when learned",
    "tcm_period_end": "End of the TCM period",
    "readmit_window_end": "End of the readmission window",
}
EPISODES = {
    "discharge": "Discharge home",
    "facility_handoff": "Handoff to a facility",
    "unit_handoff": "Handoff between units",
}
STATUSES = {
    "pending": "owed",
    "met": "done",
    "attempted": "tried in time",
    "missed": "missed",
    "met_late": "done late",
    "void": "no longer owed",
    "superseded": "replaced",
    "waived": "waived",
    "firing": "unanswered",
    "acknowledged": "answered",
    "resolved": "ended",
    "retracted": "withdrawn",
    "waiting": "waiting to be sent",
    "sent": "sent, not yet confirmed",
    "confirmed": "confirmed",
    "refused": "refused",
    "overdue": "overdue",
    "late_known": "late when learned",
    "owed": "owed",
}
EFFECTS = {"noted": "noted, does not count", "waiting": "kept, it waits", "withdrawn": "withdrawn"}
TONES = {
    "met": "good", "attempted": "good", "resolved": "good", "confirmed": "good",
    "missed": "bad", "overdue": "bad", "firing": "bad", "refused": "bad",
    "met_late": "warn", "acknowledged": "warn", "waiting": "warn", "sent": "warn", "pending": "accent", "owed": "accent",
}  # fmt: skip
ACTIONS = {
    "contact_attempted": "Call or message",
    "handoff_acknowledged": "Handoff accepted",
    "handoff_declined": "Handoff declined",
    "handoff_delegated": "Handoff passed on",
    "appointment_booked": "Visit booked",
    "visit_completed": "Visit took place",
    "medications_reconciled": "Medicines reconciled",
    "pcp_notified": "Primary care told",
    "complexity_assessed": "Complexity judged",
    "assessment_recorded": "Assessment",
    "programme_confirmed": "Programme confirmed",
    "deadline_waived": "Waived",
    "item_taken": "Taken",
    "item_released": "Released",
    "alert_acknowledged": "Alert answered",
    "action_withdrawn": "Withdrawn",
}
WORDS = {
    "no_answer": "no answer",
    "left_message": "left a message",
    "wrong_number": "wrong number",
    "language_barrier": "language barrier",
    "secure_message": "secure message",
    "in_person": "in person",
    "case_management": "Case management",
    "care_coordination": "Care coordination",
    "needs_review": "Needs review",
    "chronic_4plus": "four or more chronic conditions",
    "hosp_2plus": "two or more hospital stays",
    "sud": "substance use",
    "smi": "serious mental illness",
    "ltc": "long-term care to be decided",
    "sdoh": "social needs",
    "unit_handoff": "handoff between units",
}
REASONS = {
    "before_discharge": "It was done before the discharge that it would follow up.",
    "episode_over": "It was done after the case had ended.",
    "no_episode": "The visit has opened no case.",
    "nothing_waiting": "Nothing here waits for it, or no more.",
    "kind_not_owed": "The visit does not owe this.",
    "no_such_alert": "There is no such alert here.",
    "no_read_back": "Without read-back it does not count.",
    "checklist_incomplete": "The checklist is not complete, and the protocol asks for all of it.",
    "too_early": "It was before any handoff it could be of.",
    "no_attempt": "A wrong number is no attempt.",
    "visit_cancelled": "The visit turned out never to have been.",
    "visit_folded": "The visit turned out to be another.",
    "other_patient": "It names another patient than the visit's.",
    "unknown_visit": "The visit is not known yet; it counts when it appears.",
    "ambiguous_visit": "More than one visit has this number; it waits until it is clear which is meant.",
    "no_discharge_yet": "The patient is not discharged yet; it counts when they are.",
    "unknown_action": "What it undoes is not known yet.",
}
SEVERITIES = {
    "P1": "P1, act now",
    "P2": "P2, urgent",
    "P3": "P3, soon",
    "P4": "P4, for information",
}
EQUIPMENT = {"PH": "phone", "CP": "mobile", "FX": "fax", "MD": "modem", "BP": "pager"}
USES = {
    "PRN": "home",
    "ORN": "other",
    "WPN": "work",
    "VHN": "holiday",
    "EMR": "emergency",
    "ASN": "answering service",
}
LANGUAGES = {
    "en": "English", "eng": "English", "es": "Spanish", "spa": "Spanish", "zh": "Chinese", "chi": "Chinese",
    "zho": "Chinese", "vi": "Vietnamese", "vie": "Vietnamese", "ko": "Korean", "kor": "Korean", "ru": "Russian",
    "rus": "Russian", "ar": "Arabic", "ara": "Arabic", "fr": "French", "fre": "French", "fra": "French",
    "ht": "Haitian Creole", "hat": "Haitian Creole", "pt": "Portuguese", "por": "Portuguese", "tl": "Tagalog",
    "tgl": "Tagalog", "pl": "Polish", "pol": "Polish", "de": "German", "ger": "German", "deu": "German",
    "it": "Italian", "ita": "Italian", "hi": "Hindi", "hin": "Hindi", "fa": "Persian", "per": "Persian",
}  # fmt: skip
MIDNIGHT_IS_A_DAYS_END = timedelta(microseconds=1)


def kind(name: str) -> str:
    """A deadline, an alert or a fact by the name a person uses; kinds of a protocol of one's own read as their words."""
    for ending, said in (("_missed", ": missed"), ("_due_soon", ": due soon")):
        if name.endswith(ending):
            return kind(name.removesuffix(ending)) + said
    return KINDS.get(name) or EPISODES.get(name) or ACTIONS.get(name) or plain(name).capitalize()


def plain(word: str | None) -> str:
    """A code as words."""
    return WORDS.get(word or "") or (word or "").replace("_", " ")


def status(word: str) -> str:
    return STATUSES.get(word, plain(word))


def effect(word: str) -> str:
    """What became of an action that has reached everybody and does not count."""
    return EFFECTS.get(word, plain(word))


def tone(word: str | None) -> str:
    """The colour a status may have beside its word."""
    return TONES.get(word or "", "")


def reason(word: str) -> str:
    """Why an action was refused, or has no effect: a sentence for a word of ours."""
    return REASONS.get(word) or f"{plain(word).capitalize()}."


def severity(word: str) -> str:
    return SEVERITIES.get(word, word)


def language(code: str | None) -> str | None:
    """A language by its name; `en-US` is English."""
    return LANGUAGES.get(code.partition("-")[0].lower(), code) if code else None


def equipment(code: str | None, use: str | None) -> str:
    """What kind of line a number is: XTN.3 and XTN.2 in words."""
    return " ".join(filter(None, (USES.get(use or "", ""), EQUIPMENT.get(code or "", "")))) or "phone"


@cache
def zone(name: str) -> ZoneInfo:
    """Raise ZoneInfoNotFoundError for a name that is none."""
    return ZoneInfo(name)


# --- times --------------------------------------------------------------------------------------------------


def span(seconds: float) -> str:
    """A length of time in its two largest units: `35 min`, `2 h 10 min`, `3 days 4 h`."""
    minutes = int(abs(seconds) // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes and hours < 12 else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} {'day' if days == 1 else 'days'}" + (f" {hours} h" if hours and days < 7 else "")


def behind(seconds: float) -> str:
    """A short length of time, as lag is told."""
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 60 else span(seconds)


def sentence(said: str) -> str:
    """Words as a sentence begins."""
    return said[:1].upper() + said[1:]


def left(due: datetime, now: datetime) -> str:
    """How long there is until a due time, or since."""
    seconds = (due - now).total_seconds()
    return f"{span(seconds)} left" if seconds > 0 else f"{span(seconds)} overdue"


def ago(at: datetime, now: datetime) -> str:
    seconds = (now - at).total_seconds()
    return f"in {span(seconds)}" if seconds < 0 else "just now" if seconds < 60 else f"{span(seconds)} ago"


def when(at: datetime, now: datetime, where: str) -> str:
    """An instant on the clock of a zone; midnight, which ends a day, is 24:00 of that day."""
    local, today = at.astimezone(zone(where)), now.astimezone(zone(where)).date()
    midnight = (local.hour, local.minute, local.second) == (0, 0, 0)
    day = (local - MIDNIGHT_IS_A_DAYS_END).date() if midnight else local.date()
    return f"{_day(day, today)} {'24:00' if midnight else f'{local:%H:%M}'}"


def stamp(at: datetime, where: str) -> str:
    """The same with its date, always."""
    local = at.astimezone(zone(where))
    return f"{local:%a} {local.day} {local:%b} {local.year}, {local:%H:%M}"


def _day(day: date, today: date) -> str:
    names = {0: "today", 1: "tomorrow", -1: "yesterday"}
    year = "" if day.year == today.year else f" {day.year}"
    return names.get((day - today).days) or f"{day:%a} {day.day} {day:%b}{year}"


def machine(at: datetime) -> str:
    """For the `datetime` of a <time>."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def clock(at: datetime, where: str) -> str:
    return f"{at.astimezone(zone(where)):%H:%M}"


def share_left(due: datetime, now: datetime) -> float:
    """How full the bar of time left is, from 0 to 1: three days fill it, and the last hours have room."""
    hours = max(0.0, (due - now).total_seconds() / 3600)
    return math.sqrt(min(1.0, hours / 72))


def reach(hours: Hours, now: datetime) -> str:
    """Whether the patient may be called, and what their clock says."""
    there = clock(now, hours.zone)
    if hours.open:
        return f"call until {hours.end}, now {there} there"
    return f"not before {hours.start}, now {there} there"


def age(born: date | None, now: datetime) -> str:
    """Years in full; of a child under two months."""
    if born is None:
        return ""
    years = now.year - born.year - ((now.month, now.day) < (born.month, born.day))
    if years >= 2:
        return f"{years} y"
    months = (now.year - born.year) * 12 + now.month - born.month - (now.day < born.day)
    return f"{max(months, 0)} mo"


def born(day: date | None) -> str:
    return f"{day.day} {day:%b %Y}" if day else ""


# --- people -------------------------------------------------------------------------------------------------


def name(said: str | None) -> str:
    """A name as it was sent, without what would turn the line around or break it."""
    return "".join(each for each in said or "" if unicodedata.category(each)[0] != "C").strip() or NAMELESS


def initials(said: str | None) -> str:
    """`T. A.` for a wall, where that is allowed."""
    letters = [word[0].upper() for word in name(said).replace(",", " ").split() if word[0].isalpha()]
    return " ".join(f"{letter}." for letter in letters[:2]) if said else ""


def tel(number: str) -> str:
    """The address of a telephone link: digits, and a plus in front."""
    return ("+" if number.strip().startswith("+") else "") + "".join(
        each for each in number if each.isdigit()
    )


def sex(code: str | None) -> str:
    return {"F": "female", "M": "male", "X": "another sex", "O": "another sex"}.get(code or "", "")


def speaks(person: Person) -> str:
    said = language(person.language)
    return "" if not said else said if said == "English" else f"{said}, interpreter?"


# --- actions ------------------------------------------------------------------------------------------------

TOLD = (
    "outcome",
    "party",
    "to",
    "channel",
    "kind",
    "complexity",
    "decision",
    "reason",
    "supports",
    "stability",
)


def deed(action: ActionView) -> str:
    """An action in one line: what, and with what outcome."""
    body = action.body
    said = [plain(str(body[key])) for key in TOLD if body.get(key)]
    if action.type == "handoff_acknowledged":
        said.append("read back" if body.get("read_back") else "not read back: does not count")
    if red_flag(action):
        said.append("RED FLAG")
    return ACTIONS.get(action.type, plain(action.type)) + (f": {', '.join(said)}" if said else "")


def red_flag(action: ActionView) -> bool:
    """Whether a call told of a warning sign that cannot wait."""
    return bool(_inside(action, "form").get("red_flag"))


def answers(action: ActionView) -> str:
    """What was asked in a call or handed over, and the answers, in one line."""
    told = {**_inside(action, "form"), **_inside(action, "checklist")}
    words = {True: "yes", False: "no"}
    said = [
        f"{plain(name)}: {words[value] if isinstance(value, bool) else plain(str(value))}"
        for name, value in told.items()
        if name not in ("red_flag", "clinician_callback") or value
    ]
    return "; ".join(said)


def _inside(action: ActionView, name: str) -> Mapping[str, object]:
    inner = action.body.get(name)
    return inner if isinstance(inner, Mapping) else {}
