"""The booking worker."""

from chassis.decider import Decider
from chassis.service import run
from services.booking.handlers import BookingService
from services.booking.reads import READS
from services.booking.settings import BookingSettings


def main() -> None:
    settings = BookingSettings()
    run("booking", settings, lambda pool, failed: Decider(BookingService(), settings, pool, failed), READS)
