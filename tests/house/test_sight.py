"""Alert rules, their runbook and the dashboards: whole, and about metrics that there are."""

import importlib
import json
import pkgutil
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import measuring
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import chassis
import services
from chassis import telemetry

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "observability"
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARDS = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
UNITS = {"short", "s", "bytes", "percentunit", "cps", "reqps"}
PROMETHEUS_OWN = {"up": {"job", "service", "instance"}, "ALERTS": {"alertname", "alertstate"}}
TARGETS = {"job", "service", "instance"}  # labels that Prometheus adds
STARTS = re.compile(r"__main__$|[.]sandbox[.]app$")


def told() -> dict[str, set[str]]:
    """Every name that our modules can tell -> its labels, without a process."""
    for package in (chassis, services):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not STARTS.search(found.name):
                importlib.import_module(found.name)
    from prometheus_client import generate_latest

    families = text_string_to_metric_families(generate_latest(telemetry.metrics).decode())
    named = measuring.names(families)
    labels: dict[str, set[str]] = {
        collector._name: set(collector._labelnames)
        for collector in telemetry.metrics._names_to_collectors.values()
        if hasattr(collector, "_labelnames")
    }
    for name in named:
        named[name] |= labels.get(re.sub(r"_(total|bucket|sum|count)$", "", name), set()) | labels.get(name, set())
    return named | PROMETHEUS_OWN


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries() -> list[tuple[str, str]]:
    """Where each query stands, and what it says."""
    found = [(rule["alert"], rule["expr"]) for rule in ALERTS]
    for path in DASHBOARDS:
        for panel in panels(json.loads(path.read_text())):
            found += [(f"{path.stem}: {panel['title']}", target["expr"]) for target in panel["targets"]]
    return found


def test_every_query_is_about_metrics_and_labels_that_there_are() -> None:
    there, asked = told(), queries()
    assert len(asked) > 100
    unknown = []
    for place, query in asked:
        for name, labels in measuring.used(query).items():
            if name not in there:
                unknown.append(f"{place}: {name}")
            elif wrong := labels - there[name] - TARGETS:
                unknown.append(f"{place}: {name} has no {wrong}")
        every = set().union(*(there.get(name, set()) for name in measuring.used(query)))
        unknown += [f"{place}: groups by {label}" for label in measuring.grouped(query) - every - TARGETS]
    assert unknown == []


def test_what_a_query_uses_is_found() -> None:
    query = (
        'sum by (le) (rate(a_bucket{b!="x", c=~"d|e"}[5m])) > on (f) 0.5 * g_total offset 5m or vector(0) and h[1h:5m]'
    )
    assert measuring.used(query) == {"a_bucket": {"b", "c"}, "g_total": set(), "h": set()}
    assert measuring.grouped(query) == {"le", "f"}


def test_every_alert_has_a_runbook_entry_and_every_entry_its_alert() -> None:
    entries = re.findall(r"^### (\w+)$", RUNBOOK, re.MULTILINE)
    assert entries == [rule["alert"] for rule in ALERTS]
    for rule in ALERTS:
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"


def test_every_alert_says_what_is_wrong_and_whom_to_wake_and_the_runbook_says_the_same() -> None:
    for rule in ALERTS:
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, rule["alert"]
        severity = rule["labels"]["severity"]
        entry = RUNBOOK.partition(f"### {rule['alert']}\n")[2].partition("\n#")[0]
        assert {"page": "**Page", "ticket": "**Ticket"}[severity] in entry, rule["alert"]
        assert {"page": "**Ticket", "ticket": "**Page"}[severity] not in entry, rule["alert"]


def test_every_alert_has_a_test_of_its_rule() -> None:
    tested = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
    assert [test["name"] for test in tested] == [rule["alert"] for rule in ALERTS]
    for test in tested:
        expected = [each["exp_samples"][0]["value"] for each in test["promql_expr_test"]]
        assert expected == [0, 1], test["name"]
        assert all(f'alertname="{test["name"]}"' in each["expr"] for each in test["promql_expr_test"])


def test_the_rules_fire_when_they_should_by_prometheus_own_tool() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: the rules are read and compared, and not run")
    for words in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        ran = subprocess.run([promtool, *words], check=False, cwd=FOLDER, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-embedded.yml"])
def test_prometheus_loads_the_rules(name: str) -> None:
    assert yaml.safe_load((FOLDER / name).read_text())["rule_files"] == ["alerts.yml"]
    mounted = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["prometheus"]["volumes"]
    assert "./deploy/observability/alerts.yml:/etc/prometheus/alerts.yml:ro" in mounted


def test_the_gateway_s_metrics_are_found_by_prometheus_and_by_nobody_else() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    port = compose["gateway"]["environment"]["HOLDFAST_METRICS_PORT"]
    assert not any(str(port) in published for published in compose["gateway"]["ports"])
    [job] = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    asked = {name: each["port"] for each in job["dns_sd_configs"] for name in each["names"]}
    assert asked == {
        "gateway": port,
        **dict.fromkeys(("availability", "relay", "booking", "payment", "notifier"), 8080),
    }
    pods = ROOT / "deploy" / "kubernetes" / "base"
    deployment, *others = yaml.safe_load_all((pods / "gateway.yaml").read_text())
    assert deployment["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(port)
    [service] = [each for each in others if each["kind"] == "Service"]
    assert [each["targetPort"] for each in service["spec"]["ports"]] == ["http"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_explains_each_panel(path: Path) -> None:
    dashboard = json.loads(path.read_text())
    assert dashboard["uid"] == f"holdfast-{path.stem}"
    assert dashboard["title"]
    assert dashboard["description"]
    assert len(panels(dashboard)) >= 10
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    for panel in panels(dashboard):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"] in UNITS, panel["title"]
        assert panel["description"].endswith((".", "?")) or ":" in panel["description"], panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}
        assert panel["targets"], panel["title"]
        assert all(target["legendFormat"] for target in panel["targets"])


def test_panels_do_not_lie_on_each_other() -> None:
    for path in DASHBOARDS:
        taken: set[tuple[int, int]] = set()
        for panel in json.loads(path.read_text())["panels"]:
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert at["x"] + at["w"] <= 24
            assert not taken & cells, f"{path.stem}: {panel['title']}"
            taken |= cells


def test_grafana_reads_the_folder_where_the_dashboards_are() -> None:
    provided = yaml.safe_load((FOLDER / "grafana" / "dashboards" / "files.yml").read_text())["providers"]
    assert [each["options"]["path"] for each in provided] == ["/etc/grafana/provisioning/dashboards"]
    sources = yaml.safe_load((FOLDER / "grafana" / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert [each["uid"] for each in sources] == ["prometheus"]
