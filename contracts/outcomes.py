"""What comes of asking, beside an answer that was hoped for."""

from typing import NamedTuple

from contracts.answers import Refused
from contracts.model import Message


class NotAccepted(Exception):
    """Kafka has not acknowledged the command in time. It may still arrive: repeat it with the same key."""


class Unclaimed(NotAccepted):
    """Kafka has only the claim of the command's key, not the command: repeat it with the same key."""


class Unanswered(Exception):
    """Kafka has the command, its answer is late. Nothing is lost: repeat it with the same key to get the answer."""


class CommandRefused(Exception):
    """The command had no effect; `refused` says why."""

    def __init__(self, refused: Refused) -> None:
        details = "; ".join(f"{detail.field} {detail.issue}" for detail in refused.details)
        super().__init__(f"{refused.code}: {refused.message}" + (f" ({details})" if details else ""))
        self.refused = refused


class Reply(NamedTuple):
    """`message` is the answer, a Refused included; `replayed` tells that it was given before, to an earlier delivery."""

    message: Message
    replayed: bool
