"""What every process needs to be told. A service adds its own; the environment is the only source.

`HOLDFAST_KAFKA` and the like are shared by all services, `HOLDFAST_<SERVICE>_<KEY>` belongs to one.
"""

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def shared(name: str) -> AliasChoices:
    """A setting that has one name in all services."""
    return AliasChoices(f"HOLDFAST_{name}")


class Settings(BaseSettings):
    """Settings that every process knows. Subclasses set `env_prefix` and add theirs."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    kafka: str = Field(validation_alias=shared("KAFKA"))
    """Bootstrap servers, `host:port[,host:port]`; where Kafka asks who is there `scram-sha-512://user:password@host:port[,…]`
    (`contracts.connecting`), a `+tls` behind the mechanism if the line is encrypted. A secret then, as the database is."""

    internal_token: SecretStr = Field(validation_alias=shared("INTERNAL_TOKEN"))
    """What the gateway shows to the services' read ports. Any long random text, the same everywhere."""

    instance: str | None = Field(default=None, validation_alias=shared("INSTANCE"))
    """A name for static membership: for a supervisor that restarts this very instance (0.4 s instead of 9 s to take
    over). Leave it unset where replicas come and go."""

    metrics_port: int | None = Field(default=None, ge=1, le=65535, validation_alias=shared("METRICS_PORT"))
    """A port at which this very process tells its metrics to Prometheus, and nothing else. The gateway has no other; workers
    tell theirs at their read port too, which replicas on one machine share."""

    session_timeout_ms: int = Field(default=6000, validation_alias=shared("SESSION_TIMEOUT_MS"))
    """Milliseconds after which Kafka gives a silent member's partitions to others."""

    traces_to: str = Field(
        default="", validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    )
    """OpenTelemetry's own variable, `http://host:4318`: who takes traces, by OTLP over HTTP. Empty: there are none, and they cost
    nothing. The other `OTEL_…` variables count as the OpenTelemetry SDK says (docs/tracing.md); names and sampling are theirs."""

    traces_exporter: str = Field(default="otlp", validation_alias="OTEL_TRACES_EXPORTER")
    """`none` is no traces, though an address is given for other things; `otlp` is all there is beside it."""

    telemetry_disabled: str = Field(default="", validation_alias="OTEL_SDK_DISABLED")
    """`true` is no traces either."""

    development: bool = Field(default=False, validation_alias=shared("DEVELOPMENT"))
    """Opens what only a developer's own machine may have."""

    seek_on_assignment: bool = Field(default=True, validation_alias=shared("SEEK_ON_ASSIGNMENT"))
    """Begin where the database says. False trusts Kafka's offsets, to attack the gap check. For tests only."""

    failpoint: str | None = Field(default=None, validation_alias=shared("FAILPOINT"))
    """`point:n`: die at the n-th passage of a named point (`chassis.failpoints`). For tests only."""

    @property
    def traced(self) -> bool:
        """Whether spans are made."""
        off = self.traces_exporter == "none" or self.telemetry_disabled.strip().lower() == "true"
        return bool(self.traces_to) and not off


class WorkerSettings(Settings):
    """Settings of a process that decides: it has a database and a read port."""

    database: str
    """PostgreSQL, as a URL."""

    port: int
    """Loopback or pod port of the reads, probes and metrics; replicas on one machine share it."""

    host: str = "127.0.0.1"
    """The address that port is bound to."""

    read_connections: int = Field(default=3, ge=2)
    """Connections kept for reads, beside the three of the decider: however many ask for long lists, decisions do not wait."""
