"""Rounds of one race: a confirm is sent around the end of its hold, half of them while somebody else asks for the slot."""

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from http_house import House, Told

SPREAD = timedelta(milliseconds=40)  # to both sides
STEP = timedelta(milliseconds=20)


@dataclass(frozen=True)
class Round:
    """What was told."""

    booking: str
    slot: dict[str, str]
    confirm: Told
    rival: Told | None
    after: Told
    """The answer to whoever asks for the slot once both are answered."""

    @property
    def kept(self) -> bool:
        return self.confirm.status == 200


@dataclass
class Race:
    """Aims so that some confirms come in time and some too late, however long a request takes here."""

    house: House
    chance: random.Random
    aim: timedelta = -STEP

    async def wave(self, slots: list[dict[str, str]]) -> list[Round]:
        """One round for each slot, all at once."""
        rounds = await asyncio.gather(*(self._round(number, slot) for number, slot in enumerate(slots)))
        kept = sum(each.kept for each in rounds) / len(rounds)
        self.aim += STEP if kept > 0.6 else -STEP if kept < 0.4 else timedelta(0)
        return list(rounds)

    async def _round(self, number: int, slot: dict[str, str]) -> Round:
        held = await self.house.hold(slot)
        assert held.status == 201, held.raw
        booking = held.json["id"]
        ends = datetime.fromisoformat(held.json["expiresAt"])
        moment = ends + self.aim + SPREAD * self.chance.uniform(-1, 1)
        asked: list[Any] = [self._at(moment, self.house.change(booking, "CONFIRMED"))]
        if number % 2:
            asked.append(self._at(ends + SPREAD * self.chance.uniform(-1, 1), self.house.hold(slot)))
        confirm, *rival = await asyncio.gather(*asked)
        return Round(booking, slot, confirm, rival[0] if rival else None, await self.house.hold(slot))

    async def _at(self, moment: datetime, request: Any) -> Told:
        while (left := (moment - datetime.now(UTC)).total_seconds()) > 0:
            await asyncio.sleep(left)
        told: Told = await request
        return told
