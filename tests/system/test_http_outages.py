"""What clients see while a part of the platform is away. Each test puts the platform back as it was."""

import uuid
from typing import Any

from gateways import until_ready
from http_house import House, Told


async def test_a_late_answer_is_202_and_the_same_key_gets_it_later(platform: Any, house: House) -> None:
    slot, key = (await house.slots())[0], str(uuid.uuid4())
    await platform.stop_process("booking-1")
    late = await house.hold(slot, key)
    assert (late.status, late.json["status"], late.headers["Retry-After"]) == (202, "PENDING", "1")
    assert late.headers["Location"] == f"/v1/bookings/{late.json['id']}"
    await platform.start_process("booking-1")
    final = await _until_final(house, slot, key)
    assert (final.status, final.json["id"]) == (201, late.json["id"])
    assert (await house.get(late.json["id"])).json == final.json


async def _until_final(house: House, slot: dict[str, str], key: str) -> Told:
    """The first answer that is not interim; each takes its time by itself."""
    while (told := await house.hold(slot, key)).status in (202, 503):
        pass
    return told


async def test_reads_work_with_kafka_down(platform: Any, house: House) -> None:
    booking = await house.held()
    slots = await house.slots()
    await platform.stop_process("kafka")
    try:
        await until_ready(house.session, 503)
        assert (await house.get(booking["id"])).json == booking
        assert set(map(str, slots)) >= set(map(str, await house.slots()))
    finally:
        await platform.start_process("kafka")
    await until_ready(house.session)
    told = await house.change(booking["id"], "CANCEL", key := str(uuid.uuid4()))
    while told.status in (202, 503):
        told = await house.change(booking["id"], "CANCEL", key)
    assert (told.status, told.json["status"]) == (200, "CANCEL")


async def test_reads_are_503_while_their_service_is_away(platform: Any, house: House) -> None:
    booking = await house.held()
    await platform.stop_process("booking-1")
    try:
        told = await house.get(booking["id"])
        assert (told.status, told.json["code"], told.headers["Retry-After"]) == (503, "SERVICE_UNAVAILABLE", "1")
    finally:
        await platform.start_process("booking-1")
    assert (await house.get(booking["id"])).json == booking
