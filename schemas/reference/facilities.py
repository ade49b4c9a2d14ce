"""Facilities as the site describes them: zone, type, closures and team, read once at start."""

from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

FILE = "facilities.yaml"
SHIPPED = Path(__file__).with_name(FILE)

ACUTE = frozenset({"acute", "cah", "children", "cancer", "va"})
"""Types whose inpatient stays count for readmission; IRF, LTCH, PSYCH and SNF stays do not (CMS measure 0506)."""


class FacilitiesError(ValueError):
    """The facilities file cannot be used; the text says where and what to do."""


def _known_zone(name: object) -> object:
    try:
        ZoneInfo(name if isinstance(name, str) else "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no IANA time zone; write one such as America/Chicago") from None
    return name


class Facility(BaseModel):
    """One hospital or post-acute facility. `extra_holidays` are its own closures beside the federal days.

    `handoff_units` are the units whose missed unit handoff is a page; elsewhere it is work.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    zone: Annotated[str, BeforeValidator(_known_zone)]
    type: Literal["acute", "cah", "children", "cancer", "va", "irf", "ltch", "psych", "snf"] = "acute"
    extra_holidays: frozenset[date] = frozenset()
    team: Annotated[str, Field(min_length=1)] = "care-coordination"
    handoff_units: Literal["all"] | frozenset[str] = "all"

    @cached_property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @cached_property
    def acute(self) -> bool:
        return self.type in ACUTE


class Facilities:
    """The known facilities by name; any other name is treated as the default one."""

    def __init__(self, default: Facility, known: dict[str, Facility] | None = None) -> None:
        self.default = default
        self.known = dict(known or {})

    @classmethod
    def shipped(cls) -> Self:
        """One acute hospital in New York: what holds where the site has said nothing."""
        return cls(**_parse(SHIPPED))

    def of(self, name: str | None) -> Facility:
        return self.known.get(name, self.default) if name else self.default

    def zone_of(self, name: str | None) -> ZoneInfo:
        return self.of(name).tz


def load_facilities(folder: Path | None) -> Facilities:
    """Read `facilities.yaml` of a configuration folder; what it does not say is as shipped."""
    shipped = Facilities.shipped()
    path = None if folder is None else folder / FILE
    if path is None or not path.exists():
        return shipped
    parts = _parse(path)
    return Facilities(parts["default"] or shipped.default, parts["known"])


def _parse(path: Path) -> dict[str, Any]:
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "the file"
        raise FacilitiesError(f"{path.name}: {where} is not readable YAML; correct it") from None
    if not isinstance(said, dict):
        raise FacilitiesError(f"{path.name}: holds no keys; write `default:` and `facilities:`")
    for key in said.keys() - {"default", "facilities"}:
        raise FacilitiesError(f"{path.name}: {key}: is not known; write `default:` or `facilities:`")
    default = said.get("default")
    entries = said.get("facilities") or {}
    if not isinstance(entries, dict):
        raise FacilitiesError(f"{path.name}: facilities: holds no names; write one facility a key")
    return {
        "default": None if default is None else _facility(path, "default", "default", default),
        "known": {str(n): _facility(path, f"facilities.{n}", str(n), entry) for n, entry in entries.items()},
    }


def _facility(path: Path, key: str, name: str, entry: object) -> Facility:
    if not isinstance(entry, dict):
        raise FacilitiesError(f"{path.name}: {key}: holds no keys; write at least `zone: America/Chicago`")
    try:
        return Facility.model_validate({"name": name, **entry})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        at = ".".join([key, *(str(part) for part in first["loc"])])
        raise FacilitiesError(f"{path.name}: {at}: {_advice(first['type'], first['msg'])}") from None


def _advice(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing; write an IANA time zone such as America/Chicago"
    if kind == "extra_forbidden":
        return f"is not known; write one of {', '.join(f for f in Facility.model_fields if f != 'name')}"
    return message.removeprefix("Value error, ")
