"""What an operator reads: tables and trees. Whatever came from outside is shown as plain text, without control characters."""

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from embedded.operate.findings import RULES, SHOWN, Report
from embedded.operate.letters import Letter
from embedded.operate.marks import Mark
from embedded.operate.republish import Republished
from embedded.operate.status import Sight, holds_overdue, since, timer_overdue
from embedded.operate.topics_check import Finding

PREFIX = "holdfast."
WIDE = 160
_control = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]").sub


def console() -> Console:
    """The terminal; wide enough for ids and addresses where there is none, whatever the one behind it is."""
    found = Console()
    if sys.stdout.isatty() or (found.is_terminal and "COLUMNS" in os.environ):
        return found
    return Console(width=WIDE)


def plain(value: object) -> Text:
    """A text of others: no markup, no control characters."""
    return Text(_control("\N{REPLACEMENT CHARACTER}", str(value)) if value is not None else "")


def cut(text: str, most: int) -> str:
    """So many characters of it; that more was there is seen."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[object]], whole: Sequence[str] = ()) -> Table:
    """Too narrow a terminal folds cells and cuts none off; those of the columns `whole`, which people copy, as the last ones."""
    made = Table(title=title, title_justify="left")
    for heading in headings:
        made.add_column(heading, overflow="fold", no_wrap=heading in whole)
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else plain(cell) for cell in row))
    return made


def processes(title: str, rows: Iterable[Sequence[str]]) -> None:
    """What runs; without lines between, so that a usual terminal has room for both addresses of each process."""
    made = table(title, ("process", "pid", "address", "metrics"), rows, whole=("metrics",))
    made.box, made.pad_edge, made.collapse_padding = None, False, True
    console().print(made)


def sight(seen: Sight) -> None:
    """What `status` adds to the list of processes."""
    screen = console()
    if seen["services"]:
        rows = [
            (name, "ready" if each["ready"] else "not ready", "; ".join(each["missing"]), each["url"])
            for name, each in sorted(seen["services"].items())
        ]
        screen.print(table("Readiness", ("service", "", "waits for", "address"), rows))
    if seen["lag"]:
        headings = ("topic", "group", "records", "unsent", "")
        screen.print(table("What waits", headings, map(_lag, seen["lag"]), whole=("topic", "group")))
    for text in _sentences(seen):
        screen.print(plain(text))
    for what, why in seen["unknown"].items():
        screen.print(plain(f"Not known, {what}: {why}"))
    if seen["notLookedAt"]:
        screen.print(plain(f"Not looked at, because no address is known: {'; '.join(seen['notLookedAt'])}."))


def _lag(line: Sight) -> tuple[object, ...]:
    if line.get("delayed"):
        return line["topic"], line["group"], line["waiting"], "", _timers(line)
    note = f"{line['missing']} are not in the log: run `holdfast verify`" if line["missing"] else ""
    return line["topic"], line["group"], line["waiting"], line["unsent"], note


def _timers(line: Sight) -> str:
    if not line["waiting"]:
        return "nobody holds a slot that long"
    if timer_overdue(line):
        return f"overdue since {line['nextDue']}: the relay does not forward it"
    if line["overdueSeconds"] or since(
        line["nextDue"], datetime.now(UTC)
    ):  # it may have become due since the look began
        return f"due since {line['nextDue']}, on its way"
    return f"not due yet; the next at {line['nextDue']}" if line["nextDue"] else "it does not say when it is due"


def counted(number: int, what: str) -> str:
    """1 attempt, 2 attempts."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _sentences(seen: Sight) -> Iterable[str]:
    holds = seen["holds"]
    if holds:
        late = f", the oldest for {holds['lateSeconds']:.1f} s" if holds["due"] else ""
        ahead = "" if holds["due"] else f"; the next ends {holds['next'] or 'never'}"
        yield f"Holds: {holds['held']} held, {holds['due']} due and not yet ended{late}{ahead}."
        if holds_overdue(holds):
            yield "That is overdue: the relay or availability is behind (docs/runbook.md, HoldfastRelayBehind)."
    if "kafka" not in seen["unknown"] and "dead letters" not in seen["unknown"]:
        dead = ", ".join(f"{number} of {service}" for service, number in sorted(seen["deadLetters"].items()))
        yield f"Dead letters: {dead or 'none'}."
    oldest = seen["oldestCall"]
    if oldest:
        failed = f", last failed with: {oldest['lastError']}" if oldest["lastError"] else ""
        yield (
            f"Calls to the outside: {seen['openCalls']} open, the oldest since {oldest['ageSeconds']:.0f} s "
            f"({oldest['kind']} to {oldest['destination']}, {counted(oldest['attempts'], 'attempt')}{failed})."
        )
    elif seen["openCalls"] is not None:
        yield "Calls to the outside: none is open."
    for own in seen["timers"]:
        yield f"Own timers of {own['service']}, which call nobody: {own['waiting']}, the next at {own['nextDue']}."


