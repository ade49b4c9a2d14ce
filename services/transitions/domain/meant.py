"""For whom an action is meant: where it names a patient, that must be one of its visit's."""

from collections.abc import Iterable

from services.transitions.domain.model import Deed, Stay


def misdirected(deed: Deed, stays: Iterable[Stay]) -> bool:
    """Whether it names another patient than that of its visit. A number that was merged away is still the patient's."""
    if deed.patient is None:
        return False
    return not any(
        deed.patient in (stay.patient_number, *stay.aliases) for stay in stays if stay.root_id == deed.root_id
    )
