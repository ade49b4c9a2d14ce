"""The HTTP API, version 1: the same read model and the same acts as the pages, for programs."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import Field

from schemas.actions import ACTION
from services.worklist import doing, export, queries
from services.worklist.access import Permission, User, record_view, require, without_patients
from services.worklist.acts import OURS
from services.worklist.desk import Look
from services.worklist.doing import desk_of
from services.worklist.patient import patient_page
from services.worklist.problems import MEDIA_TYPE, ProblemBody, not_found
from services.worklist.views import (
    PAGE_MAX,
    ActionView,
    AlertView,
    BoardView,
    Choices,
    Counts,
    Filters,
    Found,
    Item,
    ListPage,
    Narrowed,
    OpsView,
    PatientPage,
    Taken,
    View,
    Word,
)

_PROBLEM = {MEDIA_TYPE: {"schema": ProblemBody.model_json_schema()}}


def _problems(**said: str) -> dict[int | str, dict[str, Any]]:
    return {int(status[1:]): {"description": text, "content": _PROBLEM} for status, text in said.items()}


router = APIRouter(
    prefix="/api/v1",
    tags=["worklist"],
    responses=_problems(
        _400="The request is not as it should be.",
        _401="Nobody has signed in.",
        _403="The person may not do this, or the request came from elsewhere.",
        _422="The request is not as it should be; `fields` names what.",
        _429="Too many requests; Retry-After says when to come again.",
        _500="Something went wrong, and nothing is shown.",
        _503="The database is slow or away; Retry-After says when to come again.",
    ),
)
_404 = _problems(_404="There is no such thing here.")
_409 = _404 | _problems(_409="It cannot be done as things stand.")

Reader = Annotated[User, Depends(require(Permission.SEE_PATIENTS))]
Actor = Annotated[User, Depends(require(Permission.ACT))]
Case = Annotated[str, Path(pattern=r"^[A-Za-z0-9]{6,12}$", description="The public id of a case.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="Chosen by the client: the same key again is the same action, however often it is sent.",
    ),
]


class ListQuery(Narrowed):
    """The filters, how many items, and behind which place."""

    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 50
    after: Annotated[str, Field(max_length=200)] | None = None


class ListBody(ListQuery, Filters):
    """The same and a search."""


class SearchBody(View):
    """A patient's name or number, or a case, by the beginnings of its words."""

    q: Annotated[str, Field(max_length=20_000)]


class BoardQuery(Narrowed):
    """The filters, and for how many hours ahead."""

    hours: Annotated[int, Field(ge=1, le=72)] = 12


class TakeBody(View):
    """What is taken: a deadline kind of the case; left out, what is owed first."""

    kind: Word | None = None


class Released(View):
    """Whether anything was given back."""

    released: bool


async def shown(request: Request, what: str, items: Sequence[Item], look: Look) -> None:
    """Record that these items were shown."""
    patients = [item.patient_id for item in items]
    await record_view(request, what, patients=patients, cases=[item.case for item in items], db=look.db)


@router.get("/list", responses=_404)
async def get_list(request: Request, user: Reader, query: Annotated[ListQuery, Query()]) -> ListPage:
    """What is owed, soonest due first, a page at a time."""
    return await _list(request, user, query)


@router.post("/list", responses=_404)
async def search_list(request: Request, user: Reader, body: ListBody) -> ListPage:
    """The same of the patients whose name, number or case is searched for: by POST, to keep names out of addresses."""
    return await _list(request, user, body)


async def _list(request: Request, user: User, asked: ListQuery) -> ListPage:
    filters = _filters(asked)
    async with desk_of(request).look(user.name) as look:
        found = await queries.page(look, filters, limit=asked.limit, after=asked.after)
        await shown(request, "list", found.items, look)
    return found


def _filters(asked: Narrowed) -> Filters:
    return Filters(**asked.model_dump(include=set(Filters.model_fields)))


@router.get(
    "/list.csv",
    response_class=Response,
    responses={
        200: {"description": "The list as CSV.", "content": {"text/csv": {"schema": {"type": "string"}}}}
    },
)
async def get_export(
    request: Request,
    user: Annotated[User, Depends(require(Permission.SEE_PATIENTS, Permission.EXPORT))],
    query: Annotated[Narrowed, Query()],
) -> Response:
    """The list as CSV, from its beginning; cut where BATON_WORKLIST_EXPORT_MAX says, and then X-Truncated is true."""
    return await export.response(request, desk_of(request), user, _filters(query))


@router.get("/counts", dependencies=[Depends(without_patients)])
async def get_counts(request: Request, user: Reader, query: Annotated[Narrowed, Query()]) -> Counts:
    """How much is owed under these filters."""
    async with desk_of(request).look(user.name) as look:
        return await queries.counts(look, _filters(query))


@router.get("/choices", dependencies=[Depends(without_patients)])
async def get_choices(request: Request, user: Reader) -> Choices:
    """The words the list can be filtered by."""
    async with desk_of(request).look(user.name) as look:
        return await queries.choices(look)


@router.post("/patients/search")
async def find_patients(request: Request, user: Reader, body: SearchBody) -> list[Found]:
    """Patients by the beginnings of names, numbers or cases; at most twenty. By POST: an address may hold no name."""
    async with desk_of(request).look(user.name) as look:
        found = await queries.search(look, body.q)
        cases = [one.case for one in found if one.case]
        await record_view(
            request, "search", patients=[one.patient_id for one in found], cases=cases, db=look.db
        )
    return list(found)


