"""A booking worker with a bug that no exception tells of: one booking's commands end the process, as a fault in a library would."""

import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from chassis.decider import Decider
from chassis.messages import Incoming, Output
from chassis.service import run
from services.booking.handlers import BookingService
from services.booking.settings import BookingSettings

DEADLY = os.environ["DEADLY"]


class Deadly(BookingService):
    """It works but for one booking."""

    def decide(self, book: Any, message: Incoming, now: datetime) -> Sequence[Output]:
        if getattr(message.body, "booking_id", None) == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().decide(book, message, now)


if __name__ == "__main__":
    settings = BookingSettings()
    service = Deadly(settings.held_slots, settings.rules)
    run("booking", settings, lambda pool, failed: Decider(service, settings, pool, failed))
