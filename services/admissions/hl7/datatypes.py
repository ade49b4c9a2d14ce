"""The composite data types of chapter 2A that ADT needs: CX, XPN, XCN, XTN, PL."""

from services.admissions.domain.model import Phone, Place
from services.admissions.hl7.dialect import Dialect


def person_name(field: str, dialect: Dialect) -> tuple[str, str]:
    """XPN: (family, given names and suffix) of the legal name among the repetitions.

    A repetition typed L (XPN.7) is the legal name; else one without a type; else the first that is no alias.
    """
    best: list[str] | None = None
    best_rank = 9
    for repetition in dialect.repetitions(field):
        parts = dialect.components(repetition)
        kind = dialect.first(parts[6]).upper()
        rank = _NAME_RANKS.get(kind, 2)
        if rank < best_rank and (dialect.first(parts[0]) or dialect.first(parts[1])):
            best, best_rank = parts, rank
            if not rank:
                break
    if best is None:
        return "", ""
    given = [leaf for part in best[1:4] if part and (leaf := dialect.first(part))]
    return dialect.first(best[0]), " ".join(given)


_NAME_RANKS = {"L": 0, "": 1, "A": 3, "N": 3, "S": 3, "B": 3, "M": 3, "P": 3, "BAD": 4}


def written(family: str, given: str) -> str:
    """A name as lists show it: family first."""
    return f"{family}, {given}" if family and given else family or given


def clinician(field: str, dialect: Dialect) -> str:
    """XCN, first repetition: name with the identifier in brackets, or whichever of the two there is."""
    if dialect.repetition in field:
        field = field[: field.index(dialect.repetition)]
    parts = dialect.components(field)
    number = dialect.first(parts[0])
    given = [leaf for part in parts[2:4] if part and (leaf := dialect.first(part))]
    name = written(dialect.first(parts[1]), " ".join(given))
    return f"{name} ({number})" if name and number else name or number


def place(field: str, dialect: Dialect) -> Place | None:
    """PL: point of care, room, bed and facility; None where none of them is filled."""
    if dialect.repetition in field:
        field = field[: field.index(dialect.repetition)]
    parts = dialect.components(field)
    unit, room, bed = dialect.first(parts[0]), dialect.first(parts[1]), dialect.first(parts[2])
    facility = dialect.named(parts[3])
    if not (unit or room or bed or facility):
        return None
    return Place(unit or None, room or None, bed or None, facility or None)


def phones(field: str, dialect: Dialect) -> list[Phone]:
    """XTN: every repetition that names a number or an address, in the order sent."""
    return [phone for repetition in dialect.repetitions(field) if (phone := _phone(repetition, dialect))]


def _phone(repetition: str, dialect: Dialect) -> Phone | None:
    parts = dialect.components(repetition)
    use, equipment = dialect.first(parts[1]) or None, dialect.first(parts[2]) or None
    # XTN.1 until 2.6, its parts since; XTN.12 is what somebody typed; XTN.4 the address of an Internet entry.
    number = dialect.first(parts[0]) or _assembled(parts, dialect) or dialect.first(parts[11])
    number = number or dialect.first(parts[3])
    return Phone(number, use, equipment) if number else None


def _assembled(parts: list[str], dialect: Dialect) -> str:
    local = dialect.first(parts[6])
    if not local:
        return ""
    country, area, extension = dialect.first(parts[4]), dialect.first(parts[5]), dialect.first(parts[7])
    country = f"+{country}" if country.isdecimal() else country
    return f"{country}{area}{local}" + (f" x{extension}" if extension else "")