@router.get("/patients/{patient_id}", responses=_404)
async def get_patient(request: Request, user: Reader, patient_id: UUID) -> PatientPage:
    """Everything about one patient."""
    return await _patient(request, user, patient_id, None)


@router.get("/cases/{case}", responses=_404)
async def get_case(request: Request, user: Reader, case: Case) -> PatientPage:
    """Everything about the patient of a case."""
    return await _patient(request, user, None, case)


async def _patient(request: Request, user: User, patient_id: UUID | None, case: str | None) -> PatientPage:
    async with desk_of(request).look(user.name) as look:
        if patient_id is None and case is not None:
            patient_id = await queries.patient_of(look, case)
        sensitive = user.may(Permission.SEE_SENSITIVE)
        found = await patient_page(look, patient_id, case=case, sensitive=sensitive) if patient_id else None
        if found is None:
            without_patients(request)
            raise not_found("patient" if case is None else "case")
        cases = [one.case for one in found.cases]
        fields = sorted(type(found.person).model_fields)
        await record_view(
            request, "patient", patients=[found.person.patient_id], cases=cases, fields=fields, db=look.db
        )
    return found


def _action_schema() -> dict[str, Any]:
    """The actions as they are entered: without what the worklist fills in."""
    whole = ACTION.json_schema()
    actions = [whole["$defs"][one["$ref"].rpartition("/")[2]] for one in whole["oneOf"]]
    said = []
    for one in actions:
        properties = {name: about for name, about in one["properties"].items() if name not in OURS}
        required = [name for name in one.get("required", ()) if name not in OURS]
        said.append(_inlined(one | {"properties": properties, "required": required}, whole["$defs"]))
    return {"oneOf": said, "discriminator": {"propertyName": "type"}}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(one, definitions) for name, one in schema.items()}


@router.post(
    "/cases/{case}/actions",
    status_code=202,
    responses=_409,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": _action_schema()}}}
    },
)
async def post_action(
    request: Request, user: Actor, case: Case, said: Annotated[dict[str, Any], Body()], key: Key = None
) -> ActionView:
    """Enter what was done. It waits until Kafka has it, and is pending until transitions says what became of it."""
    return await doing.do(request, user, case, said, key=key)


@router.post("/cases/{case}/take", responses=_409)
async def post_take(request: Request, user: Actor, case: Case, body: TakeBody | None = None) -> Taken:
    """Have the patient for a while, so that nobody else calls; again, for longer. 409 where somebody else has."""
    return await doing.take(request, user, case, kind=body.kind if body else None)


@router.post("/cases/{case}/release", responses=_409, dependencies=[Depends(without_patients)])
async def post_release(request: Request, user: Actor, case: Case) -> Released:
    """Give the patient back."""
    return Released(released=await doing.release(request, user, case))


@router.get("/alerts")
async def get_alerts(
    request: Request,
    user: Annotated[User, Depends(require(Permission.SEE_BOARD))],
    team: Annotated[Word | None, Query()] = None,
) -> list[AlertView]:
    """Alerts that are not over, the newest first; at most a hundred."""
    async with desk_of(request).look(user.name) as look:
        found = await queries.alerts(look, team=team)
        await record_view(request, "alerts", cases=[one.case for one in found if one.case], db=look.db)
    return list(found)


@router.get("/board")
async def get_board(
    request: Request,
    user: Annotated[User, Depends(require(Permission.SEE_BOARD))],
    query: Annotated[BoardQuery, Query()],
) -> BoardView:
    """The wall view: the next hours, what is overdue, who holds what; cases, and nothing of whom."""
    filters = _filters(query)
    async with desk_of(request).look(user.name) as look:
        found = await queries.board(look, filters, hours=query.hours)
        await shown(request, "board", (*found.overdue, *found.next), look)
    return found


@router.get("/operations", dependencies=[Depends(without_patients)])
async def get_operations(
    request: Request, user: Annotated[User, Depends(require(Permission.SEE_OPERATIONS))]
) -> OpsView:
    """Feeds, lag, deadlines, alerts and refusals; nothing of any patient."""
    async with desk_of(request).look(user.name) as look:
        return await queries.operations(look)


@router.get(
    "/events",
    response_class=StreamingResponse,
    dependencies=[Depends(without_patients)],
    responses={
        200: {
            "description": "Server-sent events.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def get_events(
    request: Request,
    _: Annotated[User, Depends(require(Permission.SEE_BOARD))],
    after: Annotated[
        str | None, Query(max_length=40, description="The `change` of the page that listens.")
    ] = None,
    last_event_id: Annotated[str | None, Header(max_length=40)] = None,
) -> StreamingResponse:
    """What changes, as it changes: `change` with the cases, patients, teams and units it touched, or `reload`."""
    desk = desk_of(request)
    stream: AsyncIterator[bytes] = desk.live.stream(desk.pool, _number(last_event_id or after))
    return StreamingResponse(
        stream,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _number(text: str | None) -> int | None:
    """The number of a change; -1, which none has, for what is no number."""
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else -1


@router.get("/openapi.json", include_in_schema=False, dependencies=[Depends(without_patients)])
async def get_openapi(request: Request) -> JSONResponse:
    """The description of this API."""
    return JSONResponse(request.app.openapi())
