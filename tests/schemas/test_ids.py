"""Ids derived from names are those of the standard library."""

import uuid
from uuid import NAMESPACE_OID, UUID

from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import uuid5


@given(namespace=st.uuids(), name=st.text())
def test_a_name_has_the_id_that_the_standard_library_gives(namespace: UUID, name: str) -> None:
    ours, theirs = uuid5(namespace, name), uuid.uuid5(namespace, name)

    assert isinstance(ours, UUID)
    assert ours == theirs
    assert theirs == ours
    assert (hash(ours), str(ours), ours.version) == (hash(theirs), str(theirs), 5)


def test_either_finds_the_other_in_a_table() -> None:
    ours, theirs = uuid5(NAMESPACE_OID, "V1"), uuid.uuid5(NAMESPACE_OID, "V1")

    assert {ours: 1}[theirs] == {theirs: 1}[ours] == 1
