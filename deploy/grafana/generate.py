"""`python -m deploy.grafana.generate` writes the dashboard; what each panel means is the catalogue's own sentence."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from baton.run import APPS
from deploy.grafana.queries import (
    PROCESS,
    help_of,
    in_an_hour,
    largest,
    overdue,
    per_minute,
    per_second,
    quantile,
    smallest,
)

FILE = Path(__file__).parent / "dashboards" / "baton.json"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDTH = 24

RECEIVED = "baton_adt_messages_received_total"
REJECTED = "baton_adt_messages_rejected_total"
DUPLICATE = "baton_adt_messages_duplicate_total"
UNAPPLIED = "baton_adt_messages_unapplied_total"
MARK_AGE = "baton_mark_age_seconds"
BATCH = "baton_batch_duration_seconds"
NEXT = "baton_deadline_next_seconds"
FIRED = "baton_deadlines_fired_total"
BEHIND = "baton_deadlines_fired_behind_total"
UNHEARD = "baton_alert_unheard"
SENT = "baton_notice_sent_total"
LATENESS = "baton_deadline_lateness_seconds"
RECORD_LAG = "baton_record_lag_seconds"
DEADLINES = "baton_deadlines"
ALERTS = "baton_alerts"
LOG_LINES = "baton_log_line_written_total"

UP = 'max by (process) (up{job="baton"})'
OPERATOR_ALERTS = 'sum by (alertname) (ALERTS{alertname=~"Baton.+", alertstate="firing"})'


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. `about` names the metrics whose sentences stand behind its (i); `red` is from when on it is bad."""

    title: str
    queries: tuple[tuple[str, str], ...]
    about: tuple[str, ...]
    unit: str = "short"
    kind: Literal["stat", "timeseries"] = "timeseries"
    width: int = 8
    red: float | None = None
    text: str = ""


ROWS: dict[str, tuple[Panel, ...]] = {
    "At a glance": (
        Panel("Processes missing", ((f"{len(APPS)} - (sum({UP}) or vector(0))", ""),), (), kind="stat", width=4,
              red=1, text=f"Of {len(APPS)}: {', '.join(APPS)}."),
        Panel("Pipeline lag", ((largest(MARK_AGE), ""),), (MARK_AGE,), "s", "stat", 4, 60),
        Panel("Deadlines overdue by", ((overdue(NEXT), ""),), (NEXT,), "s", "stat", 4, 60),
        Panel("Fired behind, last hour", ((f"{in_an_hour(BEHIND)} or vector(0)", ""),), (BEHIND,),
              kind="stat", width=4, red=1),
        Panel("Alerts nobody heard", ((largest(UNHEARD), ""),), (UNHEARD,), kind="stat", width=4, red=1),
        Panel("Operator alerts", ((f"count({OPERATOR_ALERTS}) or vector(0)", ""),), (), kind="stat", width=4,
              red=1, text="Rules of deploy/prometheus/baton.rules.yml that fire; deploy/runbooks/ says what to do."),
    ),
    "Feeds": (
        Panel("Messages a minute", ((per_minute(RECEIVED, "feed"), "{{feed}}"),), (RECEIVED,)),
        Panel("Refused messages, last hour", ((in_an_hour(REJECTED, "feed", "code"), "{{feed}}: {{code}}"),),
              (REJECTED,)),
        Panel("Repeated, and stored without effect, a minute",
              ((per_minute(DUPLICATE, "feed"), "{{feed}}: repeated"),
               (per_minute(UNAPPLIED, "trigger"), "{{trigger}}: without effect")), (DUPLICATE, UNAPPLIED)),
    ),
    "Pipeline": (
        Panel("Lag", ((largest(MARK_AGE, "consumer"), "{{consumer}}"),), (MARK_AGE,), "s", red=60),
        Panel("From Kafka to applied",
              ((quantile(0.5, RECORD_LAG, "group"), "{{group}}: half"),
               (quantile(0.99, RECORD_LAG, "group"), "{{group}}: 99 %")), (RECORD_LAG,), "s", red=60),
        Panel("Records a second",
              ((per_second("baton_record_handled_total", "group", "topic"), "{{group}}: {{topic}}"),),
              ("baton_record_handled_total",)),
        Panel("Time to apply a batch",
              ((quantile(0.5, BATCH, "group"), "{{group}}: half"), (quantile(0.99, BATCH, "group"), "{{group}}: 99 %")),
              (BATCH,), "s"),
        Panel("Documents published a second",
              ((per_second("baton_outbox_published_total", PROCESS, "outlet"), "{{process}}: {{outlet}}"),),
              ("baton_outbox_published_total",)),
        Panel("Batches read again, last hour",
              ((in_an_hour("baton_batch_retried_total", "group"), "{{group}}"),), ("baton_batch_retried_total",)),
        Panel("Rows and records that are stuck",
              ((largest("baton_outbox_refused", PROCESS, "outlet"), "{{process}}: {{outlet}} not taken by Kafka"),
               ("sum by (process) (baton_encounters_unreadable_total)", "{{process}}: visits not read"),
               ("sum by (process) (baton_transitions_unreadable_total)", "{{process}}: transitions not read")),
              ("baton_outbox_refused", "baton_encounters_unreadable_total", "baton_transitions_unreadable_total"),
              red=1),
    ),
    "Deadlines and actions": (
        Panel("Deadlines by status", ((largest(DEADLINES, "status"), "{{status}}"),), (DEADLINES,)),
        Panel("How late deadlines fired",
              ((quantile(0.5, LATENESS), "half"), (quantile(0.99, LATENESS), "99 %")), (LATENESS,), "s", red=30),
        Panel("Deadlines that fired, last hour",
              ((in_an_hour(FIRED), "undone at their due time"), (in_an_hour(BEHIND), "of these, behind")),
              (FIRED, BEHIND)),
        Panel("Until the next timer", ((smallest(NEXT), "next"),), (NEXT,), "s"),
        Panel("Lateness of what is due", ((overdue(NEXT), "overdue"),), (NEXT,), "s", red=60),
        Panel("Actions, last hour", ((in_an_hour("baton_actions_received_total", "type"), "{{type}}"),),
              ("baton_actions_received_total",)),
        Panel("Refused actions, last hour", ((in_an_hour("baton_actions_rejected_total", "code"), "{{code}}"),),
              ("baton_actions_rejected_total",)),
        Panel("Visits changed and patients planned a minute",
              ((per_minute("baton_visits_changed_total"), "visits"),
               (per_minute("baton_patients_planned_total"), "patients")),
              ("baton_visits_changed_total", "baton_patients_planned_total")),
    ),
    "Alerts": (
        Panel("Alerts by status", ((largest(ALERTS, "status"), "{{status}}"),), (ALERTS,)),
        Panel("Alerts by what they became, last hour",
              ((in_an_hour("baton_alerts_changed_total", "status"), "{{status}}"),), ("baton_alerts_changed_total",)),
        Panel("Messages sent, last hour",
              ((in_an_hour(SENT, "channel", "outcome"), "{{channel}}: {{outcome}}"),), (SENT,)),
        Panel("Messages a channel does not take, alerts nobody heard",
              ((largest("baton_notice_failing", "channel"), "{{channel}}"), (largest(UNHEARD), "alerts unheard")),
              ("baton_notice_failing", UNHEARD), red=1),
    ),
    "Processes": (
        Panel("Answering", ((UP, "{{process}}"),), (), text="1 while Prometheus can read its metrics."),
        Panel("Postgres and Kafka within reach",
              ((smallest("baton_dependency_reachable", PROCESS, "dependency"), "{{process}}: {{dependency}}"),),
              ("baton_dependency_reachable",)),
        Panel("Loops that stand still or fail",
              ((f"{largest('baton_loop_stalled', PROCESS, 'loop')} > 0", "{{process}}: {{loop}} stands still"),
               (f"{in_an_hour('baton_loop_restarted_total', PROCESS, 'loop')} > 0", "{{process}}: {{loop}} failed, last hour")),
              ("baton_loop_stalled", "baton_loop_restarted_total")),
        Panel("Errors and warnings in the log, last hour",
              ((f"{in_an_hour(LOG_LINES, PROCESS, 'level')} > 0", "{{process}}: {{level}}"),), (LOG_LINES,)),
        Panel("Operator alerts that fire", ((OPERATOR_ALERTS, "{{alertname}}"),), (), width=WIDTH,
              text="Rules of deploy/prometheus/baton.rules.yml; deploy/runbooks/ says what to do."),
    ),
}  # fmt: skip


