"""The booking worker."""

from chassis import inbox
from chassis.decider import Decider
from chassis.service import run
from services.booking import storage
from services.booking.handlers import BookingService
from services.booking.reads import READS
from services.booking.settings import BookingSettings


def main() -> None:
    settings = BookingSettings()
    service = BookingService(settings.held_slots, settings.rules)
    prunes = (inbox.PRUNE, storage.PRUNE_REFUSED)
    run("booking", settings, lambda pool, failed: Decider(service, settings, pool, failed), READS, prunes)
