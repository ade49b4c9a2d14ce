"""The shape of a layer: a small file that adds to a protocol, or takes from it, for some patients."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from services.transitions.domain import protocol as rules
from services.transitions.protocols.shape import DeadlineFile, Name, Part, ProtocolFile, Version, WholeName

Age = Annotated[int, Field(ge=0, le=150)]
FacilityType = Literal["acute", "cah", "children", "cancer", "va", "irf", "ltch", "psych", "snf"]
CareClass = Literal["inpatient", "observation", "emergency", "outpatient", "recurring", "newborn", "other"]


def _day_of_year(value: object) -> object:
    try:
        day = date.fromisoformat(f"2000-{value}")
    except ValueError:
        raise ValueError('is no day of a year; write it in quotes, such as "12-01"') from None
    return (day.month, day.day)


DayOfYear = Annotated[tuple[int, int], BeforeValidator(_day_of_year)]


class PopulationFile(Part):
    """Whom a layer is for: everything that is given must hold; of facility types and services one is enough."""

    min_age: Age | None = None
    max_age: Age | None = None
    min_age_in_year: Age | None = None
    discharged_by: DayOfYear | None = None
    inpatient: Literal[True] | None = None
    facility_types: frozenset[FacilityType] = frozenset()
    services: frozenset[Annotated[str, Field(min_length=1)]] = frozenset()

    @model_validator(mode="after")
    def _someone(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("names nobody; say for whom, such as {max_age: 17}")
        return self

    def build(self) -> rules.Population:
        return rules.Population(**self.model_dump())


class LayerFile(Part):
    """The shape of a layer."""

    name: WholeName
    version: Version
    population: Annotated[PopulationFile, Field(alias="for")]
    deadlines: dict[Name, DeadlineFile] = Field(default_factory=dict)
    adds: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    not_owed: frozenset[Name] = frozenset()
    opens_after: frozenset[CareClass] = frozenset()

    def build(self, base: ProtocolFile) -> rules.Layer:
        """The layer over this protocol; what it names must be there."""
        files = base.deadlines | self.deadlines
        known = {kind: deadline.build(kind, files) for kind, deadline in files.items()}
        return rules.Layer(
            label=f"{self.name}@{self.version}",
            population=self.population.build(),
            adds={category: tuple(known[kind] for kind in kinds) for category, kinds in self.adds.items()},
            not_owed=self.not_owed,
            opens_after=frozenset(self.opens_after),
        )
