"""What a protocol decides about risk and programme; every default is the one of the shipped protocol."""

from msgspec import Struct

from schemas.reference.charlson import CharlsonSet, Weights


class LaceRules(Struct, frozen=True, gc=False):
    """`bands` are the least totals of a moderate and of a high risk. `use_chain`: a transfer chain is one stay."""

    weights: Weights = "wang2014"
    charlson_set: CharlsonSet = "quan2005_us"
    bands: tuple[int, int] = (5, 10)
    use_chain: bool = True


class ProgrammeRules(Struct, frozen=True, gc=False):
    """Thresholds and look-backs of the rule between case management and care coordination.

    `include_index`: the stay that is judged counts as a hospitalisation. `sdoh_extra` are further kinds of
    barriers (`transport`, `financial`, `utilities_water`). Months are calendar months before the discharge.
    """

    chronic_min: int = 4
    min_high_acuity: int = 0
    hosp_min: int = 2
    include_index: bool = True
    max_specialists: int = 2
    lookback_months: int = 24
    hosp_days: int = 365
    sdoh_months: int = 12
    assessment_months: int = 6
    unstable_days: int = 90
    ltc_days: int = 30
    include_f17: bool = False
    smi_optional: bool = False
    sdoh_extra: frozenset[str] = frozenset()


class RiskRules(Struct, frozen=True, gc=False):
    """Both together."""

    lace: LaceRules = LaceRules()
    programme: ProgrammeRules = ProgrammeRules()
