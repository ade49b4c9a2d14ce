"""How a large batch is parted: what one patient, visit or merge connects stays together."""

from hypothesis import given
from hypothesis import strategies as st

from services.admissions.domain.model import AdtEvent, PatientKey, VisitKey
from services.admissions.lanes import WORTH_PARTING, Lanes
from tests.admissions.domain.builders import an_event


def patient(number: int) -> PatientKey:
    return PatientKey("NORTH", "MR", str(number))


def update(of: int, visit: int | None = None) -> AdtEvent:
    return an_event(
        "A08", "09 15:00", patient=patient(of), visit=VisitKey("NORTH", f"V{of if visit is None else visit}")
    )


def merge(retired: int, surviving: int) -> AdtEvent:
    return an_event("A40", "09 15:00", patient=patient(surviving), prior_patient=patient(retired), visit=None)


WARD = [update(number) for number in range(WORTH_PARTING)]


def test_a_small_batch_is_not_parted() -> None:
    """Given fewer events than are worth it, when they are parted, then they are all in one part."""
    assert set(Lanes().of(WARD[1:])) == {0}


def test_a_large_batch_has_two_parts() -> None:
    """Given the updates of a whole ward, when they are parted, then both parts have a fair share."""
    assert 0.3 < sum(Lanes().of(WARD)) / len(WARD) < 0.7


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=40))
def test_who_is_merged_is_not_parted(pairs: list[tuple[int, int]]) -> None:
    """Given any merges, when they come in a batch and when later ones do, then the merged are in one part."""
    pairs = [(one, other) for one, other in pairs if one != other]
    lanes = Lanes()
    both = [*WARD, *(merge(one, other) for one, other in pairs)]
    for part in (lanes.of(both), lanes.of(WARD)):
        assert all(part[one] == part[other] for one, other in pairs)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=40))
def test_a_visit_told_of_two_patients_is_not_parted(told: list[tuple[int, int]]) -> None:
    """Given visits told of several patients, when the batch is parted, then each visit is in one part."""
    events = [*WARD, *(update(of, visit) for of, visit in told)]
    parts: dict[VisitKey | None, set[int]] = {}
    for event, part in zip(events, Lanes().of(events), strict=True):
        parts.setdefault(event.visit, set()).add(part)
    assert all(len(one) == 1 for one in parts.values())
