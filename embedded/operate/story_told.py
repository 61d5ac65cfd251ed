"""A booking's story as an operator reads it: a tree, each message and call in a line."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.tree import Tree

from contracts.topics import BOOKING_COMMANDS
from embedded.operate.status import TIMERS
from embedded.operate.story import Story
from embedded.operate.telling import PREFIX, console, counted, plain


def told(story: Story) -> None:
    """Print the tree."""
    screen, booking = console(), story.booking
    title = f"booking {story.booking_id}"
    if booking:
        gone = ", deleted by its owner" if booking["deleted"] else ""
        title += f" of {booking['organisation']}: {booking['status']}, version {booking['version']}{gone}"
    else:
        title += ", which booking never had"
    tree = Tree(plain(title))
    for root in story.roots:
        _branch(tree, root)
    screen.print(tree)
    for note in story.notes:
        screen.print(plain(note))


def _branch(tree: Tree, node: dict[str, Any]) -> None:
    branch = tree.add(plain(_KINDS[node["kind"]](node)))
    answer = node.get("answer")
    for child in node["follows"]:
        _branch(branch, child)
    if answer:
        branch.add(
            plain(f"{_clock(answer['at'])}  answered: {_named(answer)} to {', '.join(answer['to']) or 'nobody'}")
        )


def _message(node: dict[str, Any]) -> str:
    sent = node["acceptedAt"] or node["sentAt"] or (node["decided"][0]["at"] if node["decided"] else None)
    text = f"{_clock(sent)}  {_named(node)}"
    if not node["cause"] and node["sentBy"]:
        text += f" from {node['sentBy']}"
    if node["due"]:
        text += f", due {_clock(node['due'])}"
    if node["decided"]:
        for decided in node["decided"]:
            since = node["due"] or sent
            how = "key claimed" if _is_claim(node, decided) else "decided"
            text += f"; {how} by {decided['by']} at {_clock(decided['at'])}{_after(since, decided['at'])}"
    elif (node["topic"] or "").endswith((".commands", "availability.events")) or node["due"]:
        text += "; not decided yet"
    if node["deadLetter"]:
        text += f"; DEAD LETTER {node['deadLetter']['id']}: {node['deadLetter']['reason']}"
    return text


def _is_claim(node: dict[str, Any], decided: dict[str, Any]) -> bool:
    """A command to another service has its key claimed at booking first, by a message of the same id."""
    elsewhere = (node["topic"] or "").endswith(".commands") and node["topic"] != BOOKING_COMMANDS.name
    return elsewhere and str(decided["place"]).startswith(f"{BOOKING_COMMANDS.name}/")


def _call(node: dict[str, Any]) -> str:
    if node["destination"] == TIMERS:
        end = f"ended at {_clock(node['closedAt'])}" if node["closedAt"] else f"ends at {_clock(node['dueAt'])}"
        return f"{_clock(node['askedAt'])}  {node['service']}'s own timer {node['call']}: {end}"
    end = (
        f"closed at {_clock(node['closedAt'])}"
        if node["closedAt"]
        else f"open, next attempt at {_clock(node['dueAt'])}"
    )
    failed = f", last failed with: {node['lastError']}" if node["lastError"] else ""
    return f"{_clock(node['askedAt'])}  call {node['call']} to {node['destination']}: {counted(node['attempts'], 'attempt')}, {end}{failed}"


def _delivery(node: dict[str, Any]) -> str:
    last = node["tries"][-1] if node["tries"] else {}
    said = f", last answered {last['status']}" if last.get("status") else ""
    said += f", last failed with: {last['error']}" if last.get("error") else ""
    if node["endedAt"]:
        end = f"{node['status']} at {_clock(node['endedAt'])}"
    else:
        end = f"next attempt at {_clock(node['dueAt'])}" if node["wanted"] else "held back: nobody is subscribed now"
    whom = node["url"] or "a subscription that is gone"
    return f"{_clock(node['askedAt'])}  webhook to {whom}: {counted(node['attempts'], 'attempt')}, {end}{said}"


_KINDS: dict[str, Callable[[dict[str, Any]], str]] = {"message": _message, "call": _call, "delivery": _delivery}


def _named(node: dict[str, Any]) -> str:
    """Its name and the few words of its body that tell the story."""
    name = (node["type"] or "a command that the log no longer has").removeprefix(PREFIX).removesuffix(".v1")
    body = node["body"] if isinstance(node["body"], dict) else {}
    booking = body.get("booking") if isinstance(body.get("booking"), dict) else None
    words = []
    if booking:
        before = f"{body['previousStatus']} → " if body.get("previousStatus") else ""
        words.append(f"v{booking.get('version')} {before}{booking.get('status')}")
        words += [booking["cancelReason"]] if booking.get("cancelReason") else []
    words += [str(body[name]) for name in ("code", "reason", "message", "expiresAt") if body.get(name)]
    return f"{name} ({', '.join(words)})" if words else name


def _clock(text: str | None) -> str:
    return text[:23].replace("T", " ") if text else "?"


def _after(begin: str | None, end: str) -> str:
    if begin is None:
        return ""
    seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
    return f" ({round(seconds * 1000):+d} ms)"  # clocks differ: it may seem to have been decided before it was written
