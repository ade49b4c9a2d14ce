"""Messages about a few patients, visits and accounts, with every trigger: so that everything meets everything."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET

from services.admissions.domain.model import AdtEvent, PatientKey, VisitKey
from services.admissions.hl7.triggers import TYPES
from tests.admissions.domain.builders import an_event, said

Choose = Callable[[Sequence[Any]], Any]

_PATIENTS = [PatientKey("HOSPA", "MR", "1"), PatientKey("HOSPA", "MR", "2"), PatientKey("HOSPB", "MR", "1")]
_PERSONS = [PatientKey("REGION", "EI", "1"), PatientKey("REGION", "EI", "2")]
_VISITS = [VisitKey("HOSPA", number) for number in ("V1", "V2", "V3")]
_ACCOUNTS = [VisitKey("HOSPA", number) for number in ("C1", "C2")]
_INSTANTS = [f"05 {hour:02}:00" for hour in range(8, 14)]
_JOINING = sorted(
    {"A18", "A24", "A30", "A34", "A35", "A36", "A37", *(f"A{n}" for n in range(40, 52))}
    | {"A06", "A07", "A17"}
)
_TRIGGERS = [["A01", "A03", "A04", "A08", "A02", "A06"], _JOINING, sorted(TYPES)]


def any_message(choose: Choose) -> AdtEvent:
    """One message about anybody; `choose` takes one of several."""
    recorded = choose(_INSTANTS)
    trigger = choose(choose(_TRIGGERS))
    account = choose([*_ACCOUNTS, None])
    prior = (lambda options: choose([None, *options])) if trigger in _JOINING else (lambda _: None)
    fields: dict[str, Any] = {
        "recorded": recorded,
        "arrived": _INSTANTS[-1],
        "stated": choose([None, *_INSTANTS]),
        "pv1_2": choose(["I", "E", UNSET]),
        "pv1_3": choose(["4W^1", "ICU", UNSET]),
        "pv1_44": choose([UNSET, *_INSTANTS[:3]]),
        "pv1_45": choose([UNSET, UNSET, UNSET, *_INSTANTS[3:]]),
        "patient": choose(_PATIENTS),
        "prior_patient": prior(_PATIENTS),
        "enterprise": choose([None, None, *_PERSONS]),
        # In some feeds the account is all that names a visit.
        "visit": choose([*_VISITS, account]),
        "account": account,
        "prior_visit": prior(_VISITS),
        "prior_account": prior(_ACCOUNTS),
        "person": said(name=choose(["ALPHA", "BETA"])),
    }
    return an_event(trigger, _INSTANTS[0], **fields)
