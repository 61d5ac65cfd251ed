"""`make lock`: resolve the jars of Apache Kafka once and write their names and hashes down.

Nothing is resolved when the platform starts: resolvers differ from day to day, a committed lock does not.
"""

import hashlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jgo.maven import Artifact, MavenContext

from embedded.jars import LOCK

KAFKA = "4.3.1"
ENTRIES = [
    f"org.apache.kafka:kafka_2.13:{KAFKA}",
    # named although kafka_2.13 needs it: the resolver would otherwise settle on an older client
    f"org.apache.kafka:kafka-clients:{KAFKA}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",  # Kafka speaks SLF4J; without it nothing is logged
]


def resolve() -> str:
    """The text of the lock: every jar Kafka needs at run time, by coordinate and sha256, sorted."""
    with tempfile.TemporaryDirectory() as private:
        context = MavenContext(repo_cache=Path(private), timeout=30)
        wanted = [context.create_dependency(entry) for entry in ENTRIES]
        resolved, transitive = context.resolver.resolve(wanted)
        jars = {
            dependency.artifact.key: dependency.artifact
            for dependency in [*resolved, *transitive]
            if dependency.scope in (None, "compile", "runtime") and dependency.type == "jar"
        }
        with ThreadPoolExecutor(8) as pool:
            rows = sorted(pool.map(_row, jars.values()))
    head = (
        "# The jars of Apache Kafka, exactly. Made by `make lock`; no addresses: any Maven mirror will do.\n"
        f'kafka = "{KAFKA}"\n\n[jars]\n'
    )
    return head + "".join(f'"{coordinate}" = "{digest}"\n' for coordinate, digest in rows)


def _row(artifact: Artifact) -> tuple[str, str]:
    parts = [artifact.groupId, artifact.artifactId, artifact.version]
    if artifact.classifier:
        parts.append(artifact.classifier)
    return ":".join(parts), hashlib.sha256(artifact.resolve().read_bytes()).hexdigest()


if __name__ == "__main__":
    LOCK.write_text(resolve())
    print(f"{LOCK.name}: {len(LOCK.read_text().splitlines()) - 4} jars of Apache Kafka {KAFKA}")
