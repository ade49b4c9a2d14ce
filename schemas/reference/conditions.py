"""What a diagnosis says of the need for care management, by ICD-10-CM code."""

import re
from functools import cache, lru_cache
from importlib.resources import files

import yaml
from msgspec import Struct
from pydantic import BaseModel, ConfigDict

from schemas.reference.codes import CodeList, prefixes

_ICD10CM = re.compile(r"[A-Z][0-9][0-9A-Z][0-9A-Z]{0,4}")


class _Sdoh(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    barrier: dict[str, str]
    optional: dict[str, str]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    systems: frozenset[str]
    chronic: dict[str, str]
    low_acuity: frozenset[str]
    chronic_inactive: str
    sdoh: _Sdoh
    english: frozenset[str]
    sud: str
    sud_nicotine: str
    sud_inactive: str
    smi: str
    smi_optional: str
    smi_inactive: str
    ltc: str
    ltc_destinations: frozenset[str]
    sensitive: frozenset[str]


class Meaning(Struct, frozen=True, gc=False):
    """What one code says. `flags` are of `sud sud_nicotine smi smi_optional ltc`; `sdoh` kinds of barriers."""

    chronic: frozenset[str] = frozenset()
    sdoh: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()


class Conditions:
    """The lists, prepared for look-up."""

    def __init__(self, said: _File) -> None:
        self.version = said.version
        self.systems = said.systems
        self.low_acuity = said.low_acuity
        self.english = said.english
        self.ltc_destinations = said.ltc_destinations
        self.sensitive = said.sensitive
        self.barriers = frozenset(said.sdoh.barrier)
        self.optional_barriers = frozenset(said.sdoh.optional)
        self.chronic = CodeList({name: prefixes(text) for name, text in said.chronic.items()})
        barriers = said.sdoh.barrier | said.sdoh.optional
        self._sdoh = CodeList({name: prefixes(text) for name, text in barriers.items()})
        self._flags = CodeList({
            name: prefixes(getattr(said, name))
            for name in ("sud", "sud_nicotine", "smi", "smi_optional", "ltc")
        })  # fmt: skip
        self._inactive = {
            "chronic": prefixes(said.chronic_inactive),
            "sud": prefixes(said.sud_inactive),
            "smi": prefixes(said.smi_inactive),
        }

    def is_icd10cm(self, code: str, system: str | None) -> bool:
        """Whether this is a code of these lists: by its coding system, and written like one (without dots)."""
        if not system or _ICD10CM.fullmatch(code) is None:
            return False
        return system.upper().replace("-", "").replace(" ", "").replace("_", "") in self.systems

    def meaning(self, code: str) -> Meaning:
        """What a code in capitals and without dots says."""
        inactive = self._inactive
        chronic = frozenset() if code.startswith(inactive["chronic"]) else self.chronic.matches(code)
        flags = self._flags.matches(code)
        if code.startswith(inactive["sud"]):
            flags -= {"sud", "sud_nicotine"}
        if code.startswith(inactive["smi"]):
            flags -= {"smi"}
        return Meaning(chronic, self._sdoh.matches(code), flags)


@cache
def conditions() -> Conditions:
    """The lists of this version."""
    text = (files("schemas.reference") / "conditions.yaml").read_text(encoding="utf-8")
    return Conditions(_File.model_validate(yaml.safe_load(text)))


def plain(code: str) -> str:
    """A code in capitals, without dot and blanks."""
    return code.upper().replace(".", "").replace(" ", "")


@lru_cache(maxsize=8192)
def meaning(code: str, system: str | None) -> Meaning | None:
    """What a diagnosis as sent says; None where it is no code of ICD-10-CM."""
    lists, bare = conditions(), plain(code)
    return lists.meaning(bare) if lists.is_icd10cm(bare, system) else None
