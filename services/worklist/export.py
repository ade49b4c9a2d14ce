"""The list as CSV: a page of it at a time, so that an export of everything is no more work at once than a page."""

import csv
import io
from collections.abc import AsyncIterator, Iterable

from fastapi import Request
from fastapi.responses import StreamingResponse

from schemas.base import iso
from services.worklist import queries
from services.worklist.access import Action, User, record_view
from services.worklist.desk import Desk
from services.worklist.views import Filters, Item, ListPage

CHUNK = 500
COLUMNS = (
    "due_at", "overdue", "late_known", "kind", "status", "severity", "team", "facility", "unit", "programme", "case",
    "name", "number", "birth_date", "language", "visit_number", "taken_by", "because",
)  # fmt: skip


async def response(request: Request, desk: Desk, user: User, filters: Filters) -> StreamingResponse:
    """The export as it is sent; each part is recorded in the audit before it leaves."""
    most = desk.settings.worklist_export_max
    first = await _part(request, desk, user, filters, min(CHUNK, most), None)
    headers = {
        "Content-Disposition": 'attachment; filename="worklist.csv"',
        "Cache-Control": "no-store",
        "X-Truncated": "true" if first.counts.total > most else "false",
    }

    async def lines() -> AsyncIterator[str]:
        yield ",".join(COLUMNS) + "\r\n"
        part, left = first, most
        while True:
            yield text_of(part.items)
            left -= len(part.items)
            if part.next is None or left <= 0:
                return
            part = await _part(request, desk, user, filters, min(CHUNK, left), part.next)

    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)


async def _part(
    request: Request, desk: Desk, user: User, filters: Filters, limit: int, after: str | None
) -> ListPage:
    async with desk.look(user.name) as look:
        found = await queries.page(look, filters, limit=limit, after=after)
        await record_view(
            request,
            "export",
            patients=[item.patient_id for item in found.items],
            cases=[item.case for item in found.items],
            fields=COLUMNS,
            action=Action.EXPORT,
            db=look.db,
        )
    return found


def text_of(items: Iterable[Item]) -> str:
    """Lines of CSV."""
    out = io.StringIO()
    writer = csv.writer(out)
    for item in items:
        said = item.model_dump() | {
            "taken_by": item.taken.by if item.taken else None,
            "due_at": iso(item.due_at),
        }
        writer.writerow([_cell(said[name]) for name in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> str:
    """Text that a spreadsheet takes for text, whatever a name begins with."""
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
