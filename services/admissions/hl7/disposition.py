"""PV1-36: from what a hospital writes to the UB-04 discharge status code and its category."""

from msgspec import UNSET, Struct, UnsetType

from schemas.reference.dispositions import dispositions
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import DispositionCode
from services.admissions.hl7.dialect import Dialect

UNCONFIRMED = "disposition_unconfirmed"
UNKNOWN = DispositionCode(None, "unknown")
STILL_PATIENT = "30"


class DispositionRules(Struct, frozen=True, gc=False):
    """A feed's own words, and every code of the table as the event states it."""

    words: dict[str, DispositionCode]
    codes: dict[str, DispositionCode]


def rules_of(profile: FeedProfile) -> DispositionRules:
    codes = {
        code: DispositionCode(code, entry.category, entry.twin_of is not None)
        for code, entry in dispositions().items()
    }
    words = {word.strip().casefold(): by_code(code, codes) for word, code in profile.disposition_map.items()}
    return DispositionRules(words, codes)


def by_code(raw: str, codes: dict[str, DispositionCode]) -> DispositionCode:
    """The code with its leading zero restored; reserved and obsolete numbers are unknown."""
    digits = raw.strip()
    if not (digits.isascii() and digits.isdecimal()):
        return UNKNOWN
    return codes.get((digits.lstrip("0") or "0").zfill(2), UNKNOWN)


def read(field: str, dialect: Dialect, rules: DispositionRules) -> DispositionCode | None | UnsetType:
    """What PV1-36 states: the feed's map first (code, then text), else the code itself."""
    if not field:
        return UNSET
    code, text = dialect.first_leaves(field)[:2]
    if not (code or text):
        return None if dialect.is_null(field) else UNSET
    if rules.words:
        for word in (code, text):
            if word and (mapped := rules.words.get(word.casefold())) is not None:
                return mapped
    return by_code(code, rules.codes)
