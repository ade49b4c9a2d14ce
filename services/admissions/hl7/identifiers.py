"""PID-3, PID-18, PV1-19 and MRG: which of the identifiers sent names the patient, the account and the visit."""

from msgspec import Struct

from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import PatientKey, VisitKey
from services.admissions.hl7.dialect import Dialect

MEDICAL_RECORD = "MR"

# Table 0203: social security numbers have no place in this system, wherever they are sent.
_NEVER_KEPT = frozenset({"SS", "SSN"})
_LAST = 1_000_000
# CX.1 is 15 characters by the standard, and 250 is a field gone wrong: no key to remember anybody by.
_TOO_LONG = 250


class IdentifierRules(Struct, frozen=True, gc=False):
    """What a feed profile says of identifiers, prepared for look-up."""

    type_ranks: dict[str, int]
    authority_ranks: dict[str, int]
    default_authority: str | None
    untyped_rank: int | None
    in_pid2: bool
    strip_zeros: bool
    enterprise_types: frozenset[str] = frozenset()


def rules_of(profile: FeedProfile) -> IdentifierRules:
    ranks: dict[str, int] = {}
    for rank, kind in enumerate(profile.mrn_types):
        ranks.setdefault(kind.strip().upper(), rank)
    return IdentifierRules(
        type_ranks={kind: rank for kind, rank in ranks.items() if kind},
        authority_ranks={name.strip(): rank for rank, name in enumerate(profile.mrn_authorities)},
        default_authority=profile.default_authority,
        untyped_rank=ranks.get(""),
        in_pid2=profile.mrn_in_pid2,
        strip_zeros=profile.strip_leading_zeros,
        enterprise_types=frozenset(kind.strip().upper() for kind in profile.enterprise_types if kind.strip()),
    )


class Identifiers:
    """Reads the identifiers of one message under the rules of its feed."""

    __slots__ = ("default_authority", "dialect", "rules")

    def __init__(self, dialect: Dialect, rules: IdentifierRules, sending_facility: str) -> None:
        self.dialect = dialect
        self.rules = rules
        self.default_authority = rules.default_authority or sending_facility

    def patient(self, pid2: str, pid3: str) -> tuple[PatientKey | None, tuple[PatientKey, ...]]:
        """The patient's key and all identifiers sent, best first; never by the order of repetitions."""
        ranked = self._ranked(pid3)
        if self.rules.in_pid2 and pid2:
            outer = self._ranked(pid2)
            usable = [entry for entry in outer if entry[0][0] < _LAST]
            ranked = usable + ranked + [entry for entry in outer if entry not in usable]
        if not ranked:
            return None, ()
        if len(ranked) == 1:
            rank, key = ranked[0]
            return (key if rank[0] < _LAST else None), (key,)
        keys = tuple(dict.fromkeys(key for _, key in ranked))
        return (ranked[0][1] if ranked[0][0][0] < _LAST else None), keys

    def enterprise(
        self, patient: PatientKey | None, identifiers: tuple[PatientKey, ...]
    ) -> PatientKey | None:
        """The identifier that names the person in every hospital; none where there are two, which nobody should choose from."""
        kinds = self.rules.enterprise_types
        if not kinds:
            return None
        found = [key for key in identifiers if key.type in kinds and key != patient]
        return found[0] if len(found) == 1 else None

    def prior(self, field: str, surviving: PatientKey | None) -> PatientKey | None:
        """MRG-1: the identifier of the surviving one's type and authority, else of its type, else the best."""
        ranked = self._ranked(field)
        if not ranked:
            return None
        if surviving is not None:
            for _, key in ranked:
                if key.type == surviving.type and key.authority == surviving.authority:
                    return key
            for _, key in ranked:
                if key.type == surviving.type:
                    return key
        return ranked[0][1]

    def visit(self, field: str) -> VisitKey | None:
        """PV1-19, PID-18, MRG-3 or MRG-5: the first repetition that has a number."""
        if not field:
            return None
        for repetition in self.dialect.repetitions(field):
            parts = self.dialect.leaves(repetition)
            if parts[0]:
                key = VisitKey(self.dialect.authority(repetition, parts) or self.default_authority, parts[0])
                return key if len(key.number) < _TOO_LONG and len(key.authority) < _TOO_LONG else None
        return None

    def _ranked(self, field: str) -> list[tuple[tuple[int, int, str, str], PatientKey]]:
        """All identifiers with their place in the order of preference; a first number of _LAST is not usable."""
        found: list[tuple[str, str, str]] = []
        for repetition in self.dialect.repetitions(field):
            parts = self.dialect.leaves(repetition)
            number, kind = parts[0], parts[4].upper()
            if not number or kind in _NEVER_KEPT:
                continue
            if self.rules.strip_zeros:
                number = number.lstrip("0") or "0"
            authority = self.dialect.authority(repetition, parts) or self.default_authority
            if len(number) + len(authority) + len(kind) < _TOO_LONG:
                found.append((authority, kind, number))
        untyped = self.rules.untyped_rank
        if untyped is None and len([entry for entry in found if not entry[1]]) == 1:
            untyped = len(self.rules.type_ranks)
        ranked = [self._place(entry, untyped) for entry in found]
        if len(ranked) > 1:
            ranked.sort()
        return ranked

    def _place(
        self, entry: tuple[str, str, str], untyped: int | None
    ) -> tuple[tuple[int, int, str, str], PatientKey]:
        authority, kind, number = entry
        by_type = self.rules.type_ranks.get(kind, _LAST) if kind else _LAST if untyped is None else untyped
        by_authority = self.rules.authority_ranks.get(authority)
        if by_authority is None:
            if self.rules.authority_ranks:
                by_type = _LAST
            by_authority = (
                0 if authority == self.default_authority and not self.rules.authority_ranks else _LAST
            )
        return (by_type, by_authority, authority, number), PatientKey(
            authority, kind or MEDICAL_RECORD, number
        )
