"""Every setting of availability, with its default, unit and reason."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import WorkerSettings
from contracts.topics import hold_lengths


class AvailabilitySettings(WorkerSettings):
    """`HOLDFAST_AVAILABILITY_…`; the relay reads the same."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_AVAILABILITY_", extra="ignore", frozen=True, populate_by_name=True
    )

    hold: timedelta = Field(default=timedelta(minutes=15), gt=timedelta(0), le=timedelta(hours=24))
    """How long a slot is held where the product does not say (ISO 8601). Its delay topic must exist."""

    hold_cap: timedelta = Field(default=timedelta(minutes=60), gt=timedelta(0))
    """How long a slot may be held in all, extensions included: a shop window is not a storehouse."""

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
