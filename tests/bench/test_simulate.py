"""The baseline of the `simulate` benchmark does the same work."""

from itertools import islice

from baton.simulate import simulate
from tests.bench.simulate import HOSPITAL, START, built, values_of


def test_python_hl7_builds_the_same_bytes() -> None:
    """Each message built of python-hl7's objects is the simulated one, byte for byte."""
    sent = [one.data for one in islice(simulate(HOSPITAL, START), 500)]

    assert [built(values_of(data)) for data in sent] == sent
