"""Two of each process at once share the work: the rows are those of one, and each message goes out once."""

from collections import Counter

import pytest

from tests.system import deliveries, rows, stories
from tests.system.conftest import NewSystem
from tests.system.rows import Rows
from tests.system.stand import PROCESSES

pytestmark = [pytest.mark.system, pytest.mark.kafka, pytest.mark.timeout(600)]


async def test_replicas_that_come_and_go_under_load_do_the_work_of_one(
    new_system: NewSystem, undisturbed: Rows
) -> None:
    """Given one process of each kind, joined under load by a second one, and left by the first, told to stop, under
    load as well; then the rows are those of an undisturbed run, and the pager got each message exactly once.
    """
    story = stories.of_all_tests()
    first, second, third = stories.thirds(story)
    async with new_system(story.starts_at, BATON_BATCH_MAX_RECORDS="20") as system:
        await system.start()
        await system.play(*first)
        await system.start(*PROCESSES, replica="-2")
        await system.play(*second)
        ends = [await system.stop(name) for name in PROCESSES]
        await system.play(*third)
        await system.at_rest()
        after = await rows.rows(system)
        wrong = await deliveries.complaints(system, system.receiver.deliveries)

    often = Counter(event["id"] for event in system.receiver.events())
    assert rows.different(undisturbed, after) == {}
    assert wrong == []
    assert {id_: times for id_, times in often.items() if times > 1} == {}
    assert ends == [0, 0, 0, 0]
