"""One ledger of keys for all that clients ask: booking's inbox. Owner: booking.

A catalogue command is decided by availability, whose inbox would not know that its key was used for a booking. So the typed
client has the key claimed first, under the very same id: what meets that id with another request is refused by its hash.
"""

from typing import Annotated

from pydantic import StringConstraints

from contracts.envelope import request_hash
from contracts.model import Id, Message, Name


class ClaimKey(Message):
    """This id belongs to the request with this hash, which another service decides. `command` is its type."""

    command_id: Id
    request_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    command: Name


class KeyClaimed(Message):
    """The id belongs to that request, and did from the beginning."""

    command_id: Id


def claim(command_id: str, organisation: str, command: Message) -> ClaimKey:
    """What is claimed for this command."""
    hashed = request_hash(organisation, command)
    return ClaimKey(command_id=command_id, request_hash=hashed, command=type(command).type)
