"""Every setting of payment, with its default, unit and reason."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import WorkerSettings


class PaymentSettings(WorkerSettings):
    """`HOLDFAST_PAYMENT_DATABASE`, `HOLDFAST_PAYMENT_PORT` and what all workers share."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_PAYMENT_", extra="ignore", frozen=True, populate_by_name=True
    )

    provider_url: str = Field(default="https://api.stripe.com", pattern=r"^https?://[^/\s]+$")
    """Where the provider's API is: Stripe, or a local stand-in that speaks the same."""

    provider_key: SecretStr
    """The provider's secret key. One that begins with `sk_live_` or `rk_live_` moves real money."""

    provider_seconds: float = Field(default=20.0, gt=0, le=60)
    """Seconds an attempt of a call may take; then it is tried again under the same idempotency key."""

    events_seconds: float = Field(default=120.0, ge=0.1, le=86_400)
    """Seconds from one look at the provider's list of events to the next: how late a payment is heard of, at the most, when
    its webhook is lost. One request each time, and one more for each hundred events."""

    sessions_seconds: float = Field(default=600.0, ge=0.1, le=86_400)
    """The same for its list of checkout sessions, which is the second net: one request for each hundred checkouts of a day."""

    @property
    def live(self) -> bool:
        """Whether real money moves: the other mode's sessions and events are not believed."""
        return self.provider_key.get_secret_value().startswith(("sk_live_", "rk_live_"))
