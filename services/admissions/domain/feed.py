"""A feed profile: how one hospital's feed is to be read. Data, validated at start."""

from datetime import timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _zone(value: object) -> str:
    try:
        return ZoneInfo(str(value)).key
    except (KeyError, ValueError, OSError):
        raise ValueError("is no time zone of the IANA list, such as America/New_York") from None


class Match(BaseModel):
    """Which records belong to this feed when they carry no `feed` header. Empty means any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: str | None = None
    sending_application: str | None = None
    sending_facility: str | None = None


class FeedProfile(BaseModel):
    """The keys of domain section 12.4 (`feed.*`), with the defaults chosen there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feed: str
    match: Match = Match()
    mode: Literal["live", "shadow"] = "live"
    processing_ids: tuple[str, ...] = ("P",)
    zone: Annotated[str | None, BeforeValidator(lambda v: None if v is None else _zone(v))] = None
    mrn_types: tuple[str, ...] = ("MR", "MRN", "PI", "PT", "")
    mrn_authorities: tuple[str, ...] = ()
    mrn_in_pid2: bool = False
    default_authority: str | None = None
    strip_leading_zeros: bool = False
    fallback_charset: str = "cp1252"
    charsets: dict[str, str] = Field(default_factory=dict)
    zero_time_means_date_only: bool = False
    trust_msh7_offset: bool = True
    null_discharge_undoes: bool = True
    a08_implies_discharge: bool = True
    loa_as_a03: bool = False
    observation_classes: tuple[str, ...] = ("OBS", "V")
    observation_types: tuple[str, ...] = ("OBS", "OBV", "OBSERVATION")
    disposition_map: dict[str, str] = Field(default_factory=dict)
    feed_silence: timedelta = timedelta(minutes=30)
    test_patient_patterns: tuple[str, ...] = ()
    strict_events: bool = False
    part2_source: bool = False
    dup_window: timedelta = timedelta(days=7)

    @model_validator(mode="after")
    def _known_codec(self) -> "FeedProfile":
        try:
            "".encode(self.fallback_charset)
        except LookupError:
            raise ValueError("fallback_charset is no character set Python knows, such as cp1252") from None
        return self
