"""Charlson families by ICD-10 code (Quan et al. 2005, with and without what ICD-10-CM adds), and their points in LACE."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from schemas.reference.codes import CodeList, prefixes

CharlsonSet = Literal["quan2005", "quan2005_us"]
Weights = Literal["wang2014", "bmjopen"]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    quan2005: dict[str, str]
    quan2005_us: dict[str, str]
    mild_renal: str
    superseded: dict[str, str]
    weights: dict[Weights, dict[str, int]]


class Charlson:
    """One set of families. `rend` holds moderate and severe kidney disease, `rend_mild` stages 1 to 3."""

    def __init__(self, said: _File, name: CharlsonSet) -> None:
        self.version = said.version
        self.superseded: Mapping[str, str] = MappingProxyType(said.superseded)
        self.weights = {profile: MappingProxyType(points) for profile, points in said.weights.items()}
        families = {family: prefixes(text) for family, text in said.quan2005.items()}
        if name == "quan2005_us":
            for family, text in said.quan2005_us.items():
                families[family] += prefixes(text)
        self.codes = CodeList(families)
        self._mild = prefixes(said.mild_renal)

    def families(self, code: str) -> frozenset[str]:
        """What a code in capitals and without dots counts as."""
        found = self.codes.longest(code)
        if "rend" in found and code.startswith(self._mild):
            return found - {"rend"} | {"rend_mild"}
        return found


@cache
def charlson(name: CharlsonSet) -> Charlson:
    """The set of this name."""
    text = (files("schemas.reference") / "charlson.yaml").read_text(encoding="utf-8")
    return Charlson(_File.model_validate(yaml.safe_load(text)), name)
