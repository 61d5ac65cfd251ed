"""The manifests are what Kubernetes takes, and say of each service what a cluster has to know."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from contracts import topics
from services.provision import access

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
RELEASES = ("1.30", "1.37")  # the oldest with all that is used, and the newest whose schema is at hand
SERVICES = ("availability", "relay", "booking", "payment", "notifier", "gateway")
SCALED = ("availability", "booking", "payment", "notifier")
KEDA = "keda.sh/v1alpha1"

Manifest = dict[str, Any]


def manifests() -> Iterator[Manifest]:
    for path in sorted(FOLDER.rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from yaml.safe_load_all(path.read_text())


def of_kind(kind: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in manifests() if each["kind"] == kind}


@pytest.mark.parametrize("release", RELEASES)
def test_kubernetes_takes_every_manifest(release: str) -> None:
    asked = [each for each in manifests() if each["apiVersion"] != KEDA]
    for manifest in asked:
        kubernetes_validate.validate(manifest, release, strict=True)
    assert len(asked) > 20


def test_a_misspelt_field_is_refused() -> None:
    manifest = of_kind("Deployment")["booking"]
    manifest["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, RELEASES[-1], strict=True)


def test_every_service_runs_without_rights_and_is_asked_how_it_is() -> None:
    deployments = of_kind("Deployment")
    assert set(deployments) == set(SERVICES)
    for name, deployment in deployments.items():
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"], name
        assert not pod["automountServiceAccountToken"], name
        assert container["securityContext"]["readOnlyRootFilesystem"], name
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz", name
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez", name
    assert set(of_kind("PodDisruptionBudget")) == set(SERVICES)


def test_secrets_are_named_and_never_written() -> None:
    secret = ("KAFKA", "DATABASE", "TOKEN", "KEY", "KEYS", "CLIENTS", "SECRETS", "ROLES", "USERS")
    workloads = [*of_kind("Deployment").values(), *of_kind("Job").values()]
    said = [variable for each in workloads for variable in each["spec"]["template"]["spec"]["containers"][0]["env"]]
    guarded = [variable for variable in said if variable["name"].endswith(secret)]
    assert len(guarded) > 20
    assert [variable["name"] for variable in guarded if "secretKeyRef" not in variable.get("valueFrom", {})] == []
    assert of_kind("Secret") == {}


def test_workers_are_scaled_by_the_lag_of_their_own_groups_and_never_by_delay_topics() -> None:
    scaled = of_kind("ScaledObject")
    assert set(scaled) == set(SCALED)
    for name, manifest in scaled.items():
        asked = [trigger["metadata"] for trigger in manifest["spec"]["triggers"]]
        assert {trigger["consumerGroup"] for trigger in asked} == set(access.RIGHTS[name].groups)
        assert {trigger["topic"] for trigger in asked} == set(access.RIGHTS[name].reads)
        assert not any(trigger["topic"].startswith(access.DELAYS) for trigger in asked)
        assert manifest["spec"]["scaleTargetRef"]["name"] in of_kind("Deployment")


def test_nobody_is_reached_unless_a_policy_says_so() -> None:
    policies = of_kind("NetworkPolicy")
    assert policies["nothing"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (private,) = [rule["to"][0]["ipBlock"]["except"] for rule in policies["outside"]["spec"]["egress"]]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= set(private)


@pytest.mark.parametrize("folder", ["base", "keda"])
def test_kustomize_builds_it(folder: str) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed: the manifests are checked one by one only")
    built = subprocess.run([kubectl, "kustomize", str(FOLDER / folder)], check=True, capture_output=True, text=True)
    made = list(yaml.safe_load_all(built.stdout))
    for manifest in made:
        if manifest["apiVersion"] != KEDA:
            kubernetes_validate.validate(manifest, RELEASES[-1], strict=True)
    deployed = [each for each in made if each["kind"] == "Deployment"]
    assert len(deployed) == len(SERVICES)
    assert all("part-of" in str(each["spec"]["template"]["metadata"]["labels"]) for each in deployed)


def test_only_booking_writes_what_happened_to_bookings() -> None:
    assert access.writers(topics.BOOKING_EVENTS.name) == {"booking"}


@pytest.mark.parametrize("topic", topics.topics(topics.hold_lengths(topics.LONGEST_HOLD)), ids=lambda topic: topic.name)
def test_events_have_one_writer_and_nothing_is_read_that_nobody_writes(topic: topics.Topic) -> None:
    writing = access.writers(topic.name)
    owner = topic.name.split(".")[0]
    if topic.name.endswith((".events", ".dead-letters")) or topic.forwards_to:
        assert writing == {owner}
    assert writing
    assert owner in access.RIGHTS
