"""The availability worker."""

from chassis import inbox
from chassis.decider import Decider
from chassis.service import run
from services.availability.handlers import AvailabilityService
from services.availability.reads import READS
from services.availability.settings import AvailabilitySettings


def main() -> None:
    settings = AvailabilitySettings()
    service = AvailabilityService(settings)
    run("availability", settings, lambda pool, failed: Decider(service, settings, pool, failed), READS, (inbox.PRUNE,))
