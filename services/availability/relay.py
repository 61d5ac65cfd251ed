"""`python -m services.availability.relay` runs one delay relay: what is due in the delayed-expiry topics becomes a command."""

from chassis.delay import Relay
from chassis.service import run
from contracts.topics import expiry
from services.availability.settings import RelaySettings


def main() -> None:
    settings = RelaySettings()
    topics = [expiry(length) for length in settings.hold_lengths]
    run(
        "availability.relay", settings, lambda pool, failed: Relay("availability.relay", settings, topics, pool, failed)
    )


if __name__ == "__main__":
    main()
