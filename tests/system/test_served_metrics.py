"""What the processes serve at /metrics is what docs/metrics.md says, from their first moment on."""

from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy import catalogue
from services.chassis import metrics
from tests.system.conftest import NewSystem
from tests.system.stand import PROCESSES, ROOT, until

pytestmark = [pytest.mark.system, pytest.mark.kafka, pytest.mark.timeout(300)]

CLIENTS_OWN = "process_"


async def test_what_is_served_is_what_is_written(new_system: NewSystem) -> None:
    """Given the four processes, when each is asked for its metrics, then every one is in the catalogue as it is served;
    counters stand at nought, and the gauges of deadlines and alerts are there.
    """
    said: dict[str, str] = {}
    async with new_system(datetime(2026, 1, 5, tzinfo=UTC), root=ROOT) as system:
        await system.start()

        async def counted() -> bool:
            for name in PROCESSES:
                said[name] = (await system.processes[name].ask("/metrics")).text
            return "baton_deadlines{" in said["deadlines"] and "baton_alerts{" in said["notifications"]

        await until(counted, "deadlines and alerts are counted")
    [*catalogue.every_module()]
    declared = {metric.name.removesuffix("_total"): metric for metric in metrics.catalogue()}
    families = [family for text in said.values() for family in text_string_to_metric_families(text)]
    ours = {family.name: family for family in families if not family.name.startswith(CLIENTS_OWN)}

    assert ours.keys() <= declared.keys()
    assert [name for name, family in ours.items() if (family.type, family.documentation) != (
        declared[name].kind, declared[name].help)] == []  # fmt: skip
    for text, series in (
        ("admissions", 'baton_adt_messages_rejected_total{code="not_hl7",feed="default"} 0.0'),
        ("admissions", 'baton_outbox_published_total{outlet="rejections"} 0.0'),
        ("transitions", 'baton_actions_received_total{type="contact_attempted"} 0.0'),
        ("transitions", 'baton_batch_retried_total{group="'),
        ("deadlines", "baton_deadlines_fired_total 0.0"),
        ("deadlines", "baton_deadline_next_seconds NaN"),
        ("deadlines", 'baton_deadlines{status="pending"} 0.0'),
        ("notifications", 'baton_alerts{status="firing"} 0.0'),
        ("notifications", 'baton_notice_sent_total{channel="pager",outcome="failed"} 0.0'),
        ("notifications", 'baton_log_line_written_total{level="error"} 0.0'),
    ):
        assert series in said[text], (text, series)
