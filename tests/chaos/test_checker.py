"""The checker itself: it finds nothing in a healthy run, and every one of these planted bugs."""

import copy
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from checker import check
from evidence import Evidence, Row, Seen
from flows import pressure
from scenes import Scene
from waiting import every_timer_fired, nothing_wrong, resumed

from chassis.inbox import pack, unpack

pytestmark = pytest.mark.chaos

Bug = Callable[[Evidence], None]


@pytest.fixture(scope="module")
async def healthy(scene: Scene) -> Evidence:
    """What a run without any fault leaves behind."""
    async with pressure(scene.street) as load:
        await resumed(load, 200)
    await every_timer_fired(scene.platform)
    return await nothing_wrong(scene.platform)


def _record(evidence: Evidence, topic: str, kind: str = "") -> tuple[list[Seen], int]:
    """A topic, and the place of a record of this type in it."""
    found = evidence.topics[topic]
    return found, random.Random(7).choice([n for n, r in enumerate(found) if kind in r.headers["ce_type"]])


def _row(evidence: Evidence, service: str, kind: str) -> tuple[list[Row], int]:
    """An inbox, and the place of a row in it that has an output of this type."""
    rows = evidence.inbox[service]
    return rows, next(n for n, row in enumerate(rows) if any(kind in stored.type for stored in unpack(row.outputs)))


def lost(topic: str, kind: str = "") -> Bug:
    def plant(evidence: Evidence) -> None:
        found, at = _record(evidence, topic, kind)
        del found[at]

    return plant


def changed(topic: str, change: Callable[[Seen], Seen], kind: str = "") -> Bug:
    def plant(evidence: Evidence) -> None:
        found, at = _record(evidence, topic, kind)
        found[at] = change(found[at])

    return plant


def added(topic: str, change: Callable[[Seen], Seen], kind: str = "") -> Bug:
    def plant(evidence: Evidence) -> None:
        found, at = _record(evidence, topic, kind)
        found.append(change(replace(found[at], offset=10**9)))

    return plant


def _said(name: str, value: str) -> Callable[[Seen], Seen]:
    return lambda record: replace(record, headers={**record.headers, name: value})


def _forgotten(service: str, kind: str) -> Bug:
    def plant(evidence: Evidence) -> None:
        rows, at = _row(evidence, service, kind)
        del rows[at]

    return plant


def _swapped(evidence: Evidence) -> None:
    """What one input partition brought about, the wrong way round in one output partition."""
    order = {row.id: (row.topic, row.partition) for row in evidence.inbox["booking"]}
    found = evidence.topics["booking.events"]
    for one, other in ((a, b) for a in range(len(found)) for b in range(a)):
        first, second = found[other], found[one]
        causes = [order[record.headers["ce_causationid"]] for record in (first, second)]
        if first.partition == second.partition and causes[0] == causes[1]:
            found[other], found[one] = replace(first, offset=second.offset), replace(second, offset=first.offset)
            return


def _overtaken(evidence: Evidence) -> None:
    """A later version of a booking comes before the one it follows."""
    found = evidence.topics["booking.events"]
    later = next(at for at, record in enumerate(found) if record.body["booking"]["version"] == 3)
    earlier = next(at for at, record in enumerate(found) if record.key == found[later].key)
    one, other = found[earlier], found[later]
    found[earlier], found[later] = replace(one, offset=other.offset), replace(other, offset=one.offset)


def _status(evidence: Evidence) -> None:
    found, at = _record(evidence, "booking.events", "BookingUpdated")
    found[at] = replace(
        found[at], value=(found[at].value or b"").replace(b'"previousStatus":"', b'"previousStatus":"PAID')
    )


def _booking(**changes: Any) -> Bug:
    def plant(evidence: Evidence) -> None:
        booking = next(row for row in evidence.bookings.values() if row["status"] == "CONFIRMED")
        booking.update(changes)

    return plant


def _money(kept: int, status: str) -> Bug:
    """So much is kept of a booking in this status."""

    def plant(evidence: Evidence) -> None:
        evidence.kept[next(id_ for id_, row in evidence.bookings.items() if row["status"] == status)] = kept

    return plant


def _double(evidence: Evidence) -> None:
    """A slot that was given back is taken again beside the one that followed."""
    first: dict[tuple[str, Any], dict[str, Any]] = {}
    for slot in evidence.slots.values():
        one = first.setdefault((slot["space"], slot["from_"]), slot)
        if one is not slot:
            one["state"] = slot["state"] = "HELD"
            return


def _unreleased(evidence: Evidence) -> None:
    """Availability gives a slot away without having told its owner."""
    held: dict[Any, list[str]] = {}
    for record in evidence.topics["availability.events"]:
        if "SlotHeld" in record.headers["ce_type"]:
            held.setdefault((record.body["space"]["id"], record.body["slot"]["from"]), []).append(record.key.decode())  # type: ignore[union-attr]
    twice = {booking for bookings in held.values() if len(set(bookings)) > 1 for booking in bookings}
    rows = evidence.inbox["availability"]
    for at, row in enumerate(rows):
        rows[at] = replace(
            row, outputs=pack(o for o in unpack(row.outputs) if not ("SlotReleased" in o.type and o.key in twice))
        )


