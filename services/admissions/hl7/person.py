"""PID, PD1, NK1, ROL and PRT: what a message says of the person."""

from datetime import date

from msgspec import UNSET, UnsetType

from services.admissions.domain.model import Demographics, NextOfKin, Phone, Text
from services.admissions.hl7.datatypes import clinician, person_name, phones, written
from services.admissions.hl7.dialect import Dialect
from services.admissions.hl7.er7 import Segments

_DEAD = frozenset({"Y", "YES", "TRUE", "1", "D", "DEAD", "DECEASED", "EXPIRED", "DIED"})
_ALIVE = frozenset({"N", "NO", "FALSE", "0", "A", "ALIVE", "LIVING"})
_DELETE = frozenset({"DE", "D", "DELETE"})

_NOBODY = frozenset({"UNKNOWN", "UNIDENTIFIED", "DOE", "BABY", "BABYBOY", "BABYGIRL", "NEWBORN", "INFANT"})
_NOBODYS_BIRTHDAY = date(1900, 1, 1)


def read(
    pid: list[str], segments: Segments, dialect: Dialect, name: tuple[str, str]
) -> tuple[Demographics, list[str]]:
    """Demographics by chapter 3, without the time of death: empty keeps, null deletes, lists replace lists.

    With them come words for what could not be read.
    """
    flags: list[str] = []
    dead = _dead(pid[29], pid[30], dialect, flags) if pid[29] or pid[30] else UNSET
    said = Demographics(
        name=written(*name) or (None if dialect.is_null(pid[5]) else UNSET),
        birth_date=_birth_date(pid[7], dialect, flags),
        sex=dialect.coded(pid[8]),
        language=_language(pid[15], dialect),
        telecom=_telecom(pid, dialect),
        caregivers=_caregivers(segments["NK1"], dialect) if "NK1" in segments else UNSET,
        primary_care_provider=_primary_care(segments, dialect),
        dead=dead,
    )
    return said, flags


def is_placeholder(name: tuple[str, str], birth_date: date | None | UnsetType) -> bool:
    """Whether the name or the birth date stands for a person not known yet, or not named: nobody to link by."""
    words = {word for part in name for word in part.upper().replace("-", " ").split()}
    return birth_date == _NOBODYS_BIRTHDAY or bool(words & _NOBODY)


def _birth_date(field: str, dialect: Dialect, flags: list[str]) -> date | None | UnsetType:
    """PID-7: its date as written; an offset or a zone never moves a birthday."""
    raw = dialect.coded(field)
    if not raw:
        return None if raw is None else UNSET
    day = raw[:8]
    try:
        if len(day) == 8 and day.isdecimal():
            return date.fromisoformat(day)
    except ValueError:
        pass
    flags.append("unreadable_time:PID-7")
    return UNSET


def _language(field: str, dialect: Dialect) -> Text:
    stated = dialect.coded(field)
    if stated is UNSET and field:
        # Free text is common: a name of the language without its code.
        return dialect.first_leaves(field)[1] or UNSET
    return stated


def _dead(at: str, indicator: str, dialect: Dialect, flags: list[str]) -> bool | None | UnsetType:
    """PID-30, or a value in PID-29, which says the same without the indicator."""
    stated = dialect.coded(indicator)
    if isinstance(dialect.coded(at), str):
        return True
    if not stated:
        return None if stated is None else UNSET
    word = stated.upper()
    if word in _DEAD:
        return True
    if word in _ALIVE:
        return False
    flags.append("unreadable_code:PID-30")
    return UNSET


def _telecom(pid: list[str], dialect: Dialect) -> tuple[Phone, ...] | None | UnsetType:
    """PID-40 where a 2.7 sender fills it, else home (PID-13) and business (PID-14) numbers."""
    if pid[40] and (found := phones(pid[40], dialect)):
        return tuple(found)
    if not (pid[13] or pid[14]):
        return None if pid[40] and dialect.is_null(pid[40]) else UNSET
    found = phones(pid[13], dialect)
    if pid[14]:
        found += phones(pid[14], dialect)
    if found:
        return tuple(found)
    return None if dialect.is_null(pid[13]) or dialect.is_null(pid[14]) else UNSET


def _caregivers(lines: list[str], dialect: Dialect) -> tuple[NextOfKin, ...] | None | UnsetType:
    """All NK1 segments together are the list; NK1-2 null in every one of them empties it."""
    found = []
    for line in lines:
        fields = dialect.fields(line)
        name = written(*person_name(fields[2], dialect)) or None
        reached_by = phones(fields[5], dialect)
        for number in (6, 40):
            if fields[number]:
                reached_by += phones(fields[number], dialect)
        relationship = _word(fields[3], dialect)
        if name or relationship or reached_by:
            language = dialect.coded(fields[20]) or None
            found.append(NextOfKin(name, relationship, tuple(reached_by), language))
    if found:
        return tuple(found)
    return None if any(dialect.is_null(dialect.fields(line)[2]) for line in lines) else UNSET


def _word(field: str, dialect: Dialect) -> str | None:
    """A coded element's identifier, else its text."""
    if not field:
        return None
    code, text = dialect.first_leaves(field)[:2]
    return code or text or None


def _primary_care(segments: Segments, dialect: Dialect) -> Text:
    """PD1-4; since it was withdrawn in 2.7 the role PP of a ROL (ROL-3) or PRT (PRT-4) says it."""
    if "PD1" in segments:
        field = dialect.fields(segments["PD1"][0])[4]
        if field and (stated := clinician(field, dialect)):
            return stated
        if field and dialect.is_null(field):
            return None
    for segment, role, person in (("ROL", 3, 4), ("PRT", 4, 5)):
        for line in segments.get(segment, ()):
            fields = dialect.fields(line)
            action = dialect.coded(fields[2])
            if dialect.coded(fields[role]) != "PP" or (action and action.upper() in _DELETE):
                continue
            if stated := clinician(fields[person], dialect):
                return stated
    return UNSET
