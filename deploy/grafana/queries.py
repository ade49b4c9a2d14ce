"""PromQL for the dashboard, one function for each way to ask; what the catalogue does not know cannot be asked."""

from services.admissions import app as admissions
from services.admissions.mllp import app as mllp
from services.auditor import app as auditor
from services.chassis import metrics
from services.notifications import app as notifications
from services.transitions import app as transitions
from services.worklist import app as worklist

# Imported for what they declare: every process of Baton.
APPS = (admissions, mllp, transitions, notifications, worklist, auditor)
CATALOGUE = {metric.name: metric for metric in metrics.catalogue()}
# Which process it was; put on by prometheus.yml.
PROCESS = "process"
SPAN = "$__rate_interval"


def per_minute(name: str, *by: str) -> str:
    """How often something happens."""
    return f"sum{_by(name, 'counter', by)} (rate({name}[{SPAN}])) * 60"


def per_second(name: str, *by: str) -> str:
    return f"sum{_by(name, 'counter', by)} (rate({name}[{SPAN}]))"


def in_an_hour(name: str, *by: str) -> str:
    """How often something happened in the hour before.

    A counter whose labels nobody could know begins with its first event, which increase() does not see: what is new
    counts as it stands.
    """
    return f"sum{_by(name, 'counter', by)} (({name} unless {name} offset 1h) or increase({name}[1h]))"


def largest(name: str, *by: str) -> str:
    """The largest value that any replica reports."""
    return f"max{_by(name, 'gauge', by)} ({name})"


def smallest(name: str, *by: str) -> str:
    return f"min{_by(name, 'gauge', by)} ({name})"


def overdue(name: str) -> str:
    """A gauge of the time that is left, as the time by which it was exceeded; 0 where it was not."""
    return f"max{_by(name, 'gauge', ())} (-{name} > 0) or vector(0)"


def quantile(share: float, name: str, *by: str) -> str:
    """The value that this share of the observations did not exceed."""
    return f"histogram_quantile({share}, sum{_by(name, 'histogram', by, 'le')} (rate({name}_bucket[{SPAN}])))"


def help_of(name: str) -> str:
    return CATALOGUE[name].help


def _by(name: str, kind: metrics.Kind, by: tuple[str, ...], *besides: str) -> str:
    metric = CATALOGUE.get(name)
    if metric is None or metric.kind != kind:
        raise ValueError(f"the catalogue has no {kind} {name}")
    if unknown := set(by) - {*metric.labels, PROCESS}:
        raise ValueError(f"{name} has no label {', '.join(sorted(unknown))}")
    labels = ", ".join((*by, *besides))
    return f" by ({labels})" if labels else ""
