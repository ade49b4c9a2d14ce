"""What a coordinator can enter about a case: the forms as data, and from what was typed to an action.

A form that does not hold is shown again with everything that was typed, and one sentence beside each field.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.worklist import pages_words as words
from services.worklist.views import CaseView, PatientPage

AHEAD = timedelta(minutes=5)
NOTE_MOST = 4000
REASON_MOST = 500
YES_NO = (("true", "yes"), ("false", "no"))
GIVES_UP = frozenset({"void", "superseded"})

Typed = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Input:
    """One thing asked. `widget`: radio, select, check, text, area, time or number. `group`: under a heading of its own."""

    name: str
    label: str
    widget: str = "text"
    choices: tuple[tuple[str, str], ...] = ()
    required: bool = False
    default: str = ""
    hint: str = ""
    most: int = 200
    group: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """One action to enter. `name` is part of its address, `type` the action's; `needs` a permission."""

    name: str
    type: str
    title: str
    press: str
    inputs: tuple[Input, ...]
    needs: str = "act"
    about: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A form as it is shown: with what was typed, and what was wrong with it."""

    form: Form
    typed: Typed = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    open: bool = False

    def value(self, each: Input) -> str:
        return self.typed.get(each.name, each.default)


def _words(*codes: str) -> tuple[tuple[str, str], ...]:
    return tuple((code, words.plain(code)) for code in codes)


WHEN = Input("occurred_at", "When", "time", hint="left empty: now")
NOTE = Input("note", "Note", "area", most=NOTE_MOST, hint="stays in Baton")
ANSWERS = (("yes", "yes"), ("no", "no"), ("not_needed", "not needed"))
ASKED = "What was asked, and the answers"
TOLD = "What was handed over (I-PASS)"

CALL = Form(
    "call", "contact_attempted", "Log a call or message", "Log it",
    (
        Input("outcome", "What came of it", "radio", _words(
            "reached", "no_answer", "left_message", "wrong_number", "refused", "language_barrier"), required=True),
        Input("party", "With whom", "radio", _words("patient", "caregiver"), required=True, default="patient"),
        Input("channel", "How", "select", _words("phone", "secure_message", "in_person", "other"), required=True,
              default="phone"),
        Input("form.red_flag", "Red flag: a warning sign that cannot wait", "check", hint="alerts the team at once"),
        Input("form.clinician_callback", "A clinician must call back", "check", hint="is owed from then on"),
        Input("form.identity_confirmed", "Identity confirmed by two identifiers", "radio", YES_NO, group=ASKED),
        Input("form.condition", "How is the patient", "radio", _words("better", "same", "worse"), group=ASKED),
        Input("form.new_or_worse_symptoms", "New or worse symptoms", "radio", YES_NO, group=ASKED),
        Input("form.medicines_obtained", "Has the medicines", "radio", ANSWERS, group=ASKED),
        Input("form.medicines_understood", "Knows how to take them", "radio", YES_NO, group=ASKED),
        Input("form.appointments_known", "Knows the appointments", "radio", ANSWERS, group=ASKED),
        Input("form.transport_arranged", "Transport is arranged", "radio", ANSWERS, group=ASKED),
        Input("form.equipment_arrived", "Equipment has come", "radio", ANSWERS, group=ASKED),
        Input("form.services_started", "Home services have started", "radio", ANSWERS, group=ASKED),
        Input("form.results_pending", "Results are still pending", "radio", YES_NO, group=ASKED),
        Input("form.knows_whom_to_call", "Knows whom to call", "radio", YES_NO, group=ASKED),
        Input("form.caregiver_available", "A caregiver is there", "radio", ANSWERS, group=ASKED),
        Input("form.language", "Language spoken", most=60, group=ASKED),
        Input("form.interpreter_used", "Interpreter", "radio", ANSWERS, group=ASKED),
        Input("clinician", "The call was made by a clinician", "check", group=ASKED),
        WHEN, NOTE,
    ),
)  # fmt: skip
ACCEPT = Form(
    "accept", "handoff_acknowledged", "Accept a handoff", "Accept",
    (
        Input("kind", "Which handoff", "select", required=True),
        Input("read_back", "Did the receiver read it back?", "radio", YES_NO, required=True,
              hint="without read-back it is noted, and still owed"),
        Input("checklist.illness_severity", "How ill the patient is", "check", group=TOLD),
        Input("checklist.patient_summary", "Summary of the patient", "check", group=TOLD),
        Input("checklist.action_list", "What is to be done", "check", group=TOLD),
        Input("checklist.situation_awareness", "What may happen, and then what", "check", group=TOLD),
        Input("checklist.synthesis", "The receiver said it in words of their own", "check", group=TOLD),
        WHEN, NOTE,
    ),
)  # fmt: skip
DECLINE = Form(
    "decline", "handoff_declined", "Decline a handoff", "Decline",
    (Input("kind", "Which handoff", "select", required=True),
     Input("reason", "Why", "area", required=True, most=REASON_MOST), WHEN, NOTE),
    about="The sender goes on being responsible.",
)  # fmt: skip
DELEGATE = Form(
    "delegate", "handoff_delegated", "Pass a handoff on", "Pass it on",
    (Input("kind", "Which handoff", "select", required=True),
     Input("to", "To whom", required=True), Input("reason", "Why", "area", most=REASON_MOST), WHEN, NOTE),
    about="Until they accept, nobody else has taken over.",
)  # fmt: skip
BOOK = Form(
    "book", "appointment_booked", "Book a visit", "Book",
    (Input("occurs_at", "The visit is on", "time", required=True), NOTE),
)  # fmt: skip
VISIT = Form("visit", "visit_completed", "Record a visit", "Record", (WHEN, NOTE))
MEDICINES = Form("medicines", "medications_reconciled", "Medicines reconciled", "Record", (WHEN, NOTE))
PRIMARY = Form("primary-care", "pcp_notified", "Primary care told", "Record", (WHEN, NOTE))
COMPLEXITY = Form(
    "complexity", "complexity_assessed", "Complexity", "Record",
    (Input("complexity", "Medical decision making", "radio", _words("moderate", "high"), required=True,
           hint="high: the visit is owed within 7 days, else within 14"), NOTE),
)  # fmt: skip
ASSESSMENT = Form(
    "assessment", "assessment_recorded", "Assessment", "Record",
    (
        Input("specialists", "Specialists who treat the patient", "number"),
        Input("supports", "Supports at home", "radio", _words("reliable", "unreliable", "unknown")),
        Input("stability", "Condition", "radio", _words("stable", "unstable", "unknown")),
        Input("interpreter_needed", "Needs an interpreter", "radio", YES_NO),
        Input("housing_unstable", "Housing is unstable", "radio", YES_NO),
        Input("food_insecure", "Short of food", "radio", YES_NO),
        Input("ltc_decision_pending", "Long-term care to be decided", "radio", YES_NO),
        NOTE,
    ),
)  # fmt: skip
PROGRAMME = Form(
    "programme", "programme_confirmed", "Programme", "Confirm",
    (Input("decision", "The patient is in", "radio", _words("case_management", "care_coordination"), required=True), NOTE),
)  # fmt: skip
WAIVE = Form(
    "waive", "deadline_waived", "Waive", "Waive",
    (Input("kind", "What need not be done", "select", required=True),
     Input("reason", "Why", "area", required=True, most=REASON_MOST), NOTE),
    needs="waive",
)  # fmt: skip
WITHDRAW = Form(
    "withdraw", "action_withdrawn", "Withdraw", "Withdraw",
    (Input("id", "", "hidden", required=True), Input("reason", "Why", required=True, most=REASON_MOST)),
)  # fmt: skip
ANSWER = Form(
    "answer", "alert_acknowledged", "Answer", "I have it", (Input("kind", "", "hidden", required=True),)
)

FORMS = (
    CALL,
    ACCEPT,
    DECLINE,
    DELEGATE,
    BOOK,
    VISIT,
    MEDICINES,
    PRIMARY,
    COMPLEXITY,
    ASSESSMENT,
    PROGRAMME,
    WAIVE,
)
BY_NAME = {form.name: form for form in (*FORMS, WITHDRAW, ANSWER)}
DOES = {
    "call": "call", "contact": "call", "visit": "book", "med": "medicines", "pcp": "primary-care", "handoff": "accept",
}  # fmt: skip


def form_for(kind: str) -> str | None:
    """The form that does what a deadline asks for, by the words of its kind."""
    return next((form for part, form in DOES.items() if part in kind), None)


def for_case(case: CaseView, may: Iterable[str]) -> list[Form]:
    """The forms that make sense for a case, with what they can choose from filled in."""
    allowed = set(may)
    owed = [each.kind for each in case.deadlines if each.owed]
    handoffs = [each.kind for each in case.deadlines if "handoff" in each.kind]
    found = []
    for form in FORMS:
        kinds = handoffs if form.type.startswith("handoff") else owed
        wants_kind = any(each.name == "kind" for each in form.inputs)
        after_discharge = form in (CALL, BOOK, VISIT, MEDICINES, PRIMARY, COMPLEXITY)
        if (
            form.needs not in allowed
            or (wants_kind and not kinds)
            or (after_discharge and case.kind == "unit_handoff")
        ):
            continue
        found.append(_choosing(form, tuple((kind, words.kind(kind)) for kind in dict.fromkeys(kinds))))
    return found


def _choosing(form: Form, kinds: tuple[tuple[str, str], ...]) -> Form:
    inputs = tuple(
        replace(each, choices=kinds, default=kinds[0][0]) if each.name == "kind" and kinds else each
        for each in form.inputs
    )
    return replace(form, inputs=inputs)


def seen(page: PatientPage, case: CaseView, by: str) -> str:
    """What a form was made from, in short: other when somebody else did something, or less is owed than was shown."""
    others = sorted(each.action_id for each in page.actions if each.by != by)
    duties = sorted(
        (each.kind, each.due_at.isoformat(), each.status in GIVES_UP)
        for each in case.deadlines
        if each.owed or each.status in GIVES_UP
    )
    return hashlib.sha256(repr((case.status, duties, others)).encode()).hexdigest()[:16]


def changed(page: PatientPage, case: CaseView, by: str, since: datetime) -> list[str]:
    """What happened since a form was made, one sentence each."""
    where = page.hours.zone
    said = [
        f"{each.by or 'Another system'}, {words.clock(each.at, where)}: {words.deed(each)}."
        for each in page.actions
        if each.by != by and each.at >= since
    ]
    said += [
        f"{words.kind(each.kind)}: {words.status(each.status)}."
        for each in case.deadlines
        if each.status in GIVES_UP
    ]
    if case.status != "open":
        said.append(f"The case has ended: {words.plain(case.close_reason) or case.status}.")
    return said


# --- from what was typed to an action -----------------------------------------------------------------------


def read(form: Form, typed: Typed, *, zone: str, now: datetime) -> tuple[dict[str, object], dict[str, str]]:
    """What a form says, as fields of its action; and a sentence for each field that does not hold."""
    said: dict[str, object] = {"type": form.type}
    errors: dict[str, str] = {}
    for each in form.inputs:
        problem, value = _value(each, typed.get(each.name, "").strip(), zone, now)
        if problem:
            errors[each.name] = problem
        elif value is not None:
            _put(said, each.name, value)
    if form is ASSESSMENT and not errors and not said.keys() - {"type", "note"}:
        errors["specialists"] = "Say at least one thing."
    return said, errors


def _put(said: dict[str, object], name: str, value: object) -> None:
    """Put a value where it belongs: `form.condition` into `form`."""
    whole, _, part = name.partition(".")
    if not part:
        said[name] = value
        return
    inner = said.setdefault(whole, {})
    assert isinstance(inner, dict)
    inner[part] = value


def _value(each: Input, said: str, zone: str, now: datetime) -> tuple[str, object]:
    """A sentence that says what is wrong, and the value; both empty where nothing was said."""
    if not said:
        return ("" if not each.required else "Choose one." if each.choices else "This is needed."), None
    if len(said) > each.most:
        return f"At most {each.most:,} characters; this has {len(said):,}.", None
    if each.widget == "time":
        return _time(each, said, zone, now)
    if each.widget == "number":
        return ("", int(said)) if said.isdecimal() and int(said) < 100 else ("A number from 0 to 99.", None)
    if each.choices and said not in dict(each.choices):
        return "Choose one of these.", None
    if each.widget == "check":
        return "", said == "true"
    return "", said == "true" if each.choices == YES_NO else said


def _time(each: Input, said: str, zone: str, now: datetime) -> tuple[str, object]:
    """Read a time of day as the clock at the facility shows it; what is done lies behind, what is planned ahead."""
    try:
        local = datetime.fromisoformat(said)
        at = (local if local.tzinfo else local.replace(tzinfo=words.zone(zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        return "Write it as 2026-01-31 14:30.", None
    if each.name == "occurred_at" and at > now + AHEAD:
        return "This lies ahead: what has not happened cannot be entered.", None
    if each.name == "occurred_at" and at < now - timedelta(days=400):
        return "This is more than a year back: look at the date.", None
    if each.name == "occurs_at" and at > now + timedelta(days=400):
        return "This is more than a year ahead: look at the date.", None
    return "", at.isoformat()
