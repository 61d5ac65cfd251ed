"""What `verify` can find: each rule with what a breach means and what to do about it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

SHOWN = 50  # of one rule; all are counted


@dataclass(frozen=True)
class Rule:
    """Something that is always true of a healthy platform."""

    name: str
    says: str
    means: str
    remedy: str


RULES = {
    rule.name: rule
    for rule in (
        Rule(
            "slots-never-overlap",
            "live slots of a unit, with their buffers, never overlap",
            "Two bookings have one place at one time.",
            "Look at both with `holdfast story`; cancel or move one. Find out who wrote to availability's table slots: the "
            "services cannot.",
        ),
        Rule(
            "the-wall-stands",
            "the constraint slots_never_overlap is there",
            "The database no longer refuses overlapping slots; only the code does.",
            "Remove overlaps, then add the constraint again as services/availability/migrations/0002_slots.sql has it.",
        ),
        Rule(
            "status-and-slot-agree",
            "a held or confirmed booking has its slot, and no other booking has any",
            "A customer was promised a slot that is on sale, or a slot is kept from sale for nobody.",
            "`holdfast story` shows which message is missing. Cancel the booking over the API to give its slot back; a slot of "
            "a cancelled booking is given back by a ReleaseSlot command.",
        ),
        Rule(
            "place-and-time-agree",
            "a booking and its slot name the same space and time",
            "The customer is told another place or time than is kept free.",
            "Reschedule the booking to the time that counts, after looking at `holdfast story`.",
        ),
        Rule(
            "holds-end-when-they-are-due",
            "no slot is held for more than a minute after its hold is over",
            "The slot counts as free, but who held it and all who follow booking.events are not told: the delay relay does not "
            "forward the timer, or availability does not decide it.",
            "See `holdfast status`: is the relay ready, is a delay topic's line overdue, does availability.commands wait? Start "
            "the relay again (else availability); what is overdue goes out first.",
        ),
        Rule(
            "questions-are-answered",
            "no booking waits for an answer for more than ten minutes",
            "A command of a customer is stuck: its answer was lost, or a service stands still.",
            "See `holdfast status` for lag and dead letters; `holdfast story` shows the question. Replay the dead letter if "
            "there is one.",
        ),
        Rule(
            "progress-fits-the-log",
            "what a service has decided is in the log, and what it has not decided still is",
            "Processed beyond the log's end: Kafka lost records. Behind its beginning: records went before they were decided.",
            "Stop the services, then `holdfast log realign` and `holdfast log republish`; see docs/operating.md, Kafka has lost "
            "records. Records that went undecided are lost; the gap is the span to name to clients.",
        ),
        Rule(
            "everything-decided-is-remembered",
            "each record below the progress is in the inbox",
            "A message was skipped, or its row was deleted: a repeat of it would take effect twice.",
            "Look at the record in the log; publish it again if its effect is missing. Find out who deleted rows of the inbox.",
        ),
        Rule(
            "the-inbox-is-not-ahead",
            "no row of the inbox lies at or beyond the progress of its partition",
            "The progress was set back: what follows is decided as a repeat, and its outputs are sent again.",
            "Usually heals by itself when the worker reads on; if the progress stays, restart the service.",
        ),
        Rule(
            "stored-outputs-are-sent",
            "each output stored with a decision is in Kafka, as long as its topic keeps it",
            "A decision was made and nobody was told: a booking waits, or an event is missing.",
            "`holdfast log republish --since …` sends them again, in order; repeats are known to every reader.",
        ),
        Rule(
            "outputs-leave-soon",
            "the outputs of what is decided are acknowledged within ten seconds",
            "The service cannot publish, or no worker of it runs.",
            "See `holdfast status`; restart the service, it sends what is stored.",
        ),
        Rule(
            "versions-have-one-event-each",
            "of a booking each version from 2 on has exactly one event, in order",
            "Who follows booking.events has missed a change, or saw one that never was.",
            "Compare `holdfast story` with the booking; readers of events have to load the booking afresh.",
        ),
        Rule(
            "refunds-stay-below-payments",
            "no more goes back than came, in the same currency",
            "Money was given away.",
            "Look at the provider's dashboard and at `holdfast payments ledger`.",
        ),
        Rule(
            "money-and-status-agree",
            "a paid booking has money, and a booking that is not over by money keeps none",
            "A customer paid and has nothing, or has a place that nobody paid for.",
            "`holdfast story` shows where it ended; refund, or confirm the booking.",
        ),
    )
}


@dataclass(frozen=True)
class Finding:
    """One breach of a rule."""

    rule: str
    about: str  # the booking, slot, row or partition
    what: str


@dataclass
class Report:
    """What was looked at, and what was found."""

    found: list[Finding] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    looked: dict[str, int] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)  # what could not be looked at, and why

    def add(self, rule: str, about: str, what: str) -> None:
        assert rule in RULES, rule
        self.counted[rule] += 1
        if self.counted[rule] <= SHOWN:
            self.found.append(Finding(rule, about, what))

    def told(self) -> dict[str, Any]:
        """For programs."""
        return {
            "clean": not self.found,
            "looked": self.looked,
            "skipped": self.skipped,
            "counted": dict(self.counted),
            "findings": [
                {
                    "rule": each.rule,
                    "about": each.about,
                    "what": each.what,
                    "means": RULES[each.rule].means,
                    "remedy": RULES[each.rule].remedy,
                }
                for each in self.found
            ],
        }
