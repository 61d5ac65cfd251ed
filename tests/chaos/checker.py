"""Finds whatever is wrong in what a run has left behind. It shares nothing with the product but the form of stored outputs.

Each check names its finding; an empty list means that every promise was kept.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from evidence import INPUTS, REPLIES, SERVICES, Evidence, Row, Seen

from chassis.inbox import Stored, unpack

BECOMES = {  # http.md, Booking statuses, as far as there is no money
    "PENDING": {"RESERVED_15_MIN", "CANCEL"},
    "RESERVED_15_MIN": {"RESERVED_15_MIN", "CONFIRMED", "CANCEL"},
    "CONFIRMED": {"CANCEL"},
    "CANCEL": {"CONFIRMED", "CANCEL"},
}
Place = tuple[str, int]


class Output(NamedTuple):
    """What must be in a topic: a stored output with its id and the place of its cause."""

    id: str
    stored: Stored
    row: Row
    index: int


def check(evidence: Evidence) -> list[str]:
    """Every finding, each with the name of the promise that was broken."""
    checks = (
        marks, no_dead_letters, every_input_handled, closure, same_id_same_bytes, first_occurrences_in_order, versions,
        statuses, no_overlap_in_the_table, no_overlap_in_the_log, bookings_and_slots_agree, one_answer, timers,
    )  # fmt: skip
    return [f"{each.__name__}: {finding}" for each in checks for finding in each(evidence)]


def outputs(evidence: Evidence, service: str) -> Iterator[Output]:
    """Everything that the service has decided to publish."""
    for row in evidence.inbox[service]:
        for index, stored in enumerate(unpack(row.outputs)):
            if stored.topic:
                name = f"{service}|{index}"
                yield Output(str(uuid.uuid5(uuid.UUID(row.id), name)), stored, row, index)


def marks(evidence: Evidence) -> Iterator[str]:
    """Published = processed = the end of the log."""
    for service, topics in INPUTS.items():
        for (topic, partition), end in evidence.ends.items():
            if topic in topics:
                mark = evidence.progress[service].get((topic, partition), (0, 0))
                if mark != (end, end):
                    yield f"{service} {topic}/{partition} ends at {end}, processed and published are {mark}"


def no_dead_letters(evidence: Evidence) -> Iterator[str]:
    for service in SERVICES:
        for letter in evidence.topics.get(f"{service}.dead-letters", []):
            yield f"{letter.topic}/{letter.partition}/{letter.offset}: {letter.headers.get('dead-letter-reason')}"
        for row in evidence.inbox[service]:
            if row.dead:
                yield f"{service} buried {row.topic}/{row.partition}/{row.position}"


def every_input_handled(evidence: Evidence) -> Iterator[str]:
    for service, topics in INPUTS.items():
        known = {row.id for row in evidence.inbox[service]}
        for record in records(evidence, topics):
            if record.id not in known:
                yield f"{service} does not know {where(record)}"


def closure(evidence: Evidence) -> Iterator[str]:
    """Every stored output is in its topic, as stored; every record there has a parent."""
    parents: dict[tuple[str, str], Output] = {}
    for service in SERVICES:
        parents |= {(output.stored.topic, output.id): output for output in outputs(evidence, service)}
    expiries = [topic for topic in evidence.topics if topic.startswith("availability.expiry.")]
    timers = {record.id for record in records(evidence, expiries)}
    found: set[tuple[str, str]] = set()
    for record in records(evidence, ["availability.events", "availability.commands", "booking.events", *expiries]):
        parent = parents.get((record.topic, record.id))
        if parent is not None:
            found.add((record.topic, record.id))
            if differs := _difference(record, parent):
                yield f"{where(record)} is not as it was stored: {differs}"
        elif record.topic != "availability.commands":
            yield f"{where(record)} has no parent"
        elif "ce_causationid" in record.headers and record.id not in timers:
            yield f"{where(record)} has no parent and is no timer"
    for topic, message in sorted(parents.keys() - found):
        yield f"{topic} lacks the output {message}"


def _difference(record: Seen, output: Output) -> str:
    stored, row = output.stored, output.row
    handled = row.handled_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    pairs = (
        ("value", record.value, stored.value), ("key", record.key, stored.key.encode()),
        ("ce_type", record.headers.get("ce_type"), stored.type), ("ce_time", record.headers.get("ce_time"), handled),
        ("ce_dueat", record.headers.get("ce_dueat", ""), stored.due_at),
        ("ce_causationid", record.headers.get("ce_causationid"), row.id),
    )  # fmt: skip
    return ", ".join(f"{name} {seen!r} instead of {wanted!r}" for name, seen, wanted in pairs if seen != wanted)


def same_id_same_bytes(evidence: Evidence) -> Iterator[str]:
    """Of what services write; a client may repeat itself in other words, and an answer is compared by `one_answer`."""
    for topic, found in evidence.topics.items():
        first: dict[str, Seen] = {}
        for record in found:
            if topic in REPLIES or "ce_causationid" not in record.headers:
                continue
            one = first.setdefault(record.id, record)
            if (one.value, one.headers, one.key) != (record.value, record.headers, record.key):
                yield f"{where(record)} differs from {where(one)}"


def first_occurrences_in_order(evidence: Evidence) -> Iterator[str]:
    """Of what one input partition brought about, in each output partition."""
    for service in SERVICES:
        cause = {(output.stored.topic, output.id): output for output in outputs(evidence, service)}
        last: dict[tuple[Place, Place], tuple[int, int]] = {}
        known: set[tuple[str, str]] = set()
        for topic in sorted({topic for topic, _ in cause}):
            for record in sorted(evidence.topics[topic], key=lambda record: (record.partition, record.offset)):
                output = cause.get((topic, record.id))
                if output is None or (topic, record.id) in known:
                    continue
                known.add((topic, record.id))
                row, at = output.row, ((topic, record.partition), (output.row.topic, output.row.partition))
                if last.get(at, (-1, -1)) > (row.position, output.index):
                    yield f"{where(record)} came after what followed {last[at]}, its own cause is {row.position}"
                last[at] = (row.position, output.index)


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
        yield from (f"{booking} version {version} has {len(ids)} events" for version, ids in told.items() if len(ids) > 1)
    yield from (f"{booking} has events and no row" for booking in events)


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
        for one, other in zip(spans, spans[1:], strict=False):
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
            if kind in ("SlotHeld", "SlotCommitted"):
                space, begin, end = slots[booking]
                rivals = [slots[other] for other in live - {booking} if slots[other][0] == space]
                if any(rival[1] < end and begin < rival[2] for rival in rivals):
                    yield f"{booking} was given {space} {begin} while another had it"
                live.add(booking)
            elif kind in ("SlotReleased", "SlotLost"):
                live.discard(booking)


def bookings_and_slots_agree(evidence: Evidence) -> Iterator[str]:
    """Who believes to have a slot has it, and nobody else."""
    wanted = {"RESERVED_15_MIN": "HELD", "CONFIRMED": "COMMITTED"}
    for booking, row in evidence.bookings.items():
        slot = evidence.slots.get(booking)
        live = slot["state"] if slot and slot["state"] != "RELEASED" else None
        if live != wanted.get(row["status"]):
            yield f"{booking} is {row['status']}, its slot is {live}"
    yield from (f"{booking} has a slot and is no booking" for booking in evidence.slots.keys() - evidence.bookings.keys())


def one_answer(evidence: Evidence) -> Iterator[str]:
    """Whoever asked was answered, everybody the same: what stands in the command's row."""
    given: dict[tuple[str, str], set[tuple[str, bytes | None]]] = defaultdict(set)
    for record in records(evidence, REPLIES):
        answer = record.headers["ce_type"], record.value
        given[record.headers["ce_causationid"], record.topic].add(answer)
    for service in SERVICES:
        for row in evidence.inbox[service]:
            [answer] = unpack(row.answer) if row.answer else [None]
            if row.asked_by and answer is None:
                yield f"{service} never answered {row.id}"
            for topic in row.asked_by if answer else ():
                if given[row.id, topic] != {(answer.type, answer.value)}:
                    yield f"{service} answered {row.id} at {topic} with {len(given[row.id, topic])} answers, not the stored one"


def timers(evidence: Evidence) -> Iterator[str]:
    """No timer was forwarded early; none that is overdue was lost. Nothing was released before its time."""
    forwarded: dict[str, int] = {}
    for record in evidence.topics["availability.commands"]:
        forwarded[record.id] = min(record.timestamp, forwarded.get(record.id, record.timestamp))
    latest = max((record.timestamp for found in evidence.topics.values() for record in found), default=0)
    for topic, found in evidence.topics.items():
        for record in found if topic.startswith("availability.expiry.") else ():
            due = datetime.fromisoformat(record.headers["ce_dueat"]).timestamp() * 1000
            if record.id not in forwarded:
                if due < latest:
                    yield f"{where(record)} was due and never forwarded"
            elif forwarded[record.id] < due - 1:
                yield f"{where(record)} was forwarded {due - forwarded[record.id]:.0f} ms early"


def records(evidence: Evidence, topics: Iterable[str]) -> Iterator[Seen]:
    for topic in topics:
        yield from evidence.topics.get(topic, [])


def where(record: Seen) -> str:
    """Where to look."""
    return f"{record.topic}/{record.partition}/{record.offset} {record.headers.get('ce_type')} {record.headers.get('ce_id')}"
