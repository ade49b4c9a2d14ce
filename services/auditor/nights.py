"""The nightly audit: when it runs, what it tells."""

from datetime import UTC, datetime, timedelta
from functools import partial

from services.auditor.examine import Report, examine
from services.auditor.settings import Rules
from services.chassis import clock, metrics
from services.chassis.logs import get_logger
from services.chassis.loops import run_forever
from services.chassis.service import Service

log = get_logger("auditor")

LONGEST = 12 * 3600.0
"""How many seconds one audit may take before the process counts as stuck."""

TOLD = 50
"""How many differences are logged one by one."""

DIFFERENCES = metrics.declare(
    "baton_audit_differences",
    "gauge",
    "Alerts on which the last audit and the system do not agree: one of the two computes wrongly.",
)
LAST_RUN = metrics.declare(
    "baton_audit_last_run_timestamp_seconds",
    "gauge",
    "When the last audit ended, as a Unix time; 0 before the first.",
)
AUDITED = metrics.declare(
    "baton_audit_patients", "gauge", "Patients of the last audit: looked at, or left out for a reason in its log.", ["result"]
)  # fmt: skip


class Nights:
    """Audits once a day, at the hour that the settings name."""

    def __init__(self, rules: Rules, hour: int) -> None:
        self._rules = rules
        self._hour = hour
        self._next: datetime | None = None

    async def run(self, service: Service) -> None:
        """Audit until cancelled."""
        service.registry.gauge(LAST_RUN).set(0)
        service.registry.gauge(DIFFERENCES).set(0)
        await run_forever(
            "audit", partial(self.once, service), service.progress, limit=LONGEST, registry=service.registry
        )

    async def once(self, service: Service) -> float:
        """Audit where the hour has come, and give how long to rest, in seconds."""
        now = clock.wall()
        if self._next is not None and now >= self._next:
            async with service.pool.acquire() as db:
                _tell(service, await examine(db, self._rules))
            now = clock.wall()
        self._next = following(now, self._hour)
        return min((self._next - now).total_seconds(), 3600.0)


def following(now: datetime, hour: int) -> datetime:
    """The next time that the clock, UTC, shows this full hour."""
    today = now.astimezone(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)


def _tell(service: Service, report: Report) -> None:
    service.registry.gauge(DIFFERENCES).set(len(report.differences))
    service.registry.gauge(LAST_RUN).set(clock.wall().timestamp())
    patients = service.registry.gauge(AUDITED)
    patients.labels("audited").set(report.audited)
    patients.labels("left_out").set(sum(report.left_out.values()))
    for each in report.differences[:TOLD]:
        log.error("system and audit do not agree", case=each.case, alert=each.kind, difference=each.sentence)
    log.info(
        "audited", patients=report.audited, alerts=report.alerts, differences=len(report.differences),
        left_out=dict(report.left_out),
    )  # fmt: skip
