"""What is pressed on a page: forms into actions, a patient taken or given back. After each the page is looked at anew."""

import json
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.worklist import doing, pages_forms, queries
from services.worklist.access import Permission, User, refuse, require, without_patients
from services.worklist.desk import Look
from services.worklist.doing import desk_of
from services.worklist.pages_case import Try, show_case
from services.worklist.pages_door import PageRoute, back_to, message, see
from services.worklist.pages_forms import Form, Shown
from services.worklist.pages_list import Said
from services.worklist.patient import patient_page
from services.worklist.problems import Problem
from services.worklist.views import PatientPage

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Acts = Annotated[User, Depends(require(Permission.SEE_PATIENTS, Permission.ACT))]

STALE = (
    "This case has changed since you opened the form, so nothing was entered yet. What you typed is kept: "
    "look at what is new, and press again if it still holds."
)
WRONG = "Nothing was entered yet: the form says what is missing. What you typed is kept."


# --- taken and given back -----------------------------------------------------------------------------------


@router.post("/c/{case}/take")
async def take(request: Request, user: Acts, case: str) -> Response:
    """Have the patient, so that no two people call."""
    form = await request.form()
    try:
        await doing.take(request, user, case, kind=str(form.get("kind") or "") or None)
    except Problem as problem:
        return _answer(request, case, form.get("back"), problem.body.detail, problem.body.status)
    return _answer(request, case, form.get("back"), "Taken: yours for now.")


@router.post("/c/{case}/release")
async def release(request: Request, user: Acts, case: str) -> Response:
    form = await request.form()
    await doing.release(request, user, case)
    return _answer(request, case, form.get("back"), "Released.")


def _answer(request: Request, case: str, back: object, sentence: str, status: int = 200) -> Response:
    """A script is told in a header, and looks at the list again by itself; without one the page is shown anew."""
    without_patients(request)
    if request.headers.get("hx-request"):
        said = {"said": {"words": sentence, "tone": "bad" if status >= 400 else "good"}}
        return Response(status_code=204, headers={"HX-Trigger": json.dumps(said)})
    if status >= 400:
        return message(request, status, sentence)
    return see(back_to(str(back or ""), f"/c/{case}"))


# --- forms --------------------------------------------------------------------------------------------------


@router.post("/c/{case}/{name}")
async def enter(request: Request, user: Acts, case: str, name: str) -> Response:
    """Enter what a form says, once; one that is wrong or stale comes back as it was typed."""
    form = pages_forms.BY_NAME.get(name)
    if form is None:
        return message(request, 404)
    if not user.may(Permission(form.needs)):
        await refuse(request, Permission(form.needs))
    sent = await request.form()
    typed = {key: value for key, value in sent.multi_items() if isinstance(value, str)}
    desk = desk_of(request)
    async with desk.look(user.name) as look:
        patient_id = await queries.patient_of(look, case)
        known = await patient_page(look, patient_id, case=case) if patient_id else None
        if patient_id is None or known is None:
            return message(request, 404)
        tried, said = _look_over(form, look, user, known, typed)
        if tried is not None:
            return await show_case(request, look, user, patient_id, case=case, tried=tried)
    try:
        done = await doing.do(request, user, case, said, key=typed.get("key") or None)
    except Problem as problem:
        tried = _refused(form, typed, problem)
        async with desk.look(user.name) as look:
            return await show_case(request, look, user, patient_id, case=case, tried=tried)
    without_patients(request)
    # A fragment of its own: else the browser keeps that of the form, and what came of it is out of sight.
    return see(f"/c/{case}?did={quote(done.action_id)}#main")


def _look_over(
    form: Form, look: Look, user: User, known: PatientPage, typed: dict[str, str]
) -> tuple[Try | None, dict[str, object]]:
    """What keeps a form from being taken, if anything; and what it says."""
    case = next(each for each in known.cases if each.case == known.case)
    said, errors = pages_forms.read(form, typed, zone=known.hours.zone, now=look.now)
    if errors:
        return Try(Shown(form, typed, errors, open=True), 422, (Said(WRONG, "bad"),)), {}
    if typed.get("seen") and typed["seen"] != pages_forms.seen(known, case, user.name):
        news = pages_forms.changed(known, case, user.name, _made(typed.get("made", "")))
        notice = Said(STALE, "warn", tuple(news))
        return Try(Shown(form, typed, {}, open=True), 409, (notice,)), {}
    return None, said


def _made(text: str) -> datetime:
    """When a form was made, as it says itself; long ago where it says nothing of use."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return datetime(2000, 1, 1, tzinfo=UTC)
    return at if at.tzinfo else datetime(2000, 1, 1, tzinfo=UTC)


def _refused(form: Form, typed: dict[str, str], problem: Problem) -> Try:
    names = {each.name for each in form.inputs}
    wrong = {each: problem.body.detail for each in problem.body.fields if each in names}
    notice = Said(problem.body.detail, "bad")
    return Try(
        Shown(form, typed, wrong or {"": problem.body.detail}, open=True), problem.body.status, (notice,)
    )
