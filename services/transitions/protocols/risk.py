"""The shape of a protocol's `risk` and `programme`; what is left out is as shipped."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.reference.charlson import CharlsonSet, Weights
from schemas.reference.conditions import conditions
from services.transitions.domain.risk import rules

_LACE, _PROGRAMME = rules.LaceRules(), rules.ProgrammeRules()
Count = Annotated[int, Field(ge=0, le=100)]
Months = Annotated[int, Field(ge=0, le=120)]
Days = Annotated[int, Field(ge=0, le=3660)]


class RiskFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    lace_profile: Weights = _LACE.weights
    charlson_set: CharlsonSet = _LACE.charlson_set
    lace_use_chain: bool = _LACE.use_chain
    bands: tuple[Annotated[int, Field(ge=1, le=19)], Annotated[int, Field(ge=1, le=19)]] = _LACE.bands

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.bands[0] >= self.bands[1]:
            raise ValueError("has bands that do not rise; write the least moderate and the least high score")
        return self

    def build(self) -> rules.LaceRules:
        return rules.LaceRules(self.lace_profile, self.charlson_set, self.bands, self.lace_use_chain)


class ProgrammeFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    chronic_min: Count = _PROGRAMME.chronic_min
    min_high_acuity: Count = _PROGRAMME.min_high_acuity
    hosp_min: Count = _PROGRAMME.hosp_min
    include_index: bool = _PROGRAMME.include_index
    max_specialists: Count = _PROGRAMME.max_specialists
    lookback_months: Months = _PROGRAMME.lookback_months
    hosp_days: Days = _PROGRAMME.hosp_days
    sdoh_months: Months = _PROGRAMME.sdoh_months
    assessment_months: Months = _PROGRAMME.assessment_months
    unstable_days: Days = _PROGRAMME.unstable_days
    ltc_days: Days = _PROGRAMME.ltc_days
    include_f17: bool = _PROGRAMME.include_f17
    smi_optional: bool = _PROGRAMME.smi_optional
    sdoh_extra: frozenset[str] = _PROGRAMME.sdoh_extra

    @field_validator("sdoh_extra")
    @classmethod
    def _known(cls, value: frozenset[str]) -> frozenset[str]:
        known = conditions().optional_barriers
        if not value <= known:
            raise ValueError(f"names an unknown kind of barrier; write some of {', '.join(sorted(known))}")
        return value

    def build(self) -> rules.ProgrammeRules:
        return rules.ProgrammeRules(**self.model_dump())
