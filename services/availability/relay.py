"""`python -m services.availability.relay` runs one delay relay: what is due in the delayed-expiry topics becomes a command."""

from chassis.delay import Relay
from chassis.service import run
from contracts.topics import delay_topics
from services.availability.settings import RelaySettings


def main() -> None:
    settings = RelaySettings()
    name = "availability.relay"
    run(name, settings, lambda pool, failed: Relay(name, settings, delay_topics, pool, failed))


if __name__ == "__main__":
    main()
