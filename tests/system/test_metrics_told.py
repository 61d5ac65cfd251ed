"""A running platform tells whatever the alerts and dashboards ask for, each process at an address of its own."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from http_house import House
from measuring import names, read, total, used

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "observability"
PROMETHEUS_OWN = {"up", "ALERTS"}


def alerts() -> list[str]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def queries() -> list[str]:
    boards = [json.loads(path.read_text()) for path in (FOLDER / "grafana" / "dashboards").glob("*.json")]
    panels = [panel for board in boards for panel in board["panels"]]
    return alerts() + [target["expr"] for panel in panels for target in panel.get("targets", ())]


async def told(platform: Any) -> dict[str, Any]:
    """What each process tells, found as Prometheus finds it."""
    targets = json.loads((platform.data / "targets.json").read_text())
    return {each["labels"]["instance"]: await read(f"http://{each['targets'][0]}/metrics") for each in targets}


async def test_every_metric_of_an_alert_or_a_dashboard_is_told_by_a_running_process(platform: Any) -> None:
    by_process = await told(platform)
    assert set(by_process) == {name for name in platform.pids if name not in ("kafka", "postgres")}
    there = {name for families in by_process.values() for name in names(families)}
    asked = {name for query in queries() for name in used(query)} - PROMETHEUS_OWN
    assert len(asked) > 35
    assert asked - there == set()


async def test_what_alerts_count_is_there_before_it_happens(platform: Any) -> None:
    """The first sample of a series is no increase: what is told from its first event on alarms at the second."""
    families = [family for each in (await told(platform)).values() for family in each]
    samples = [sample for family in families for sample in family.samples]
    asked = {
        (name, tuple(re.findall(r'(\w+)="([^"]*)"', labels)))
        for query in alerts()
        for name, labels in re.findall(r"increase\((\w+)(\{[^}]*\})?\[", query)
    }
    assert len(asked) > 8
    there = [(sample.name, sample.labels.items()) for sample in samples]
    assert [each for each in asked if not any(each[0] == n and dict(each[1]).items() <= of for n, of in there)] == []


async def test_each_process_says_what_all_say(platform: Any) -> None:
    every = {"process_resident_memory_bytes", "process_start_time_seconds", "process_cpu_seconds_total"}
    worker = {"holdfast_lag_records", "holdfast_last_poll_timestamp_seconds", "holdfast_database_up"}
    for process, families in (await told(platform)).items():
        service = process.rpartition("-")[0]
        expected = every | (worker if service not in ("gateway", "sandbox") else set())
        assert expected <= set(names(families)), process


async def test_a_booking_is_seen_on_its_way(platform: Any, house: House) -> None:
    before = await told(platform)
    await house.held()
    after = await told(platform)

    def more(process: str, name: str, **labels: str) -> float:
        return total(after[process], name, **labels) - total(before[process], name, **labels)

    posted = {"method": "POST", "route": "/v1/bookings"}
    assert more("gateway-1", "holdfast_gateway_requests_total", **posted, status="2xx") == 1
    assert more("gateway-1", "holdfast_gateway_request_seconds_count", **posted) == 1
    assert more("booking-1", "holdfast_batch_messages_sum") >= 2  # the command, and that the slot is held
    assert more("availability-1", "holdfast_batch_messages_sum") >= 1
    assert total(after["availability-1"], "holdfast_database_connections", state="open") >= 2
