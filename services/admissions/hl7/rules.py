"""A feed profile prepared for reading: look-ups instead of lists, compiled once and kept."""

import fnmatch
import re
from zoneinfo import ZoneInfo

from msgspec import Struct

from services.admissions.domain.feed import FeedProfile
from services.admissions.hl7 import identifiers, visit


class FeedRules(Struct, frozen=True, gc=False, eq=False):
    """What one feed's messages are read by. Two of them are never equal, so that what was read can be kept by them."""

    profile: FeedProfile
    zone: ZoneInfo | None
    processing_ids: frozenset[str]
    identifiers: identifiers.IdentifierRules
    visits: visit.VisitRules
    test_names: re.Pattern[str] | None
    part2: bool | frozenset[str]


_prepared: dict[int, FeedRules] = {}


def rules_of(profile: FeedProfile) -> FeedRules:
    """The rules of a profile. There are few profiles and many messages, so they are prepared once."""
    rules = _prepared.get(id(profile))
    # The rules hold their profile, so a kept id cannot come to mean another one.
    if rules is None or rules.profile is not profile:
        if len(_prepared) > 255:
            _prepared.clear()
        patterns = [fnmatch.translate(pattern) for pattern in profile.test_patient_patterns]
        rules = _prepared[id(profile)] = FeedRules(
            profile=profile,
            zone=None if profile.zone is None else ZoneInfo(profile.zone),
            processing_ids=frozenset(word.upper() for word in profile.processing_ids),
            identifiers=identifiers.rules_of(profile),
            visits=visit.rules_of(profile),
            test_names=re.compile("|".join(patterns), re.IGNORECASE) if patterns else None,
            part2=profile.part2_source
            if isinstance(profile.part2_source, bool)
            else frozenset(profile.part2_source),
        )
    return rules
