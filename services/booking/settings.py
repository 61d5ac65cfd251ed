"""Every setting of booking, with its default, unit and reason."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import WorkerSettings

HELD_SLOTS = 50


class BookingSettings(WorkerSettings):
    """`HOLDFAST_BOOKING_DATABASE`, `HOLDFAST_BOOKING_PORT` and what all workers share."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_BOOKING_", extra="ignore", frozen=True, populate_by_name=True
    )

    held_slots: int = Field(default=HELD_SLOTS, ge=1, le=1_000_000)
    """How many slots may be held for one client of an organisation at a time: who holds more keeps others from buying.

    What is confirmed does not count. On one machine for development it is 100,000: load tests need no special build.
    """
