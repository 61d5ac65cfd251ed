"""The whole platform in one process tree: Kafka, Postgres, topics, migrations, then the services."""

import contextlib
import json
import re
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from embedded import child, money, ports
from embedded.child import Program
from embedded.folder import DataFolder
from embedded.infrastructure import Infrastructure, Say, infrastructure, opened, silent
from embedded.jars import PROJECT
from embedded.notified import Notified
from embedded.problem import Problem

__all__ = ["Platform", "infrastructure", "running"]

PARTITIONS = 4  # of every topic; fixed for a topic's life
DATABASES = ["availability", "booking", "notifier", "payment"]
GATEWAY, SANDBOX = "gateway", "sandbox"
# Started wave by wave, stopped the other way round: the door opens last and closes first.
WAVES = [
    {
        "availability": "services.availability",
        "relay": "services.availability.relay",
        "booking": "services.booking",
        "notifier": "services.notifier",
        "payment": "services.payment",
        SANDBOX: "services.payment.sandbox",
    },
    {GATEWAY: "services.gateway"},
]
MODULES = {service: module for wave in WAVES for service, module in wave.items()}

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


@dataclass(frozen=True)
class Plan:
    """What to start, beside Kafka and Postgres."""

    port: int  # the gateway's; 0 chooses a free one
    hold: timedelta  # how long a slot is held
    scale: Mapping[str, int]  # replicas by service; 1 where nothing is said
    settings: Mapping[str, str]  # environment variables of every service

    def __post_init__(self) -> None:
        for service, replicas in self.scale.items():
            if service not in MODULES:
                raise Problem(f"there is no service {service!r} to scale: {', '.join(MODULES)}")
            if not 0 <= replicas <= 16:
                raise Problem(f"{service}: between 0 and 16 replicas, not {replicas}")
            if service == SANDBOX and replicas > 1:
                raise Problem("there is one sandbox: a provider knows all that it did")
        from contracts.topics import LONGEST_HOLD

        if self.hold > LONGEST_HOLD:
            raise Problem(f"a slot is held for {LONGEST_HOLD // timedelta(hours=1)}h at most: choose a shorter --hold")


