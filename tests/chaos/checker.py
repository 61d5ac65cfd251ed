"""Finds whatever is wrong in what a run has left behind. It shares nothing with the product but the form of stored outputs.

Each check names its finding; an empty list means that every promise was kept.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from bookings_checked import (
    bookings_and_money_agree,
    bookings_and_slots_agree,
    no_overlap_in_the_log,
    no_overlap_in_the_table,
    statuses,
    versions,
    versions_in_order,
)
from evidence import INPUTS, REPLIES, SERVICES, Evidence, Output, Place, Seen, outputs, records, where

from chassis.inbox import unpack


def check(evidence: Evidence) -> list[str]:
    """Every finding, each with the name of the promise that was broken."""
    checks = (
        marks, no_dead_letters, every_input_handled, closure, same_id_same_bytes, first_occurrences_in_order, versions, versions_in_order,
        statuses, no_overlap_in_the_table, no_overlap_in_the_log, bookings_and_slots_agree, bookings_and_money_agree, one_answer, timers,
    )  # fmt: skip
    return [f"{each.__name__}: {finding}" for each in checks for finding in each(evidence)]


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
    money = ["payment.commands", "payment.events"]
    for record in records(
        evidence, ["availability.events", "availability.commands", "booking.events", *money, *expiries]
    ):
        parent = parents.get((record.topic, record.id))
        if parent is not None:
            found.add((record.topic, record.id))
            if differs := _difference(record, parent):
                yield f"{where(record)} is not as it was stored: {differs}"
        elif record.headers["ce_type"].startswith("holdfast.Record"):
            continue  # what the provider has said: of its own accord, or as the outcome of a call
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
            if "RecordCallOutcome" in record.headers["ce_type"]:
                continue  # a call that is made again may have another outcome: the first one counts
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


def one_answer(evidence: Evidence) -> Iterator[str]:
    """Whoever asked was answered, everybody the same: what stands in the command's row.

    A catalogue command and the claim of its key have one id, and each is answered by its own service.
    """
    given: dict[tuple[str, str, str], set[tuple[str, bytes | None]]] = defaultdict(set)
    for record in records(evidence, REPLIES):
        answer = record.headers["ce_type"], record.value
        given[record.headers["ce_source"], record.headers["ce_causationid"], record.topic].add(answer)
    for service in SERVICES:
        for row in evidence.inbox[service]:
            [answer] = unpack(row.answer) if row.answer else [None]
            if row.asked_by and answer is None:
                yield f"{service} never answered {row.id}"
            for topic in row.asked_by if answer else ():
                told = given[service, row.id, topic]
                if told != {(answer.type, answer.value)}:
                    yield f"{service} answered {row.id} at {topic} with {len(told)} answers, not the stored one"


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
