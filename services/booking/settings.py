"""Every setting of booking, with its default, unit and reason."""

from pydantic_settings import SettingsConfigDict

from chassis.settings import WorkerSettings


class BookingSettings(WorkerSettings):
    """`HOLDFAST_BOOKING_DATABASE`, `HOLDFAST_BOOKING_PORT` and what all workers share."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_BOOKING_", extra="ignore", frozen=True, populate_by_name=True
    )
