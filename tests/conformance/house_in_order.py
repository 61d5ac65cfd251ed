"""Schemathesis' hooks: in place of the documented ids, and of half of those that it drew, it asks for what is there.

Else nearly every request would be about nothing, and a 404. The shape of a request stays what it was.
"""

import json
import os
import re
import uuid
from typing import Any

import schemathesis
from schemathesis import Case, HookContext

from contracts import catalogue
from services.gateway import documentation, examples, webhook_examples

# By kind: what is booked, and then what is changed and deleted, so that there is always a house to book in.
THERE: dict[str, list[Any]] = json.loads(os.environ["HOLDFAST_CONFORMANCE_THERE"])
KINDS = {
    "venueId": "venues",
    "spaceId": "spaces",
    "spaceIds": "spaces",
    "spaces": "spaces",
    "productId": "products",
    "products": "products",
    "additionalProducts": "extras",
}
DOCUMENTED = {
    examples.VENUE_ID: "venues",
    examples.SPACE_ID: "spaces",
    examples.PRODUCT_ID: "products",
    examples.BOOKING_ID: "bookings",
    webhook_examples.SUBSCRIPTION_ID: "webhooks",
}
# What a pattern cannot tell, and a test elsewhere does: whether a URL may be called, whether a secret is one.
GOOD = {
    "url": (re.compile(r"https?://[!-~]+").fullmatch, 2000, "https://shop.example/hook"),
    "secret": (re.compile(r"whsec_[A-Za-z0-9+/]{32,88}={0,2}").fullmatch, 120, webhook_examples.SECRET),
}
KEY, CONDITION = "Idempotency-Key", "If-Match"
_id = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_version = re.compile(r'[*]|"[1-9][0-9]{0,8}"').fullmatch
# The longest of each, which no pattern can tell. That longer ones are a 400 is tested in tests/domain/test_gateway_bodies.py.
LONGEST = dict.fromkeys(("bufferBefore", "bufferAfter", "leadTime", "startStep"), "P366D") | {"horizon": "P3660D"}


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Exchange ids for ids, slots for free slots, and most keys for fresh ones."""
    in_a_story = bool(case.meta and case.meta.phase.name == "stateful")
    # A later step of a story means the very thing that an earlier one made.
    if case.path_parameters and not in_a_story:
        kind = case.operation.path.split("/")[2]
        spare = kind != "bookings" and case.method in ("PATCH", "DELETE")
        case.path_parameters = {name: _exchanged(kind, each, spare) for name, each in case.path_parameters.items()}
    if isinstance(case.query, dict):
        case.query = _fields(case.query)
    if isinstance(case.body, dict):
        case.body = _whole(_fields(case.body))
    if case.headers and CONDITION in case.headers and case.meta and case.meta.generation.mode.is_positive:
        # Schemathesis draws this header by a rule of its own and not by ours.
        case.headers[CONDITION] = case.headers[CONDITION] if _version(case.headers[CONDITION]) else '"1"'
    if case.headers and KEY in case.headers:
        # A story that is told twice with one key would be shown what the first telling made, and may have deleted.
        case.headers[KEY] = str(uuid.uuid4()) if in_a_story else _key(case.headers[KEY])


def _key(value: Any) -> Any:
    """A fresh key in place of nine of ten: drawn ones are short, and were used for something else."""
    usable = isinstance(value, str) and re.fullmatch(documentation.IDEMPOTENCY_KEY["schema"]["pattern"], value)
    return str(uuid.uuid4()) if usable and len(value) < 255 and sum(value.encode()) % 10 else value


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    if given.keys() >= {"productId", "spaceId", "slot"} and _books(given):
        slots = THERE["slots"]
        there = {"productId": THERE["products"][0], "spaceId": THERE["spaces"][0]}
        return {**given, **there, "slot": slots[sum(repr(given).encode()) % len(slots)]}
    return {
        name: _shortened(name, _exchanged(KINDS.get(name, ""), _good(name, value))) for name, value in given.items()
    }


def _good(name: str, value: Any) -> Any:
    """A URL that may be called, and a secret that is one, in place of what only has their form."""
    if name not in GOOD or not isinstance(value, str):
        return value
    form, longest, good = GOOD[name]
    return good if form(value) and len(value) <= longest else value


def _books(given: dict[str, Any]) -> bool:
    """Three of four well-formed bookings, so that some of them can be had."""
    slot = given["slot"]
    moments = list(slot.values()) if isinstance(slot, dict) and slot.keys() == {"from", "to"} else []
    well_formed = [isinstance(each, str) and each[10:11] == "T" and each[-1:] == "Z" for each in moments]
    ids = [isinstance(given[name], str) and bool(_id(given[name])) for name in ("productId", "spaceId")]
    return bool(moments) and all((*well_formed, *ids)) and sum(repr(given).encode()) % 4 > 0


def _shortened(name: str, value: Any) -> Any:
    """The longest length there is in place of a longer one."""
    if name not in LONGEST or not isinstance(value, str) or not re.fullmatch(catalogue.DURATION, value):
        return value
    try:
        longer = catalogue.from_iso(value) > catalogue.from_iso(LONGEST[name])  # type: ignore[operator]
    except (OverflowError, ValueError):
        return value
    return LONGEST[name] if longer else value


def _whole(value: Any) -> Any:
    """JSON Schema calls 1.0 a whole number and so fits; our readers are stricter, and the document cannot say so."""
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _exchanged(kind: str, value: Any, spare: bool = False) -> Any:
    if isinstance(value, list):
        return [_exchanged(kind, each, spare) for each in value]
    if not isinstance(value, str) or not _id(value):
        return value
    kind = DOCUMENTED.get(value, kind)
    there = THERE.get(kind, [])
    if not there or (value not in DOCUMENTED and int(value[:2], 16) % 2):
        return value
    if kind == "bookings":
        return str(there[int(value[2:4], 16) % len(there)])
    return str(there[-1 if spare else 0])
