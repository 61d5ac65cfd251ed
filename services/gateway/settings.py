"""The gateway's manual: what it can be told."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis import settings


class Settings(settings.Settings):
    """Set through `HOLDFAST_GATEWAY_<KEY>`; the shared ones are in `chassis.settings`."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_GATEWAY_")

    port: int = Field(default=8000, ge=1, le=65535)
    """Where clients call. Several gateways on one machine may share it."""

    host: str = "127.0.0.1"
    """The address that port is bound to. `0.0.0.0` in a container, behind whatever ends TLS."""

    availability_url: str
    """Where availability answers reads, `http://host:port`; any replica will do."""

    booking_url: str
    """Where booking answers reads, `http://host:port`; any replica will do."""

    acknowledged_within: float = Field(default=5.0, gt=0)
    """Seconds Kafka has to take a command before the client is told 503."""

    answered_within: float = Field(default=10.0, gt=0)
    """Seconds a service has to answer a command before the client is told 202."""

    read_within: float = Field(default=5.0, gt=0)
    """Seconds a read may take before the client is told 504."""

    reachable_within: float = Field(default=1.0, gt=0)
    """Seconds in which a read tries to reach a service before the client is told 503: long enough for a restart."""

    arrived_within: float = Field(default=20.0, gt=0)
    """Seconds a client has to send a whole request; a slower one is cut off."""

    kept_alive: int = Field(default=65, ge=1)
    """Seconds an idle connection stays open: more than the 60 s of the usual load balancers, so they close it first."""

    body_bytes: int = Field(default=64 * 1024, ge=1024)
    """The largest body. The largest catalogue entry fits twenty times."""

    slots_days: int = Field(default=7, ge=1)
    """How many days of slots are listed when the client does not say."""

    slots_most_days: int = Field(default=92, ge=1)
    """The most days of slots one request may ask for: a quarter. Availability has a limit of its own; keep below it."""

    drained_within: float = Field(default=2.0, gt=0)
    """Seconds that requests under way have after SIGTERM; those still waiting are then told 202. One second comes on top."""
