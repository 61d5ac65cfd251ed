"""Every setting of availability, with its default, unit and reason."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import WorkerSettings
from contracts.topics import LONGEST_HOLD, hold_lengths

SHOP_WINDOW = timedelta(minutes=60)
HOLDS_IN_ALL = 4


class AvailabilitySettings(WorkerSettings):
    """`HOLDFAST_AVAILABILITY_…`; the relay reads the same."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_AVAILABILITY_", extra="ignore", frozen=True, populate_by_name=True
    )

    hold: timedelta = Field(default=timedelta(minutes=15), gt=timedelta(0), le=LONGEST_HOLD)
    """How long a slot is held where the product does not say (ISO 8601). Its delay topic must exist."""

    hold_cap: timedelta | None = Field(default=None, gt=timedelta(0))
    """How long a slot may be held in all, extensions included (ISO 8601): a shop window is not a storehouse. By default 60
    minutes or four times `hold`, whichever is longer. Never less than the one hold a slot already has: where a product's
    hold is as long as the cap (`holdMinutes: 60`), it cannot be extended until the cap is raised."""

    @property
    def most_held(self) -> timedelta:
        """The cap that counts."""
        return self.hold_cap or max(SHOP_WINDOW, HOLDS_IN_ALL * self.hold)

    @property
    def hold_lengths(self) -> tuple[timedelta, ...]:
        return hold_lengths(self.hold)


class RelaySettings(WorkerSettings):
    """The delay relay's: it reads availability's clock, and has no reads of its own, only probes and metrics."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_AVAILABILITY_RELAY_", extra="ignore", frozen=True)

    database: str = Field(validation_alias="HOLDFAST_AVAILABILITY_DATABASE")
    """Availability's database, as a URL: its clock says what is due."""

    port: int = 0
    """Where its probes and metrics are; 0 takes any free port."""
