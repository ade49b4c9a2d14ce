"""UB-04 discharge status codes (form locator 17), the values US senders put into PV1-36."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

Category = Literal[
    "home",
    "home_health",
    "snf",
    "acute_hospital",
    "custodial_or_alf",
    "ama",
    "same_hospital_ip",
    "expired",
    "correctional",
    "still_patient",
    "federal_hospital",
    "hospice_home",
    "hospice_facility",
    "swing_bed",
    "irf",
    "ltch",
    "nursing_facility",
    "psych",
    "disaster_site",
    "other_institution",
    "unknown",
]


class DischargeStatus(BaseModel):
    """One code. `alive` is None while the patient is still there; a twin declares a planned readmission."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    meaning: str
    category: Category
    home_like: Literal["yes", "no", "maybe", "usually"]
    alive: bool | None
    fhir: str | None
    source: str
    twin_of: str | None = None


@cache
def dispositions() -> Mapping[str, DischargeStatus]:
    """All codes in use, by their two digits."""
    table = yaml.safe_load((files("schemas.reference") / "dispositions.yaml").read_text(encoding="utf-8"))
    known = {code: DischargeStatus(code=code, **entry) for code, entry in table["codes"].items()}
    for code, entry in table["twins"].items():
        base = known[entry["twin_of"]]
        meaning = f"{base.meaning}; a readmission is planned"
        known[code] = base.model_copy(update={"code": code, "meaning": meaning, **entry})
    return MappingProxyType(known)
