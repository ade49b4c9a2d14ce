"""The words of a hospital's own in its messages: those its profile does not explain, and none that is a patient's."""

import re
from collections import Counter
from collections.abc import Iterator

from schemas.reference.facilities import Facilities
from services.admissions.domain.classes import KNOWN
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent, PatientKey, Rejection
from services.admissions.hl7 import disposition, er7
from services.admissions.hl7.identifiers import IdentifierRules, Identifiers
from services.admissions.hl7.rules import rules_of

MASKED = "(masked)"

# Where values of a patient or of the family stand, and how many components of each may tell who it is.
_PRIVATE = {
    "PID": {2: 1, 3: 1, 4: 1, 5: 9, 6: 9, 7: 1, 9: 9, 11: 3, 13: 12, 14: 12, 18: 1, 19: 1, 20: 1, 21: 1},
    "NK1": {2: 9, 4: 3, 5: 12, 6: 12},
    "MRG": {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 9},
    "PV1": {19: 1, 50: 1},
}
_LONGEST_CODE = 60
_NUMBER = re.compile(r"\d{6,}")
_OID = re.compile(r"[0-2](\.\d+)+")
_WORD = re.compile(r"\w{3,}")


class Mask:
    """Shows a word of one message unless it could be a value of its patient's."""

    def __init__(self, private: frozenset[str], disposition: str | None, *, shown: bool) -> None:
        self._private = private
        self._shown = shown
        self.disposition = None if disposition is None else self.word(disposition)

    def word(self, word: str) -> str:
        """The word, or that it is masked: long numbers, long texts, and what stands in PID, NK1 or MRG too."""
        if self._shown or not word:
            return word
        if len(word) > _LONGEST_CODE or (_NUMBER.search(word) and not _OID.fullmatch(word)):
            return MASKED
        return MASKED if self._private.intersection(_WORD.findall(word.casefold())) else word


class Words:
    """Reads messages once more for their local words, and counts those that a profile leaves unexplained."""

    def __init__(self, profile: FeedProfile, facilities: Facilities) -> None:
        self._profile = profile
        self._rules = rules_of(profile)
        self._facilities = facilities
        self.unexplained: dict[str, Counter[str]] = {
            name: Counter()
            for name in (
                "dispositions",
                "classes",
                "identifier_types",
                "authorities",
                "facilities_without_zone",
            )
        }

    def of(self, raw: bytes, said: AdtEvent | tuple[AdtEvent, ...] | Rejection, *, shown: bool) -> Mask:
        """Count the unexplained words of one message, each once; give its mask."""
        message = er7.read(raw, self._profile.fallback_charset, self._profile.charsets)
        if isinstance(message, Rejection):
            return Mask(frozenset(), None, shown=shown)
        mask = Mask(frozenset(_private(message)), _first_disposition(message), shown=shown)
        for name, words in self._found(message, said).items():
            self.unexplained[name].update({mask.word(word) or "(empty)" for word in words})
        return mask

    def _found(
        self, message: er7.Message, said: AdtEvent | tuple[AdtEvent, ...] | Rejection
    ) -> dict[str, set[str]]:
        events = () if isinstance(said, Rejection) else (said,) if isinstance(said, AdtEvent) else said
        keys = _keys(message, self._rules.identifiers)
        ranks = self._rules.identifiers
        return {
            "dispositions": set(self._unknown_dispositions(message)),
            "classes": {
                event.patient_class
                for event in events
                if isinstance(event.patient_class, str)
                and event.patient_class.upper() not in KNOWN
                and event.observation is not True
            },
            "identifier_types": {
                key.type for key in keys if key.type not in ranks.type_ranks and not _first(key, events)
            },
            "authorities": {
                key.authority
                for key in keys
                if ranks.authority_ranks and key.authority not in ranks.authority_ranks
            },
            "facilities_without_zone": {
                event.facility
                for event in events
                if self._profile.zone is None and event.facility not in self._facilities.known
            },
        }

    def _unknown_dispositions(self, message: er7.Message) -> Iterator[str]:
        for field in _fields(message, "PV1", 36):
            stated = disposition.read(field, message.dialect, self._rules.visits.dispositions)
            if stated == disposition.UNKNOWN:
                code, text = message.dialect.first_leaves(field)[:2]
                yield code or text


def _keys(message: er7.Message, rules: IdentifierRules) -> tuple[PatientKey, ...]:
    identifiers = Identifiers(message.dialect, rules, message.dialect.organisation(message.header[4]))
    return tuple(key for field in _fields(message, "PID", 3) for key in identifiers.patient("", field)[1])


def _first(key: PatientKey, events: tuple[AdtEvent, ...]) -> bool:
    """One identifier without type may name the patient although no list names it."""
    return any(event.patient == key for event in events)


def _first_disposition(message: er7.Message) -> str | None:
    for field in _fields(message, "PV1", 36):
        code, text = message.dialect.first_leaves(field)[:2]
        return code or text or None
    return None


def _fields(message: er7.Message, segment: str, number: int) -> Iterator[str]:
    for line in message.segments.get(segment, ()):
        if field := message.dialect.fields(line)[number]:
            yield field


def _private(message: er7.Message) -> Iterator[str]:
    """The words in fields that say who somebody is; two letters are too few to tell."""
    for segment, numbers in _PRIVATE.items():
        for number, size in numbers.items():
            for field in _fields(message, segment, number):
                for repetition in message.dialect.repetitions(field):
                    for leaf in message.dialect.leaves(repetition)[:size]:
                        yield from _WORD.findall(leaf.casefold())
