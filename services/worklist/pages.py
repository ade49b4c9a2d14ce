"""The pages: the list, a patient, the board, operations. Each is whole without scripts, and recorded before it is sent."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response

from schemas.encounters import Patient, Telecom
from services.worklist import pages_list, pages_pictures, queries
from services.worklist.access import Permission, User, record_view, require, without_patients
from services.worklist.desk import Look
from services.worklist.doing import desk_of
from services.worklist.pages_case import show_case
from services.worklist.pages_door import EVENTS, PageRoute, Searches, frame, message, see
from services.worklist.pages_list import Asked, Said
from services.worklist.pages_render import asset, page
from services.worklist.sql import SQL
from services.worklist.views import Filters, ListPage

PER_PAGE = 40
BOARD_ROWS = 6
BOARD_HOURS = 12
Word = Annotated[str, Query(max_length=200)]

router = APIRouter(route_class=PageRoute, include_in_schema=False)
searches = Searches()

SeesPatients = Annotated[User, Depends(require(Permission.SEE_PATIENTS))]
SeesBoard = Annotated[User, Depends(require(Permission.SEE_BOARD))]
SeesOperations = Annotated[User, Depends(require(Permission.SEE_OPERATIONS))]


@router.get("/static/{digest}/{name:path}")
async def static(request: Request, digest: str, name: str) -> Response:
    return asset(request, digest, name)


# --- the list -----------------------------------------------------------------------------------------------


@router.get("/")
async def show_list(
    request: Request, user: Annotated[User, Depends(require())], asked: Annotated[Asked, Query()]
) -> Response:
    """What is owed, soonest due first. Who sees no patients begins at what they see."""
    if not user.may(Permission.SEE_PATIENTS):
        return see("/operations" if user.may(Permission.SEE_OPERATIONS) else "/board")
    if any(value == "" for value in request.query_params.values()):
        return see(pages_list.address(asked.filters(), asked.search, after=asked.after))
    return await _list(request, user, asked.filters(), asked.search, asked.after)


async def _list(request: Request, user: User, filters: Filters, search: str, after: str) -> Response:
    q = searches.find(user.name, search) if search else None
    notices = []
    if search and q is None:
        notices.append(Said("This search is not kept any more: type it again.", "warn"))
    filters = filters.model_copy(update={"q": q})
    async with desk_of(request).look(user.name) as look:
        found = await queries.page(look, filters, limit=PER_PAGE, after=after or None)
        people = await queries.search(look, q) if q else ()
        choices = await queries.choices(look)
        first = pages_list.to_call(found.items, user.name) if not after else None
        phones: tuple[Telecom, ...] = ()
        if first is not None and "handoff" not in first.kind:
            document = await look.db.fetchval(SQL["patient"], first.patient_id)
            phones = Patient.model_validate_json(document).telecom[:2] if document else ()
        await record_view(
            request,
            "list",
            patients=[*(each.patient_id for each in found.items), *(each.patient_id for each in people)],
            cases=[each.case for each in found.items],
            fields=("name", "number", "birth_date", "language", "telecom"),
            db=look.db,
        )
        upcoming = None
        if first is not None:
            why = pages_list.why(first, found.items, user.name, look.now)
            upcoming = pages_list.Next(first, why, phones)
        shown = _listed(look, filters, found, search or None, after)
    return page(
        "list.html",
        **frame(request, "list"),
        **shown,
        notices=notices,
        choices=pages_list.picks(choices, filters),
        found=people,
        next=upcoming,
        searched=q,
    )


def _listed(look: Look, filters: Filters, found: ListPage, search: str | None, after: str) -> dict[str, Any]:
    bare = pages_list.address(filters, search)
    return {
        "title": pages_list.title(filters, filters.q),
        "events": f"{EVENTS}?after={look.change}",
        "team": filters.team,
        "unit": filters.unit,
        "address": pages_list.address(filters, search, after=after or None),
        "views": pages_list.tabs(filters, found, search),
        "narrowed": pages_list.narrowed(filters),
        "flags": [(name, pages_list.LABELS[name], getattr(filters, name)) for name in pages_list.FLAGS],
        "search": search,
        "export": pages_list.address(filters).replace("/", "/api/v1/list.csv", 1),
        "items": found.items,
        "first_page": bare if after else None,
        "next_page": pages_list.address(filters, search, after=found.next) if found.next else None,
        "now": look.now,
        "zone": found.items[0].hours.zone if found.items else look.contact.hours(None, look.now).zone,
    }


@router.post("/search")
async def keep_search(
    request: Request, user: SeesPatients, q: Annotated[str, Form(max_length=20_000)] = ""
) -> Response:
    """Keep what is searched for on this side, and look at the list under it."""
    without_patients(request)
    text = q.strip()
    return see(pages_list.address(Filters(), searches.keep(user.name, text))) if text else see("/")


# --- a patient ----------------------------------------------------------------------------------------------


@router.get("/c/{case}")
async def show_case_page(request: Request, user: SeesPatients, case: str) -> Response:
    """What an alert leads to."""
    async with desk_of(request).look(user.name) as look:
        patient_id = await queries.patient_of(look, case)
        if patient_id is None:
            return message(request, 404)
        return await show_case(request, look, user, patient_id, case=case)


@router.get("/p/{patient_id}")
async def show_patient(request: Request, user: SeesPatients, patient_id: UUID) -> Response:
    async with desk_of(request).look(user.name) as look:
        return await show_case(request, look, user, patient_id, case=None)


# --- the board and operations -------------------------------------------------------------------------------


@router.get("/board")
async def show_board(
    request: Request, user: SeesBoard, unit: Word = "", team: Word = "", facility: Word = ""
) -> Response:
    """The wall view: no name; initials where the setting allows them."""
    filters = Filters(unit=unit or None, team=team or None, facility=facility or None)
    desk = desk_of(request)
    initials = desk.settings.worklist_board_names == "initials"
    async with desk.look(user.name) as look:
        board = await queries.board(look, filters, hours=BOARD_HOURS, names=initials)
        choices = await queries.choices(look)
        if initials:
            shown = [*board.overdue[:BOARD_ROWS], *board.next[:BOARD_ROWS]]
            people = [each.patient_id for each in shown]
            await record_view(request, "board", patients=people, fields=("initials",), db=look.db)
        else:
            without_patients(request)
        zone = next(
            (each.hours.zone for each in (*board.overdue, *board.next)),
            look.contact.hours(None, look.now).zone,
        )
    return page(
        "board.html",
        **frame(request, "board"),
        board=board,
        title=" · ".join(filter(None, (unit, team, facility))) or "All units",
        address=pages_list.address(filters).replace("/", "/board", 1),
        events=f"{EVENTS}?after={look.change}",
        team=team,
        unit=unit,
        places=_places(choices, filters),
        columns=pages_pictures.columns(board.hours, look.now, BOARD_HOURS, zone),
        soon=pages_pictures.due_soon(board.next, look.now),
        firing=sum(1 for each in board.alerts if each.status == "firing"),
        parts=(
            ("Overdue", board.overdue, board.counts.overdue, "Nothing is overdue."),
            ("Next", board.next, board.counts.total - board.counts.overdue, "Nothing falls due."),
        ),
        rows=BOARD_ROWS,
        initials=initials,
        now=look.now,
        zone=zone,
    )


def _places(choices: Any, filters: Filters) -> list[dict[str, Any]]:
    """The units and teams to look at, where there is more than one."""
    found = [
        {"words": "All", "count": "", "address": "/board", "current": not (filters.unit or filters.team)}
    ]
    for name, values in (("team", choices.teams), ("unit", choices.units)):
        if len(values) < 2:
            continue
        for each in values[:20]:
            there = Filters(**{name: each.value})
            address = pages_list.address(there).replace("/", "/board", 1)
            current = getattr(filters, name) == each.value
            found.append({"words": each.value, "count": each.items, "address": address, "current": current})
    return found if len(found) > 1 else []


@router.get("/operations")
async def show_operations(request: Request, user: SeesOperations) -> Response:
    """Feeds, lag, deadlines, alerts and what was entered: nothing of any patient."""
    without_patients(request)
    async with desk_of(request).look(user.name) as look:
        ops = await queries.operations(look)
    behind = [each.behind_seconds for each in ops.lag if each.behind_seconds is not None]
    return page(
        "operations.html",
        **frame(request, "operations"),
        ops=ops,
        now=look.now,
        events=f"{EVENTS}?after={look.change}" if user.may(Permission.SEE_BOARD) else "",
        worst=max(behind, default=None),
        deadlines=pages_pictures.meters(ops.deadlines),
        alerts=pages_pictures.meters(ops.alerts),
        actions=pages_pictures.meters(ops.actions),
    )
