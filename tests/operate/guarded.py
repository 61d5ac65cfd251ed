"""The platform on a Kafka that asks who is there: set up as docker-compose.secure.yml says, each service as itself.

Its listener for this machine is encrypted besides: the way of an operator from elsewhere.
"""

import contextlib
import dataclasses
import re
from collections.abc import AsyncIterator
from pathlib import Path

import yaml
from certificates import Authority
from pydantic import SecretStr

from embedded import kafka, ports
from embedded.child import Program
from embedded.folder import DataFolder
from embedded.infrastructure import opened, silent
from embedded.jars import PROJECT
from embedded.platform import PARTITIONS, Plan, Platform, length, started
from services.provision.__main__ import provision
from services.provision.access import RIGHTS
from services.provision.settings import ProvisionSettings

SECURE = yaml.safe_load((PROJECT / "docker-compose.secure.yml").read_text())["services"]["kafka"]["environment"]
DEFAULT = re.compile(r"\$\{[A-Z_]+:-([^}]*)\}")
ADMIN = "development-only-kafka-admin"
HOLD = length("15m")


def password(user: str) -> str:
    """Of everybody but the administrator."""
    return f"of {user}: #1/2@3"


def told() -> dict[str, str]:
    """Kafka's settings out of the compose file, named as Kafka's image names them."""
    return {_setting(variable): DEFAULT.sub(r"\1", value) for variable, value in SECURE.items()}


def _setting(variable: str) -> str:
    dotted = variable.removeprefix("KAFKA_").lower().replace("_", ".")
    return dotted.replace("...", "-").replace("..", "_")


class Guarded(Platform):
    """`kafka` is the administrator's address."""

    def __init__(self, data: DataFolder, authority: Authority) -> None:
        super().__init__(data, silent, True, Plan(0, HOLD, {}, {}))
        self._servers = None  # child processes, wherever the other tests have theirs
        self._authority = authority
        self._at = {name: self._port() for name in ("SERVICES", "OUTSIDE", "ADMIN", "CONTROLLER")}
        self.kafka = f"plain://admin:{ADMIN}@{ports.HOST}:{self._at['ADMIN']}"

    def inside(self, user: str) -> str:
        """Kafka's address for a service."""
        return f"scram-sha-512://{user}:{_quoted(password(user))}@{ports.HOST}:{self._at['SERVICES']}"

    def outside(self, user: str) -> str:
        """The same over TLS; the administrator comes there too."""
        who = (
            f"plain+tls://admin:{ADMIN}" if user == "admin" else f"scram-sha-512+tls://{user}:{_quoted(password(user))}"
        )
        return f"{who}@localhost:{self._at['OUTSIDE']}"

    async def _start_kafka(self) -> None:
        await kafka.prepare(self._folder, self._say)
        at = {name: f"{name}://{ports.HOST}:{port}" for name, port in self._at.items()}
        seen = {**at, "OUTSIDE": f"OUTSIDE://localhost:{self._at['OUTSIDE']}"}
        settings = told()
        changes = {
            **settings,
            "listeners": ",".join(at.values()),
            "advertised.listeners": ",".join(each for name, each in seen.items() if name != "CONTROLLER"),
            "listener.security.protocol.map": settings["listener.security.protocol.map"].replace(
                "OUTSIDE:SASL_PLAINTEXT", "OUTSIDE:SASL_SSL"
            ),
            "listener.name.outside.ssl.keystore.type": "PEM",
            "listener.name.outside.ssl.keystore.location": str(self._authority.file("localhost")),
        }
        program = kafka.program(
            self._folder, self._at["SERVICES"], self._at["CONTROLLER"], changes=changes, address=self.kafka
        )
        await self._supervisor.start([program])

    async def _provision(self) -> None:
        await provision(
            ProvisionSettings(
                kafka=self.kafka,
                database=self.dsn("postgres"),
                partitions=PARTITIONS,
                hold=self.plan.hold,
                kafka_users={user: SecretStr(password(user)) for user in RIGHTS},
            )
        )

    def _service(self, service: str, module: str, number: int) -> Program:
        program = super()._service(service, module, number)
        address = {"HOLDFAST_KAFKA": self.inside(service)} if service in RIGHTS else {}
        return dataclasses.replace(program, env={**program.env, **address})


def _quoted(text: str) -> str:
    return "".join(letter if letter.isalnum() else f"%{ord(letter):02X}" for letter in text)


@contextlib.asynccontextmanager
async def guarded(folder: Path) -> AsyncIterator[Guarded]:
    """The platform, ready; `authority.pem` in the folder is who vouches for its Kafka."""
    authority = Authority(folder)
    authority.trusted()
    with opened(None) as data:
        async with started(Guarded(data, authority)) as platform:
            yield platform
