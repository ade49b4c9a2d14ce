"""What time alone does to a deadline: the same as the claiming statements in SQL, for replay and for tests."""

from msgspec.structs import replace

from services.transitions.domain.model import DeadlineRow


def due(row: DeadlineRow) -> DeadlineRow:
    """The due time has come. Someone still has to act unless enough attempts were made."""
    return replace(
        row,
        status=row.becomes,
        settled_at=row.due_at,
        known_at=max(row.due_at, row.learned_at),
        owed=row.owed and row.becomes == "missed",
        revision=row.revision + 1,
    )


def warn(row: DeadlineRow, n: int) -> DeadlineRow:
    """The n-th warning, counted from one, has come true."""
    return replace(row, warned=n, warned_at=row.warnings[n - 1].at, revision=row.revision + 1)
