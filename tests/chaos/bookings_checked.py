"""What must be true of bookings and slots, in the tables and in what was told of them."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

from evidence import Evidence, Place, outputs, where

from chassis.inbox import Stored

BECOMES = {  # http.md, Booking statuses
    "PENDING": {"RESERVED_15_MIN", "CANCEL"},
    "RESERVED_15_MIN": {"RESERVED_15_MIN", "CONFIRMED", "CANCEL"},
    "CONFIRMED": {"CONFIRMED", "PAID", "CANCEL"},
    "PAID": {"PAID", "CANCEL"},
    "CANCEL": {"CONFIRMED", "CANCEL", "PAID", "REFUNDED"},
    "REFUNDED": {"REFUNDED"},
}


def versions(evidence: Evidence) -> Iterator[str]:
    """From 2 on each version of a booking that was ever held has one event; the table has the last."""
    events: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for record in evidence.topics["booking.events"]:
        booking = record.body["booking"]
        events[booking["id"]][booking["version"]].add(record.id)
    for booking, row in evidence.bookings.items():
        told = events.pop(booking, {})
        wanted = list(range(2, row["version"] + 1)) if row["listed"] else []
        if sorted(told) != wanted:
            yield f"{booking} is at {row['version']}, events tell of {sorted(told)}"
        yield from (
            f"{booking} version {version} has {len(ids)} events" for version, ids in told.items() if len(ids) > 1
        )
    yield from (f"{booking} has events and no row" for booking in events)


def versions_in_order(evidence: Evidence) -> Iterator[str]:
    """Whatever was repeated: the first time that a version is told, all before it have been told (I6)."""
    told: dict[str, int] = {}
    for record in sorted(evidence.topics["booking.events"], key=lambda record: (record.partition, record.offset)):
        booking = record.body["booking"]
        last = told.setdefault(booking["id"], 1)
        if booking["version"] > last + 1:
            yield f"{where(record)}: version {booking['version']} of {booking['id']} came after {last}"
        told[booking["id"]] = max(last, booking["version"])


def statuses(evidence: Evidence) -> Iterator[str]:
    by_booking: dict[str, dict[int, Any]] = defaultdict(dict)
    for record in evidence.topics["booking.events"]:
        by_booking[record.body["booking"]["id"]][record.body["booking"]["version"]] = record.body
    for booking, told in by_booking.items():
        status = "PENDING"
        for version in sorted(told):
            before, after = told[version]["previousStatus"], told[version]["booking"]["status"]
            if before != status or after not in BECOMES[before]:
                yield f"{booking} version {version}: {status}, but {before} becomes {after}"
            status = after
        if booking in evidence.bookings and evidence.bookings[booking]["status"] != status:
            yield f"{booking} is told to be {status}, the table says {evidence.bookings[booking]['status']}"


def no_overlap_in_the_table(evidence: Evidence) -> Iterator[str]:
    taken: dict[tuple[str, int], list[tuple[datetime, datetime, str]]] = defaultdict(list)
    for booking, slot in evidence.slots.items():
        if slot["state"] in ("HELD", "COMMITTED"):
            taken[slot["space"], slot["unit"]].append((slot["from_"], slot["to"], booking))
    for unit, spans in taken.items():
        spans.sort()
        for one, other in pairwise(spans):
            if other[0] < one[1]:
                yield f"{unit}: {one[2]} and {other[2]} overlap"


def no_overlap_in_the_log(evidence: Evidence) -> Iterator[str]:
    """What availability said, in the order in which it decided: no slot was given while another had it. One unit each."""
    by_place: dict[Place, list[tuple[int, int, Stored]]] = defaultdict(list)
    for output in outputs(evidence, "availability"):
        if output.stored.topic == "availability.events":
            by_place[output.row.topic, output.row.partition].append((output.row.position, output.index, output.stored))
    said = {record.value: record.body for record in evidence.topics["availability.events"]}
    slots: dict[str, tuple[str, str, str]] = {}
    for outcome in by_place.values():
        live: set[str] = set()
        for _, _, stored in sorted(outcome, key=lambda each: each[:2]):
            body, kind = said.get(stored.value), stored.type.split(".")[1]
            if body is None:
                continue  # lost: the closure says so
            booking = body["bookingId"]
            if kind == "SlotHeld":
                slots[booking] = body["space"]["id"], body["slot"]["from"], body["slot"]["to"]
            if kind == "SlotMoved":
                slots[booking] = slots[booking][0], body["slot"]["from"], body["slot"]["to"]
            if kind in ("SlotHeld", "SlotCommitted", "SlotMoved"):
                space, begin, end = slots[booking]
                rivals = [slots[other] for other in live - {booking} if slots[other][0] == space]
                if any(rival[1] < end and begin < rival[2] for rival in rivals):
                    yield f"{booking} was given {space} {begin} while another had it"
                live.add(booking)
            elif kind in ("SlotReleased", "SlotLost"):
                live.discard(booking)


def bookings_and_slots_agree(evidence: Evidence) -> Iterator[str]:
    """Who believes to have a slot has it, and nobody else."""
    wanted = {"RESERVED_15_MIN": "HELD", "CONFIRMED": "COMMITTED", "PAID": "COMMITTED"}
    for booking, row in evidence.bookings.items():
        slot = evidence.slots.get(booking)
        live = slot["state"] if slot and slot["state"] != "RELEASED" else None
        if live != wanted.get(row["status"]):
            yield f"{booking} is {row['status']}, its slot is {live}"
    yield from (
        f"{booking} has a slot and is no booking" for booking in evidence.slots.keys() - evidence.bookings.keys()
    )


def bookings_and_money_agree(evidence: Evidence) -> Iterator[str]:
    """What is kept is the price of a paid booking, and else nothing: what is sold in the street has no fee."""
    for booking, row in evidence.bookings.items():
        price = json.loads(row["state"])["booking"].get("totalPrice") if row["status"] == "PAID" else 0
        kept = evidence.kept.get(booking, 0)
        if kept != price:
            yield f"{booking} is {row['status']}: {kept} are kept, {price} should be"
    yield from (f"{booking} has paid and is no booking" for booking in evidence.kept.keys() - evidence.bookings.keys())
