"""Reading the read model: one function a question; each takes a Look and gives views."""

from typing import NoReturn
from uuid import UUID

from services.worklist.desk import Look
from services.worklist.views import (
    AlertView,
    BoardView,
    Choices,
    Counts,
    Filters,
    Found,
    ListPage,
    OpsView,
    PatientPage,
)


async def page(look: Look, filters: Filters, *, limit: int = 50, after: str | None = None) -> ListPage:
    """The open items under these filters, soonest due first, behind the cursor `after` (a Problem where it is none)."""
    _soon(look, filters, limit, after)


async def counts(look: Look, filters: Filters) -> Counts:
    """How many open items there are under these filters."""
    _soon(look, filters)


async def choices(look: Look) -> Choices:
    """The words the list can be filtered by."""
    _soon(look)


async def search(look: Look, q: str, *, limit: int = 20) -> tuple[Found, ...]:
    """Patients whose names, numbers or cases begin with the words of `q`, whether or not anything is owed."""
    _soon(look, q, limit)


async def patient_of(look: Look, case: str) -> UUID | None:
    """The patient of a case, by its public id: what /c/<case> resolves to."""
    _soon(look, case)


async def patient_page(look: Look, patient_id: UUID, *, case: str | None = None) -> PatientPage | None:
    """Everything about one patient; None where nobody is known by this id."""
    _soon(look, patient_id, case)


async def alerts(look: Look, *, team: str | None = None, limit: int = 100) -> tuple[AlertView, ...]:
    """Alerts that fire or are answered and not over, the newest first."""
    _soon(look, team, limit)


async def board(look: Look, filters: Filters, *, hours: int = 12) -> BoardView:
    """The wall view of what the filters leave."""
    _soon(look, filters, hours)


async def operations(look: Look) -> OpsView:
    """The main pictures for an operator."""
    _soon(look)


def _soon(*_: object) -> NoReturn:
    raise NotImplementedError