def _answer(change: Callable[[Row], Row]) -> Bug:
    def plant(evidence: Evidence) -> None:
        rows = evidence.inbox["booking"]
        at = next(n for n, row in enumerate(rows) if row.answer)
        rows[at] = change(rows[at])

    return plant


def _mark(processed: int, published: int) -> Bug:
    def plant(evidence: Evidence) -> None:
        progress = evidence.progress["booking"]
        at = max(progress, key=lambda place: progress[place][0])
        progress[at] = progress[at][0] + processed, progress[at][1] + published

    return plant


def _early(evidence: Evidence) -> None:
    [topic] = [t for t, found in evidence.topics.items() if ".expiry." in t and found]
    timer, found = evidence.topics[topic][0], evidence.topics["availability.commands"]
    at = next(n for n, record in enumerate(found) if record.id == timer.id)
    found[at] = replace(found[at], timestamp=found[at].timestamp - 1500)


def _never(evidence: Evidence) -> None:
    [topic] = [t for t, found in evidence.topics.items() if ".expiry." in t and found]
    timer, found = evidence.topics[topic][0], evidence.topics["availability.commands"]
    evidence.topics["availability.commands"] = [record for record in found if record.id != timer.id]


PLANTED: dict[str, tuple[str, Bug]] = {
    "an event was never sent": ("closure", lost("booking.events")),
    "a question was never sent": ("closure", lost("availability.commands", "HoldSlot")),
    "a timer was never written": ("closure", lost("availability.expiry.6s")),
    "a record is nobody's output": ("closure", added("availability.events", _said("ce_id", "another"))),
    "a record has other bytes": ("closure", changed("booking.events", lambda record: replace(record, value=(record.value or b"") + b" "))),
    "a record has another key": ("closure", changed("availability.events", lambda record: replace(record, key=b"other"))),
    "an event was sent again with another time": ("same_id_same_bytes", added("booking.events", _said("ce_time", "now"))),
    "outputs overtook each other": ("first_occurrences_in_order", _swapped),
    "a version overtook another": ("versions_in_order", _overtaken),
    "a version has two events": ("versions", added("booking.events", _said("ce_id", "another"), "Updated")),
    "a version has no event": ("versions", lost("booking.events", "Updated")),
    "the table is ahead of the events": ("versions", _booking(version=99)),
    "a status came from nowhere": ("statuses", _status),
    "the table has another status": ("statuses", _booking(status="CANCEL")),
    "two have one slot": ("no_overlap_in_the_table", _double),
    "a slot was given away twice": ("no_overlap_in_the_log", _unreleased),
    "a booking has no slot": ("bookings_and_slots_agree", lambda evidence: evidence.slots.clear()),
    "a slot has no booking": ("bookings_and_slots_agree", lambda evidence: evidence.bookings.clear()),
    "money came for nothing": ("bookings_and_money_agree", _money(2500, "CONFIRMED")),
    "money of a paid booking went back": ("bookings_and_money_agree", _money(0, "PAID")),
    "money was forgotten": ("bookings_and_money_agree", lambda evidence: evidence.kept.clear()),
    "a refund is missing": ("bookings_and_money_agree", _money(2500, "REFUNDED")),
    "a command was never answered": ("one_answer", _answer(lambda row: replace(row, answer=None))),
    "a reply was never sent": ("one_answer", _answer(lambda row: replace(row, asked_by=("gateway.replies", "other.replies")))),
    "one was told something else": ("one_answer", changed("clients.replies", lambda record: replace(record, value=b"{}"), "Booking")),
    "a mark is ahead of the log": ("marks", _mark(1, 1)),
    "something is unpublished": ("marks", _mark(0, -1)),
    "something is unprocessed": ("marks", _mark(-1, -1)),
    "an input was skipped": ("every_input_handled", _forgotten("booking", "HoldSlot")),
    "a timer was skipped": ("every_input_handled", _forgotten("availability", "SlotReleased")),
    "something was buried": ("no_dead_letters", _answer(lambda row: replace(row, dead=True))),
    "a timer fired early": ("timers", _early),
    "a timer was lost": ("timers", _never),
}  # fmt: skip


@pytest.mark.parametrize("what", PLANTED)
async def test_a_planted_bug_is_found(healthy: Evidence, what: str) -> None:
    check_name, plant = PLANTED[what]
    evidence = copy.deepcopy(healthy)
    plant(evidence)
    findings = check(evidence)
    assert any(finding.startswith(f"{check_name}: ") for finding in findings), findings[:5]


async def test_a_decision_of_another_time_is_found(healthy: Evidence) -> None:
    """An output that was decided twice, the second time later: the row has one time, the record another."""
    evidence = copy.deepcopy(healthy)
    rows, at = _row(evidence, "availability", "SlotHeld")
    rows[at] = replace(rows[at], handled_at=rows[at].handled_at + timedelta(seconds=1))
    assert any(finding.startswith("closure: ") for finding in check(evidence))