def document() -> str:
    """Give the dashboard as it should be."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


def dashboard() -> dict[str, Any]:
    return {
        "uid": "baton",
        "title": "Baton",
        "description": "Written by deploy/grafana/generate.py: change that, not this.",
        "tags": ["baton"],
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "schemaVersion": 39,
        "version": 1,
        "annotations": {"list": []},
        "templating": {"list": []},
        "links": [],
        "panels": _laid_out(),
    }


def _laid_out() -> list[dict[str, Any]]:
    """Put panels side by side until the row is full, rows below each other."""
    laid: list[dict[str, Any]] = []
    y = 0
    for title, panels in ROWS.items():
        at = {"h": 1, "w": WIDTH, "x": 0, "y": y}
        laid.append(
            {
                "id": len(laid) + 1,
                "type": "row",
                "title": title,
                "collapsed": False,
                "panels": [],
                "gridPos": at,
            }
        )
        x, y, height = 0, y + 1, 0
        for panel in panels:
            if x + panel.width > WIDTH:
                x, y = 0, y + height
            height = 4 if panel.kind == "stat" else 8
            laid.append(
                {
                    "id": len(laid) + 1,
                    **_panel(panel),
                    "gridPos": {"h": height, "w": panel.width, "x": x, "y": y},
                }
            )
            x += panel.width
        y += height
    return laid  # fmt: skip


def _panel(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red is not None:
        steps.append({"color": "red", "value": panel.red})
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0,
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    if any("vector(0)" not in query and NEXT in query for query, _ in panel.queries):
        del defaults["min"]
    if panel.kind == "stat":
        options: dict[str, Any] = {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "value",
            "graphMode": "area",
            "textMode": "auto",
            "justifyMode": "auto",
            "orientation": "auto",
        }
    else:
        drawn = {"lineWidth": 1, "fillOpacity": 10, "showPoints": "never"}
        drawn |= {"thresholdsStyle": {"mode": "line"}} if panel.red is not None else {}
        defaults |= {"custom": drawn, "color": {"mode": "palette-classic"}}
        options = {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    sentences = [f"{name}: {help_of(name)}" for name in panel.about]
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": "\n\n".join([panel.text, *sentences] if panel.text else sentences),
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": expr, "legendFormat": legend or "__auto"}
            for n, (expr, legend) in enumerate(panel.queries)
        ],
    }  # fmt: skip


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
