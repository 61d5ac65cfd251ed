"""The house of the bench: rooms that are open around the clock, and slots that nobody has asked for yet."""

import asyncio
import itertools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from contracts.catalogue import Day, OpeningHours, ProductFields, SpaceFields, VenueFields
from contracts.client import Client
from contracts.model import Slot

DAYS: tuple[Day, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ALWAYS = tuple(OpeningHours(day=day, open="00:00", close="24:00") for day in DAYS)
SPACES = 100
HOUR = timedelta(hours=1)
LONG: Literal[30] = 30  # minutes: no hold of a measurement of speed runs out while others are measured


@dataclass(frozen=True)
class House:
    """`product` is held for 30 minutes, `brief` for as long as the platform says; both are sold in all spaces."""

    product: str
    brief: str
    spaces: Sequence[str]
    opens: datetime
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def fresh(self) -> tuple[str, Slot]:
        """A space and a slot of it that was never asked for: one hour after the other, space by space."""
        number = next(self._numbers)
        starts = self.opens + number // len(self.spaces) * HOUR
        return self.spaces[number % len(self.spaces)], Slot.model_construct(from_=starts, to=starts + HOUR)


async def furnish(kafka: str) -> House:
    """Have the house in the catalogue."""
    venue, product, brief = (str(uuid.uuid4()) for _ in range(3))
    spaces = [str(uuid.uuid4()) for _ in range(SPACES)]
    async with Client(kafka, name="bench") as client:
        house = VenueFields(name="Harbour House", timezone="Europe/Paris", opening_hours=ALWAYS)
        await client.put_venue(venue, house, create=True)
        rooms = [SpaceFields(name=f"Room {number}", venue_id=venue) for number in range(SPACES)]
        made = [client.put_space(space, room, create=True) for space, room in zip(spaces, rooms, strict=True)]
        await asyncio.gather(*made)
        hour = ProductFields(
            name="Meeting room, one hour",
            reference="room-1h",
            price=2500,
            currency="EUR",
            horizon=timedelta(days=3660),
            hold_minutes=LONG,
            spaces=tuple(spaces),
        )
        await client.put_product(product, hour, create=True)
        shorter = hour.model_copy(update={"reference": "room-1h-brief", "hold_minutes": None})
        await client.put_product(brief, shorter, create=True)
    tomorrow = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    return House(product, brief, spaces, tomorrow)
