"""A patient's page: who to call, what is owed and how it came about, what was done; and the forms, kept as typed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from fastapi import Request
from fastapi.responses import Response

from services.worklist import pages_forms, pages_pictures
from services.worklist import pages_words as words
from services.worklist.access import Permission, User, record_view
from services.worklist.desk import Look
from services.worklist.pages_door import EVENTS, frame, message
from services.worklist.pages_forms import Shown
from services.worklist.pages_list import Said
from services.worklist.pages_render import page
from services.worklist.patient import patient_page
from services.worklist.views import ActionView, CaseView, FactKind, PatientPage, Taken

FIELDS = (
    "name",
    "number",
    "birth_date",
    "telecom",
    "caregivers",
    "primary_care_provider",
    "stays",
    "actions",
    "notes",
)
SHOWN_ELSEWHERE = frozenset({FactKind.ACTION, FactKind.ALERT})
LEASES = frozenset({"item_taken", "item_released"})


@dataclass(frozen=True, slots=True)
class Held:
    """Who has the patient, as the button for it wants to know."""

    case: str
    kind: str
    deadline_id: str
    name: str | None
    taken: Taken | None


@dataclass(frozen=True, slots=True)
class Try:
    """A form that was sent and not taken: shown again as it was typed."""

    shown: Shown
    status: int
    notices: tuple[Said, ...]


async def show_case(
    request: Request, look: Look, user: User, patient_id: UUID, *, case: str | None, tried: Try | None = None
) -> Response:
    """The page of a patient, at the case it was asked for, else at the one most urgent."""
    sensitive = user.may(Permission.SEE_SENSITIVE)
    known = await patient_page(look, patient_id, case=case, sensitive=sensitive)
    if known is None:
        return message(request, 404)
    opened = next((each for each in known.cases if each.case == known.case), None)
    await record_view(
        request,
        "patient",
        patients=[patient_id],
        cases=[each.case for each in known.cases],
        fields=FIELDS,
        db=look.db,
    )
    around = frame(request, "")
    shown: dict[str, object] = {
        "page": known,
        "case": opened,
        "visit": next((each for each in known.visits if opened and each.visit_id == opened.visit_id), None),
        "now": look.now,
        "address": f"/c/{opened.case}" if opened else f"/p/{patient_id}",
        "events": f"{EVENTS}?after={look.change}",
        "notices": tried.notices if tried else _notices(request, known),
    }
    if opened is not None:
        shown |= _case(request, look, user, known, opened, tried)
    return page("case.html", tried.status if tried else 200, **around, **shown)


def _case(
    request: Request, look: Look, user: User, known: PatientPage, case: CaseView, tried: Try | None
) -> dict[str, object]:
    may_act = user.may(Permission.ACT)
    forms = _forms(request, user, case, tried) if case.visit_number else []
    duties = [each for each in case.deadlines if each.owed]
    mine = [each for each in known.actions if each.case in (case.case, None) and each.type not in LEASES]
    return {
        "duties": duties,
        "picture": pages_pictures.timeline(known, case, look.now),
        "alerts": [each for each in known.alerts if each.case == case.case],
        "actions": sorted(mine, key=lambda each: (each.occurred_at, each.at), reverse=True),
        "facts": [
            each
            for each in reversed(known.facts)
            if each.case in (case.case, None) and each.kind not in SHOWN_ELSEWHERE
        ],
        "others": [each for each in known.cases if each.case != case.case],
        "forms": forms,
        "form_names": [each.form.name for each in forms],
        "form_for": pages_forms.form_for,
        "can_act": may_act and case.visit_number is not None,
        "withdrawable": _withdrawable(user, mine) if case.visit_number else set(),
        "seen": pages_forms.seen(known, case, user.name),
        "key": uuid4().hex,
        "no_forms": "Your role may look, and not enter anything."
        if not may_act
        else "The stay of this case has no visit number yet, so nothing can be entered.",
        "held": Held(
            case.case, duties[0].kind if duties else "", f"case-{case.case}", known.person.name, known.taken
        ),
        "takeable": bool(duties) or known.taken is not None,
    }


def _forms(request: Request, user: User, case: CaseView, tried: Try | None) -> list[Shown]:
    """The forms of a case; the one that was tried is as it was typed, else the address says which is open."""
    asked = request.query_params.get("act", "")
    kind = {"kind": said} if (said := request.query_params.get("kind")) else {}
    found = [
        Shown(form, kind if form.name == asked else {}, open=form.name == asked and not tried)
        for form in pages_forms.for_case(
            case, [each for each in ("act", "waive") if user.may(Permission(each))]
        )
    ]
    if tried is None:
        return found
    again = [
        replace(tried.shown, form=each.form) for each in found if each.form.name == tried.shown.form.name
    ]
    rest = [each for each in found if each.form.name != tried.shown.form.name]
    # What it was for may be over since: what was typed is shown all the same.
    return [*(again or [tried.shown]), *rest]


def _withdrawable(user: User, actions: Sequence[ActionView]) -> set[str]:
    anyones = user.may(Permission.WITHDRAW_ANY)
    return {
        each.action_id
        for each in actions
        if user.may(Permission.ACT)
        and (each.by == user.name or anyones)
        and not each.withdrawn
        and each.state != "refused"
        and each.type != "action_withdrawn"
    }


def _notices(request: Request, known: PatientPage) -> tuple[Said, ...]:
    """What came of the form before, by the id of its action in the address."""
    did = request.query_params.get("did")
    action = next((each for each in known.actions if each.action_id == did), None)
    if action is None:
        return ()
    said = f"{words.deed(action)}. "
    if words.red_flag(action):
        return (Said(f"{said}The team is alerted at once.", "bad"),)
    if action.state == "waiting":
        return (Said(f"{said}Kept here, and sent as soon as Kafka can be reached.", "warn"),)
    return (Said(f"{said}Entered; below it says what becomes of it.", "good"),)
