"""Rules, runbooks and dashboard: of metrics that exist, current, and tested by promtool where it is installed."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from baton.run import APPS
from deploy import topics
from deploy.grafana import generate, queries
from schemas.topics import TOPICS
from tests.deploy import compose

DEPLOY = compose.ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "baton.rules.yml"
CONFIG = DEPLOY / "prometheus" / "prometheus.yml"
CASES = sorted(Path(__file__).parent.glob("*.test.yml"))
PROMTOOL = shutil.which("promtool")
promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")

OURS = re.compile(r"\bbaton_\w+")
GROUPED = re.compile(r"\bby\s*\(([^)]*)\)")
# Put on by Prometheus and prometheus.yml, not by a process.
ADDED = {"job", "instance", "process", "alertname", "le"}


def _alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _panels() -> list[dict[str, Any]]:
    panels = json.loads(generate.FILE.read_text("utf-8"))["panels"]
    return [panel for panel in panels if panel["type"] != "row"]


def _drawn() -> list[str]:
    return [target["expr"] for panel in _panels() for target in panel["targets"]]


def _check(*arguments: str | Path) -> None:
    done = subprocess.run(
        [PROMTOOL or "", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _metric(name: str) -> Any:
    return queries.CATALOGUE.get(re.sub(r"_(bucket|sum|count)$", "", name)) or queries.CATALOGUE.get(name)


@pytest.mark.parametrize("expression", [*(rule["expr"] for rule in _alerts()), *_drawn()])
def test_a_query_names_metrics_and_labels_that_exist(expression: str) -> None:
    """Each metric of ours in a rule or panel is in the catalogue, and it is grouped by labels that one of them has."""
    found = {name: _metric(name) for name in OURS.findall(expression)}
    grouped = {label.strip() for group in GROUPED.findall(expression) for label in group.split(",")}

    assert [name for name, metric in found.items() if metric is None] == []
    assert grouped <= ADDED | {label for metric in found.values() for label in metric.labels}


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    """The page an alert names is there, has its name in the first line and is listed; no page is left over."""
    folder = DEPLOY / "runbooks"
    index = (folder / "README.md").read_text("utf-8")
    pages = {rule["alert"]: rule["annotations"]["runbook"] for rule in _alerts()}

    for alert, page in pages.items():
        heading = (compose.ROOT / page).read_text("utf-8").partition(":")[0]
        assert alert in heading.removeprefix("# ").split(", ")
        severity = next(rule["labels"]["severity"] for rule in _alerts() if rule["alert"] == alert)
        assert f"| {alert} | {severity} | [" in index
        assert f"({Path(page).name})" in index
    assert {Path(page).name for page in pages.values()} == {p.name for p in folder.glob("*.md")} - {
        "README.md"
    }


def test_every_alert_is_tested_both_ways() -> None:
    """The cases for promtool show each alert firing and silent."""
    cases = [
        case
        for file in CASES
        for test in yaml.safe_load(file.read_text("utf-8"))["tests"]
        for case in test["alert_rule_test"]
    ]
    fires = {case["alertname"] for case in cases if case["exp_alerts"]}
    silent = {case["alertname"] for case in cases if not case["exp_alerts"]}

    assert fires == silent == {rule["alert"] for rule in _alerts()}


def test_every_process_is_asked_and_missed() -> None:
    """Prometheus asks each process of compose.yaml on the port it serves, and the rule of the dead names each."""
    [job] = [
        job
        for job in yaml.safe_load(CONFIG.read_text("utf-8"))["scrape_configs"]
        if job["job_name"] == "baton"
    ]
    [asked] = job["dns_sd_configs"]
    [down] = [rule["expr"] for rule in _alerts() if rule["alert"] == "BatonProcessDown"]

    assert set(asked["names"]) == set(APPS)
    assert {service["environment"]["BATON_HTTP_PORT"] for service in compose.processes().values()} == {
        str(asked["port"])
    }
    assert set(re.findall(r'process="(\w+)"', down)) == set(APPS)


@promtool
def test_the_configuration_is_valid() -> None:
    """Prometheus could read prometheus.yml and the rules it names."""
    _check("check", "config", CONFIG)


@promtool
def test_the_rules_fire_when_they_should_and_only_then() -> None:
    """The cases of *.test.yml, played by promtool, end as they say."""
    _check("test", "rules", *CASES)


@promtool
def test_every_panel_asks_in_promql(tmp_path: Path) -> None:
    """The query of every panel is PromQL."""
    rules = [
        {"record": f"panel:query{number}", "expr": expr.replace(queries.SPAN, "5m")}
        for number, expr in enumerate(_drawn())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")
    _check("check", "rules", file)


def test_the_dashboard_is_current() -> None:
    """dashboards/baton.json is what `python -m deploy.grafana.generate` writes."""
    assert generate.FILE.read_text("utf-8") == generate.document()


def test_the_dashboard_is_laid_out_without_overlap() -> None:
    """Ids are unique, no panel reaches beyond the grid, and no two cover the same place."""
    panels = json.loads(generate.FILE.read_text("utf-8"))["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= generate.WIDTH
        assert not cells & taken
        taken |= cells

    assert len({panel["id"] for panel in panels}) == len(panels)


def test_grafana_is_given_the_data_source_that_the_panels_ask() -> None:
    """Each panel asks the provisioned Prometheus, which is where compose.yaml puts it; the folder is the mounted one."""
    provisioned = DEPLOY / "grafana" / "provisioning"
    [source] = yaml.safe_load((provisioned / "datasources" / "prometheus.yml").read_text("utf-8"))[
        "datasources"
    ]
    [provider] = yaml.safe_load((provisioned / "dashboards" / "baton.yml").read_text("utf-8"))["providers"]
    mounts = compose.services()["grafana"]["volumes"]

    assert {panel["datasource"]["uid"] for panel in _panels()} == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounts


def test_the_file_of_topics_is_current() -> None:
    """topics.yaml is what `python -m deploy.topics` writes, and has every topic of schemas/topics.py."""
    written = topics.FILE.read_text("utf-8")

    assert written == topics.document()
    assert [each["name"] for each in yaml.safe_load(written)["topics"]] == [topic.name for topic in TOPICS]
