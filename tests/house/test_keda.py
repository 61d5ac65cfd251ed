"""What KEDA is asked for is what KEDA takes: its own schema, and the names of its Kafka scaler, without a network."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

FILE = Path(__file__).parents[2] / "deploy" / "kubernetes" / "keda" / "scaling.yaml"
# KEDA's own, as its release has it; the file says which.
SCHEMAS = json.loads(Path(__file__).with_name("keda-2.20.2-schemas.json").read_text())["schemas"]
MANIFESTS = list(yaml.safe_load_all(FILE.read_text()))
SCALED = [each for each in MANIFESTS if each["kind"] == "ScaledObject"]

# As pkg/scalers/kafka_scaler.go of that release reads them: a name that it does not know is passed over in silence.
TRIGGER = {
    *("bootstrapServers", "consumerGroup", "topic", "partitionLimitation", "lagThreshold", "activationLagThreshold"),
    *("offsetResetPolicy", "allowIdleConsumers", "excludePersistentLag", "scaleToZeroOnInvalidOffset", "version"),
    *("limitToPartitionsWithLag", "ensureEvenDistributionOfPartitions", "tls", "sasl", "unsafeSsl"),
}
SECRETS = {"sasl", "username", "password", "tls", "ca", "cert", "key", "keyPassword"}
POLICIES = ("earliest", "latest")


def strict(schema: Any) -> Any:
    """A field that is not in the schema is refused, as kubectl does; KEDA itself would drop it."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(each) for name, each in schema.items()}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made


def refused(manifest: dict[str, Any]) -> list[str]:
    schema = strict(SCHEMAS[manifest["kind"]])
    found = [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(manifest)]
    if manifest["kind"] == "ScaledObject":  # the schema's one rule that is no schema
        spec = manifest["spec"]
        if spec.get("minReplicaCount", 0) > spec.get("maxReplicaCount", 100):
            found.append("minReplicaCount must be less than or equal to maxReplicaCount")
    return found


def changed(*path: str | int, to: Any) -> dict[str, Any]:
    """One of ours with something changed."""
    manifest: dict[str, Any] = copy.deepcopy(SCALED[0])
    part: Any = manifest
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = to
    return manifest


def test_keda_takes_every_manifest() -> None:
    assert len(MANIFESTS) == 5
    assert [(each["metadata"]["name"], refused(each)) for each in MANIFESTS if refused(each)] == []


@pytest.mark.parametrize(
    "manifest",
    [
        changed("spec", "maxReplicas", to=3),
        changed("spec", "pollingInterval", to="10"),
        changed("spec", "pollingInterval", to=0),
        changed("spec", "minReplicaCount", to=13),
        changed("spec", "triggers", to=[]),
        changed("spec", "triggers", 0, "metadata", "lagThreshold", to=500),
        changed("spec", "triggers", 0, "authenticationRef", to={"kind": "Secret", "name": "kafka"}),
        changed("spec", "scaleTargetRef", to={}),
        changed(
            "spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleDown", "policies", 0, "size", to=1
        ),
        changed(
            *(
                "spec",
                "advanced",
                "horizontalPodAutoscalerConfig",
                "behavior",
                "scaleDown",
                "stabilizationWindowSeconds",
            ),
            to=3601,
        ),
    ],
)
def test_what_keda_would_not_take_is_refused(manifest: dict[str, Any]) -> None:
    assert refused(manifest)


def test_triggers_say_only_what_the_kafka_scaler_reads() -> None:
    (authentication,) = (each for each in MANIFESTS if each["kind"] == "TriggerAuthentication")
    given = {each["parameter"] for each in authentication["spec"]["secretTargetRef"]}
    assert given <= SECRETS
    for manifest in SCALED:
        for trigger in manifest["spec"]["triggers"]:
            assert trigger["type"] == "kafka"
            assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]
            said = trigger["metadata"]
            assert {"bootstrapServers", "consumerGroup", "topic"} <= said.keys() <= TRIGGER
            assert said["offsetResetPolicy"] in POLICIES
            assert 0 <= int(said["activationLagThreshold"]) < int(said["lagThreshold"])
