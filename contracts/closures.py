"""What a closure meets."""

from contracts.model import Id, Slot, Value


class AffectedBooking(Value):
    """A booking that keeps its slot though the house is closed then: whoever closes it has to talk to the customer."""

    id: Id
    space_id: Id
    slot: Slot
