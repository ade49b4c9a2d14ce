"""`python -m deploy.catalogue` writes docs/metrics.md and docs/settings.md from the code; `--check` fails where they differ."""

import json
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from pydantic_core import PydanticUndefined

import services
from baton.run import APPS
from services.chassis import metrics
from services.chassis.settings import ServiceSettings, variable

ROOT = Path(__file__).parents[1]
RULES = ROOT / "deploy" / "prometheus" / "baton.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "baton.json"
WRITTEN = "Written from the code by `python -m deploy.catalogue`: not by hand."

# Read from the environment, and no field of any process's settings.
BESIDES: Mapping[str, tuple[str, str, str]] = {
    "BATON_HOME": ("the `baton` command", "the folder of `baton up`: addresses, logs, embedded data", "`.baton`"),
    "BATON_EMBEDDED": ("set by `baton up`", "`true` tells a process that its servers are the embedded ones", "none"),
    "BATON_DEMO_SECRET": ("set by `make demo`", "the secret by which the demo's own webhook is signed", "made by the demo"),
}  # fmt: skip
_UNIT = re.compile(r",? in (seconds|ms|bytes)$")


def pages() -> dict[Path, str]:
    """Give every page as it should be."""
    docs = ROOT / "docs"
    return {docs / "metrics.md": metrics_page(), docs / "settings.md": settings_page()}


# --- metrics ------------------------------------------------------------------------------------------------


def metrics_page() -> str:
    modules = _declared_in()
    shown, alerted = _shown(), _alerted()
    lines = [
        "# Metrics", "", WRITTEN, "",
        "Every process serves them at `/metrics`, for Prometheus. A counter whose label values are known beforehand stands at",
        "0 from the start. Beside these, each process serves the `process_…` metrics of the Prometheus client: memory,",
        "processor time, open files. No metric or label ever holds a value of a patient.", "",
        "*Shown*: the panels of the [dashboard](../deploy/grafana/dashboards/baton.json). *Alerts*: the rules of",
        "[baton.rules.yml](../deploy/prometheus/baton.rules.yml), each with a page in [runbooks](../deploy/runbooks/README.md).",
    ]  # fmt: skip
    for process in ("every process", *APPS):
        found = [
            metric
            for metric in metrics.catalogue()
            if metric.name in modules and _process(modules[metric.name]) == process
        ]
        if not found:
            continue
        lines += ["", f"## {process[0].upper()}{process[1:]}", ""]
        lines += ["| metric | type | labels | meaning | shown | alerts |", "|---|---|---|---|---|---|"]
        for metric in found:
            labels = ", ".join(f"`{label}`" for label in metric.labels)
            cells = (
                f"`{metric.name}`",
                metric.kind,
                labels,
                metric.help,
                _list(shown, metric),
                _list(alerted, metric),
            )
            lines.append(_row(cells))
    return "\n".join(lines) + "\n"  # fmt: skip


def every_module() -> Iterator[Any]:
    """Import every module of the services, for what they declare."""
    for found in pkgutil.walk_packages(services.__path__, "services."):
        yield import_module(found.name)


def _declared_in() -> dict[str, str]:
    return {
        value.name: module.__name__
        for module in every_module()
        # Apps and counters only use them.
        if not module.__name__.endswith(".app")
        for value in vars(module).values()
        if isinstance(value, metrics.Metric)
    }


def _process(module: str) -> str:
    _, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    apart = {"transitions.deadlines": "deadlines", "admissions.mllp.metrics": "mllp"}
    return apart.get(rest, name if name in APPS else "every process")


def _shown() -> dict[str, list[str]]:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    drawn = [(panel["title"], " ".join(t["expr"] for t in panel.get("targets", ()))) for panel in panels]
    return _by_metric(drawn)


def _alerted() -> dict[str, list[str]]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return _by_metric((rule["alert"], rule["expr"]) for group in groups for rule in group["rules"])


def _by_metric(named: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, expression in named:
        for metric in sorted(set(re.findall(r"\bbaton_\w+", expression))):
            found.setdefault(re.sub(r"_bucket$", "", metric), []).append(name)
    return found


def _list(found: Mapping[str, list[str]], metric: metrics.Metric) -> str:
    return ", ".join(found.get(metric.name, ()))


# --- settings -----------------------------------------------------------------------------------------------


def settings_of(process: str) -> type[ServiceSettings]:
    """Give the settings that a process is started with."""
    module, _, function = APPS[process].partition(":")
    found: type[ServiceSettings] = get_type_hints(getattr(import_module(module), function))["settings"]
    return found


def settings_page() -> str:
    lines = [
        "# Settings", "", WRITTEN, "",
        "Settings are environment variables. One that cannot work ends the process at its start, with a sentence that says",
        "which and what to do. What belongs to a site (feeds, facilities, contacts, protocols) stands in files of",
        "`BATON_CONFIG_DIR`; a secret that such a file names (`secret_env`) is an environment variable of that name.",
    ]  # fmt: skip
    lines += _section("Every process", ServiceSettings, ServiceSettings.model_fields)
    sections: dict[type[ServiceSettings], list[str]] = {}
    for process in APPS:
        sections.setdefault(settings_of(process), []).append(process)
    for cls, processes in sections.items():
        own = [name for name in cls.model_fields if name not in ServiceSettings.model_fields]
        if own:
            lines += _section(f"{' and '.join(processes).capitalize()}", cls, own)
    lines += [
        "",
        "## Beside the settings",
        "",
        "| variable | read by | meaning | default |",
        "|---|---|---|---|",
    ]
    lines += [_row((f"`{name}`", *said)) for name, said in BESIDES.items()]
    return "\n".join(lines) + "\n"


def _section(title: str, cls: type[ServiceSettings], names: Iterable[str]) -> list[str]:
    lines = ["", f"## {title}", "", "| variable | meaning | unit | default |", "|---|---|---|---|"]
    for name in names:
        field = cls.model_fields[name]
        said = field.description or ""
        unit = _UNIT.search(said)
        default = "must be set" if field.default is PydanticUndefined else _plain(field.default)
        meaning = said[: unit.start()] if unit else said
        lines.append(_row((f"`{variable(cls, name)}`", meaning, unit[1] if unit else "", default)))
    return lines


def _plain(value: object) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, timedelta):
        return f"`P{value.days}D`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def main() -> int:
    """Write the pages, or with --check say which are not current; 1 where one is not."""
    stale = {
        path: text for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text
    }
    for path, text in stale.items():
        if "--check" in sys.argv:
            said = f"{path.relative_to(ROOT)} is not what the code says today; `python -m deploy.catalogue` writes it anew."
            print(said, file=sys.stderr)  # noqa: T201  (a command)
        else:
            path.write_text(text, "utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