class Platform(Infrastructure):
    """A running platform: `url` is the gateway's address; processes are kafka, postgres, booking-1, booking-2 …"""

    def __init__(self, data: DataFolder, say: Say, fast_sessions: bool, plan: Plan) -> None:
        super().__init__(data, say, fast_sessions)
        self.plan = plan
        self._gateway_port = self._port(plan.port)
        self._read_ports = {service: self._port(shared=True) for service in DATABASES}
        self._relay_port = self._port(shared=True)
        self.url = f"http://{ports.HOST}:{self._gateway_port}"
        self.money = money.provider(data, self.url, plan.settings, self._port)
        # Replicas share their read port, so each process tells its metrics at a port of its own.
        self._metrics_ports = {
            f"{service}-{number}": self._port()
            for service in MODULES
            for number in range(1, self._replicas(service) + 1)
        }

    @property
    def environment(self) -> dict[str, str]:
        """What every service is told; each takes what concerns it."""
        mine = {
            "HOLDFAST_GATEWAY_ISSUER": self.url,
            "HOLDFAST_GATEWAY_PORT": str(self._gateway_port),
            "HOLDFAST_AVAILABILITY_HOLD": iso(self.plan.hold),
            "HOLDFAST_TOPIC_PARTITIONS": str(PARTITIONS),
            "HOLDFAST_BOOKING_HELD_SLOTS": "100000",  # a machine for development: load tests need no special build
            "HOLDFAST_BOOKING_RETURN_LOOPBACK": "true",  # and the customer's way back may lead to a shop on it
        }
        mine["HOLDFAST_NOTIFIER_NICE"] = "10"  # whoever a customer waits for goes first
        mine["HOLDFAST_AVAILABILITY_RELAY_PORT"] = str(self._relay_port)
        mine["HOLDFAST_SEALING_KEYS"] = json.dumps([self._folder.sealing_key()])
        for service, port in self._read_ports.items():
            mine[f"HOLDFAST_{service.upper()}_DATABASE"] = self.dsn(service)
            mine[f"HOLDFAST_{service.upper()}_PORT"] = str(port)
            mine[f"HOLDFAST_GATEWAY_{service.upper()}_URL"] = f"http://{ports.HOST}:{port}"
        return {**super().environment, **mine, **self.money.environment, **self.plan.settings}

    async def start_services(self) -> None:
        """Make the topics and tables that are missing, then start the services."""
        await self._provision()
        self._folder.tell_prometheus({name: f"{ports.HOST}:{port}" for name, port in self._metrics_ports.items()})
        for wave in WAVES:
            await self._supervisor.start(
                self._service(service, module, number)
                for service, module in wave.items()
                for number in range(1, self._replicas(service) + 1)
            )

    def _replicas(self, service: str) -> int:
        if service == SANDBOX and self.money.sandbox is None:
            return 0
        return self.plan.scale.get(service, 1)

    async def _provision(self) -> None:
        from chassis import migrations
        from contracts import topics

        try:
            await topics.provision(self.kafka, PARTITIONS, topics.hold_lengths(self.plan.hold))
            for service in DATABASES:
                await migrations.migrate(self.dsn(service), PROJECT / "services" / service / "migrations")
        except (topics.TopicsNotMade, migrations.DatabaseIsAhead, migrations.MigrationChanged) as error:
            raise Problem(
                f"{type(error).__doc__} ({error})\nUse the checkout that made {self.data}, choose a new folder with "
                f"--data, or forget its data with `holdfast reset --data '{self.data}'`."
            ) from error

    def _service(self, service: str, module: str, number: int) -> Program:
        name = f"{service}-{number}"
        notified = Notified(self._folder.runtime / f"{name}.notify")
        own = {
            "HOLDFAST_INSTANCE": name,
            "HOLDFAST_METRICS_PORT": str(self._metrics_ports[name]),
            "NOTIFY_SOCKET": str(notified.path),
            "PYTHONUNBUFFERED": "1",
        }
        return Program(
            name=name,
            argv=[sys.executable, "-m", module],
            env={**child.environment(), **self.environment, **own},
            folder=PROJECT,  # `-m` looks here first: never in a folder that only happens to be current
            log=self._folder.logs / f"{name}.log",
            ready=notified.ready,
            before=notified.listen,
            stop_timeout=10.0,
            descriptors=[self._folder.lock],
        )

    def _run(self) -> dict[str, Any]:
        return {
            **super()._run(),
            "gateway": self.url,
            **({"sandbox": self.money.sandbox} if self.money.sandbox else {}),
            "partitions": PARTITIONS,
            "hold": self.plan.hold.total_seconds(),
            "databases": {name: self.dsn(name) for name in DATABASES},
            "reads": {
                name: f"http://{ports.HOST}:{port}"
                for name, port in {**self._read_ports, "relay": self._relay_port}.items()
            },
            "metrics": {name: f"http://{ports.HOST}:{port}/metrics" for name, port in self._metrics_ports.items()},
        }


P = TypeVar("P", bound=Platform)


@contextlib.asynccontextmanager
async def started(platform: P) -> AsyncIterator[P]:
    """This platform, ready; nothing of it is left running afterwards."""
    try:
        await platform.start(DATABASES)
        await platform.start_services()
        platform.settled()
        yield platform
    finally:
        await platform.stop()


@contextlib.asynccontextmanager
async def running(
    data: Path | None = None,
    *,
    port: int = 0,
    hold: str | timedelta = "15m",
    scale: Mapping[str, int] | None = None,
    settings: Mapping[str, str] | None = None,
    fast_sessions: bool = False,
    say: Say = silent,
) -> AsyncIterator[Platform]:
    """The whole platform, ready, in this data folder or in a temporary one; nothing is left running afterwards.

    `port` 0 chooses a free one; `hold` is a length such as 20s, 15m or 1h; `scale` says how many replicas of a
    service run (0 leaves it out); `settings` are environment variables for every service; `fast_sessions` lets
    Kafka notice a lost worker after one second. Raises Problem, with the way out, where something is in the way.
    """
    plan = Plan(port, length(hold), scale or {}, settings or {})
    if port and data is not None and not data.exists():  # one that is there says who runs in it
        ports.hold(plan.port).release()
    with opened(data) as mine:
        async with started(Platform(mine, say, fast_sessions, plan)) as platform:
            yield platform


def length(text: str | timedelta) -> timedelta:
    """A length of time as people write it: 20s, 15m, 1h."""
    if isinstance(text, timedelta):
        return text
    written = re.fullmatch(r"([1-9][0-9]{0,5})([smh])", text)
    if written is None:
        raise Problem(f"{text!r} is no length of time: write 20s, 15m or 1h")
    return timedelta(**{_UNITS[written[2]]: int(written[1])})


def iso(length: timedelta) -> str:
    """The same in ISO 8601, as settings want it."""
    seconds = round(length.total_seconds())
    return f"PT{seconds // 60}M" if seconds % 60 == 0 else f"PT{seconds}S"
