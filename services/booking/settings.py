"""Every setting of booking, with its default, unit and reason."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import WorkerSettings
from services.booking import return_urls
from services.booking.commands import Rules
from services.booking.contact import Unfit
from services.booking.return_urls import Allowed

HELD_SLOTS = 50


def _usable(url: str) -> str:
    """Whoever may set this may also name any host; http only for this machine."""
    try:
        return_urls.returning(url, "", Allowed(loopback=True))
    except Unfit as unfit:
        raise ValueError(str(unfit)) from None
    return url


ReturnUrl = Annotated[str, AfterValidator(_usable)]


class BookingSettings(WorkerSettings):
    """`HOLDFAST_BOOKING_DATABASE`, `HOLDFAST_BOOKING_PORT` and what all workers share."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_BOOKING_", extra="ignore", frozen=True, populate_by_name=True
    )

    held_slots: int = Field(default=HELD_SLOTS, ge=1, le=1_000_000)
    """How many slots may be held for one client of an organisation at a time: who holds more keeps others from buying.

    What is confirmed does not count. On one machine for development it is 100,000: load tests need no special build.
    """

    checkout_minutes: int = Field(default=60, ge=35, le=1435)
    """Minutes for which a checkout page can be paid at. The provider takes 30 minutes to 24 hours, from when it hears of it: five
    minutes on either side are for clocks that differ and for tries that fail."""

    success_url: ReturnUrl | None = None
    """Where a customer who has paid comes back to, if the client does not say. Without it the client must."""

    cancel_url: ReturnUrl | None = None
    """Where a customer who has turned back comes back to, if the client does not say. Without it the client must."""

    return_hosts: frozenset[str] = frozenset()
    """The only hosts that a client may send its customers back to, in small letters. None: any. An API that is open to clients
    whom you do not know might otherwise lead customers from your provider's page to a stranger's."""

    return_loopback: bool = False
    """Whether customers may be sent back to this very machine, without TLS: for development only."""

    @property
    def rules(self) -> Rules:
        """What follows for checkouts."""
        allowed = Allowed(self.return_loopback, self.return_hosts)
        return Rules(allowed, self.success_url, self.cancel_url, self.checkout_minutes * 60)
