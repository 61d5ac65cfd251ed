"""The sandbox's manual: what it can be told."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.settings import shared


class Settings(BaseSettings):
    """Set through `HOLDFAST_SANDBOX_<KEY>`; of the shared settings it knows `HOLDFAST_DEVELOPMENT` only."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_SANDBOX_", extra="ignore", frozen=True, populate_by_name=True
    )

    data: Path
    """The folder of `sandbox.sqlite3`, everything this provider remembers. Made if it is missing; one process a folder."""

    port: int = Field(default=8400, ge=0, le=65535)
    """Where the API, the checkout page and the control routes are; 0 chooses a free one and says it in the log."""

    host: str = "127.0.0.1"
    """The address that port is bound to."""

    metrics_port: int | None = Field(default=None, ge=1, le=65535, validation_alias=shared("METRICS_PORT"))
    """A port at which this process tells Prometheus of itself: memory, processor time, since when."""

    public_url: str | None = Field(default=None, pattern=r"^https?://[^/\s]+$")
    """Where a customer's browser finds the checkout page; by default `http://host:port`."""

    secret_keys: frozenset[str] = frozenset({"sk_test_holdfast"})
    """Keys that may call the API, as JSON. They are no secrets: no real money is behind them."""

    webhook_url: str | None = Field(default=None, pattern=r"^https?://\S+$")
    """Where events are posted; none: nowhere, they are only listed."""

    webhook_secrets: tuple[str, ...] = Field(default=("whsec_holdfast",), min_length=1)
    """What events are signed with, as JSON. Two while a secret is being exchanged: then there are two signatures."""

    webhook_retries: tuple[float, ...] = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 3600, 3600)
    """Seconds to wait after the first, second … failed delivery of an event, as JSON. Shorter than Stripe's three days,
    long enough for an afternoon's work on the receiver."""

    webhook_timeout: float = Field(default=10.0, gt=0)
    """Seconds a receiver has to answer an event."""

    shortest_session: int = Field(default=1800, ge=0)
    """Seconds a checkout session lives at least. Stripe insists on half an hour; tests of the expiry need less."""

    slow_seconds: float = Field(default=10.0, ge=0)
    """Seconds until a payment by a slow method is settled, and a refund to a slow card. With Stripe it takes days."""

    keys_kept: float = Field(default=86_400, gt=0)
    """Seconds an idempotency key is remembered: as Stripe, a day."""

    development: bool = Field(default=False, validation_alias=shared("DEVELOPMENT"))
    """Opens the control routes under `/_sandbox/`."""

    @field_validator("secret_keys")
    @classmethod
    def _none_is_live(cls, keys: frozenset[str]) -> frozenset[str]:
        if not keys or not all(key.startswith("sk_test_") for key in keys):
            raise ValueError("the sandbox takes keys that begin with sk_test_ only: a live key has no business here")
        return keys
