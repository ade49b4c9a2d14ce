"""The composite data types of chapter 2A that ADT needs: XPN, XCN, XTN, PL."""

from functools import lru_cache

from services.admissions.domain.model import Phone, Place
from services.admissions.hl7.dialect import Dialect

# XPN.7, table 0200: the legal name before one without a type, before any other name, before an alias.
_NAME_RANKS = {"L": 0, "": 1, "A": 3, "N": 3, "S": 3, "B": 3, "M": 3, "P": 3, "BAD": 4}


def person_name(field: str, dialect: Dialect) -> tuple[str, str]:
    """XPN: (family, given names and suffix) of the legal name among the repetitions."""
    best: list[str] | None = None
    best_rank = 9
    for repetition in dialect.repetitions(field):
        parts = dialect.leaves(repetition)
        rank = _NAME_RANKS.get(parts[6].upper(), 2)
        if rank < best_rank and (parts[0] or parts[1]):
            best, best_rank = parts, rank
            if not rank:
                break
    return ("", "") if best is None else (best[0], _joined(best[1:4]))


def _joined(parts: list[str]) -> str:
    return " ".join(filter(None, parts))


def written(family: str, given: str) -> str:
    """A name as lists show it: family first."""
    return f"{family}, {given}" if family and given else family or given


# A hospital has some hundreds of clinicians and beds, and every message repeats them.
@lru_cache(maxsize=4096)
def clinician(field: str, dialect: Dialect) -> str:
    """XCN, first repetition: name with the identifier in brackets, or whichever of the two there is."""
    parts = dialect.first_leaves(field)
    name = written(parts[1], _joined(parts[2:4]))
    return f"{name} ({parts[0]})" if name and parts[0] else name or parts[0]


@lru_cache(maxsize=4096)
def place(field: str, dialect: Dialect) -> Place | None:
    """PL: point of care, room, bed and facility; None where none of them is filled."""
    field = dialect.first_repetition(field)
    parts = dialect.leaves(field)
    facility = dialect.authority(field, parts)
    if not (facility or any(parts[:3])):
        return None
    return Place(parts[0] or None, parts[1] or None, parts[2] or None, facility or None)


def phones(field: str, dialect: Dialect) -> list[Phone]:
    """XTN: every repetition that names a number or an address, in the order sent."""
    found = []
    for repetition in dialect.repetitions(field):
        parts = dialect.leaves(repetition)
        # XTN.1 until 2.6, its parts since; XTN.12 is what somebody typed, XTN.4 an address of the Internet.
        number = parts[0] or (_assembled(parts) if parts[6] else "") or parts[11] or parts[3]
        if number:
            found.append(Phone(number, parts[1] or None, parts[2] or None))
    return found


def _assembled(parts: list[str]) -> str:
    country, area, local, extension = parts[4:8]
    number = f"{country}{area}{local}"
    if country.isdecimal():
        number = f"+{number}"
    return f"{number} x{extension}" if extension else number
