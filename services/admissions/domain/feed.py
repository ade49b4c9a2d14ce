"""A feed profile: how one hospital's feed is to be read. Data, validated as a whole before anything is read by it."""

import re
from datetime import timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from schemas.reference.dispositions import dispositions
from schemas.topics import ADT_INBOUND

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""What may name a feed: it is part of every visit's key, of metrics and of headers."""

PART2: Final = "42CFRPart2"
"""The flag of a message from a programme under 42 CFR Part 2 (substance use disorder)."""

SECURITY_LABEL: Final = "R/42CFRPart2"
"""The label of a visit that such a message told of: restricted, and not to be passed on without the patient's consent."""

_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError(
            "will not do as a name; take up to 64 letters, digits and `_ . -`, the first a letter or digit"
        )
    return value


def _topic(value: str) -> str:
    if value != ADT_INBOUND:
        raise ValueError(
            f"is no topic of messages; only {ADT_INBOUND} is read, written without a topic prefix"
        )
    return value


def _zone(value: str) -> str:
    try:
        return ZoneInfo(value).key
    except (LookupError, ValueError, OSError):
        raise ValueError("is no IANA time zone; write one such as America/New_York") from None


def _codec(value: str) -> str:
    """Messages are framed and cut by single ASCII bytes, so their codecs must agree with ASCII there."""
    try:
        agrees = _PRINTABLE.encode("ascii").decode(value) == _PRINTABLE
    except (LookupError, ValueError):
        agrees = False
    if not agrees:
        raise ValueError("names no codec of Python's that extends ASCII; write one such as cp1252")
    return value


def _kind(value: str) -> str:
    if value.strip().upper() in {"SS", "SSN"}:
        raise ValueError("is the type of social security numbers, which are never kept; take it out")
    return value


def _disposition(value: str) -> str:
    code = value.strip()
    if not (code.isascii() and code.isdecimal() and (code.lstrip("0") or "0").zfill(2) in dispositions()):
        raise ValueError(
            'is no UB-04 discharge status code in use; write one such as "01" (home), "03" (SNF)'
        )
    return value


def _one_meaning(value: dict[str, str]) -> dict[str, str]:
    meanings: dict[str, str] = {}
    for word, code in value.items():
        if meanings.setdefault(word.strip().casefold(), code) != code:
            raise ValueError(f"gives {word} twice, in other letters, with different codes; keep one of them")
    return value


def _pattern(value: str) -> str:
    if not value.strip(" *?"):
        raise ValueError("would take every patient for a test; write part of a name, such as ZZTEST*")
    return value


def _part2(value: object) -> object:
    units = value if isinstance(value, list | tuple) else ()
    if not (isinstance(value, bool) or (units and all(isinstance(unit, str) and unit for unit in units))):
        raise ValueError("wants true, false or a list of units as PV1-3.1 names them, as in [DETOX, 4B]")
    return value


class Match(BaseModel):
    """Which records belong to this feed when they carry no `feed` header. Empty means any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: Annotated[str, AfterValidator(_topic)] | None = None
    sending_application: Annotated[str, Field(min_length=1)] | None = None
    sending_facility: Annotated[str, Field(min_length=1)] | None = None

    @property
    def claim(self) -> tuple[str | None, str | None, str | None]:
        """Topic, MSH-3 and MSH-4 as asked for."""
        return self.topic, self.sending_application, self.sending_facility


class FeedProfile(BaseModel):
    """The keys of domain section 12.4 (`feed.*`), with the defaults chosen there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feed: Annotated[str, AfterValidator(_name)]
    match: Match = Match()
    mode: Literal["live", "shadow"] = "live"
    processing_ids: Annotated[tuple[str, ...], Field(min_length=1)] = ("P",)
    zone: Annotated[str, AfterValidator(_zone)] | None = None
    mrn_types: tuple[Annotated[str, AfterValidator(_kind)], ...] = ("MR", "MRN", "PI", "PT", "")
    mrn_authorities: tuple[str, ...] = ()
    enterprise_types: tuple[Annotated[str, AfterValidator(_kind)], ...] = ()
    mrn_in_pid2: bool = False
    default_authority: str | None = None
    strip_leading_zeros: bool = False
    fallback_charset: Annotated[str, AfterValidator(_codec)] = "cp1252"
    charsets: dict[str, Annotated[str, AfterValidator(_codec)]] = Field(default_factory=dict)
    zero_time_means_date_only: bool = False
    trust_msh7_offset: bool = True
    null_discharge_undoes: bool = True
    a08_implies_discharge: bool = True
    loa_as_a03: bool = False
    observation_classes: tuple[str, ...] = ("OBS", "V")
    observation_types: tuple[str, ...] = ("OBS", "OBV", "OBSERVATION")
    disposition_map: Annotated[
        dict[str, Annotated[str, AfterValidator(_disposition)]], AfterValidator(_one_meaning)
    ] = Field(default_factory=dict)
    test_patient_patterns: tuple[Annotated[str, AfterValidator(_pattern)], ...] = ()
    strict_events: bool = False
    part2_source: Annotated[bool | tuple[str, ...], BeforeValidator(_part2)] = False
    feed_silence: Annotated[timedelta, Field(gt=timedelta(0))] | None = None
    dup_window: Annotated[timedelta, Field(ge=timedelta(0))] = timedelta(days=7)
