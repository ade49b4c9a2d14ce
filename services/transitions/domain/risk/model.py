"""What risk and programme come to for one discharge."""

from datetime import datetime

from msgspec import Struct

CASE_MANAGEMENT = "case_management"
CARE_COORDINATION = "care_coordination"
NEEDS_REVIEW = "needs_review"


class Lace(Struct, frozen=True, gc=False, omit_defaults=True):
    """The LACE index (van Walraven et al., CMAJ 2010;182:551): points of each part, 0 to 19 in total.

    `provisional` until a final diagnosis (DG1-6 F) is known. `rules` names weights and code list. `notes` are
    words for what was missing: `admission_type_unknown`, `diagnosis_not_icd10cm`, `no_coded_diagnosis`.
    """

    l: int  # noqa: E741 - the part's own name
    a: int
    c: int
    e: int
    total: int
    band: str
    provisional: bool
    rules: str
    notes: tuple[str, ...] = ()


class Step(Struct, frozen=True, gc=False, omit_defaults=True):
    """One step of case management: `assess plan follow adjust hand_over`; done at `at` by `by`, or still to be done."""

    step: str
    at: datetime | None = None
    by: str | None = None
    owner: str | None = None
    due_at: datetime | None = None


class Programme(Struct, frozen=True, gc=False, omit_defaults=True):
    """Which programme a patient belongs to since when, and why.

    `reasons` are the criteria met, `not_met` and `unknown` the others; `missing` is what a person has to find
    out before care coordination can be chosen. `sensitive` are the words among `reasons` and `chronic` that
    only some roles may read. `proposed` is a lower programme that waits for `programme_confirmed`. `chronic`
    and `hospitalisations` are what was counted, both lower bounds. `rules` names the code lists.
    """

    decision: str
    since: datetime
    reasons: tuple[str, ...] = ()
    not_met: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    proposed: str | None = None
    confirmed_at: datetime | None = None
    confirmed_by: str | None = None
    chronic: tuple[str, ...] = ()
    hospitalisations: int = 0
    rules: str = ""
    notes: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


class Risk(Struct, frozen=True, gc=False, omit_defaults=True):
    """What is known of the risk after one discharge. `high` None: not known, which counts as high.

    `learned_at` is the arrival of what the programme rests on, which may be about a time long before.
    """

    high: bool | None = None
    lace: Lace | None = None
    programme: Programme | None = None
    learned_at: datetime | None = None


UNKNOWN_RISK = Risk()