def letters(found: Sequence[Letter]) -> None:
    if not found:
        print("there are no open dead letters")
        return
    rows = [
        (
            letter.id,
            letter.died[:19] + "Z",
            letter.service,
            letter.type.removeprefix(PREFIX) or "?",
            letter.organisation,
            cut(letter.reason, 120),
            f"{letter.handled.done} {letter.handled.at[:19]}Z by {letter.handled.by}" if letter.handled else "open",
        )
        for letter in found
    ]
    headings = ("id", "died", "service", "type", "organisation", "reason", "state")
    console().print(table("Dead letters", headings, rows, whole=("id",)))


def letter(shown: dict[str, Any]) -> None:
    """One letter, whole."""
    screen = console()
    for name in (
        "id",
        "service",
        "reason",
        "type",
        "organisation",
        "died",
        "origin",
        "place",
        "key",
    ):
        screen.print(plain(f"{name}: {shown[name] if shown[name] is not None else '-'}"))
    against = shown["replayWouldFail"]
    screen.print(
        plain(f"not to be replayed: {against}" if against else "replay: nothing in the record speaks against it")
    )
    if shown["handled"]:
        screen.print(plain("handled: {done} at {at} by {by} {why}".format(**shown["handled"])))
    screen.print(table("Headers", ("name", "value"), sorted(shown["headers"].items())))
    body = shown["body"]
    screen.print(plain(body) if isinstance(body, str) else Text(json.dumps(body, indent=2, ensure_ascii=True)))


def report(told: Report) -> None:
    """What `verify` found, by rule, with what it means and what to do."""
    screen = console()
    looked = ", ".join(f"{number} {what}" for what, number in told.looked.items())
    screen.print(plain(f"Looked at {looked}."))
    for skipped in told.skipped:
        screen.print(plain(f"Not looked at: {skipped}."))
    for name, number in told.counted.items():
        rule = RULES[name]
        screen.print(Text(f"\n{name}: {rule.says}", style="bold red"))
        for finding in told.found:
            if finding.rule == name:
                screen.print(plain(f"  {finding.about}: {finding.what}"))
        if number > SHOWN:
            screen.print(f"  … and {number - SHOWN} more")
        screen.print(plain(f"  It means: {rule.means}"))
        screen.print(plain(f"  To do: {rule.remedy}"))
    if not told.found:
        screen.print("Everything holds.")


def findings(found: Sequence[Finding], done: bool = False) -> None:
    """Of the topics, before or after they were put right."""
    if not found:
        print("nothing was to be done" if done else "every topic is as the table says")
        return
    rows = [
        (
            each.topic,
            each.what,
            each.is_,
            each.should,
            "done" if done else ("apply" if each.may_change else each.advice),
        )
        for each in found
    ]
    console().print(table("Topics", ("topic", "what", "is", "should be", ""), rows))


def marks(found: Sequence[Mark], done: bool = False) -> None:
    """Where services cannot go on, or could not."""
    if not found:
        print("every mark fits the log")
        return
    rows = [
        (
            mark.service,
            f"{mark.topic}/{mark.partition}",
            mark.processed,
            mark.published,
            mark.first,
            mark.last,
            mark.right,
        )
        for mark in found
    ]
    headings = (
        "service",
        "partition",
        "processed",
        "published",
        "the log's first",
        "its end",
        "is" if done else "to be",
    )
    console().print(table("Marks that do not fit the log", headings, rows))


def republished(done: Republished) -> None:
    """What was stored, what was missing, what was sent again."""
    rows = [(name, done.stored[name], done.missing[name], done.sent[name]) for name in sorted(done.stored)]
    if rows:
        console().print(table("Stored outputs", ("topic", "stored", "not in Kafka", "sent again"), rows))
    else:
        print("nothing of it was stored since then")
    for line in done.skipped:
        print(f"not looked at: {line}")
    for line in done.left:
        print(f"not sent: {line}")
