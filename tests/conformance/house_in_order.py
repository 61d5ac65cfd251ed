"""Schemathesis' hooks: in place of the documented ids, and of half of those that it drew, it asks for what is there.

Else nearly every request would be about nothing, and a 404. The shape of a request stays what it was.
"""

import json
import os
import re
import uuid
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext

from services.gateway import documentation, examples

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
}
KEY = "Idempotency-Key"
_id = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_made: set[str] = set()

# What a pattern cannot say of these formats.
schemathesis.openapi.format("iana-time-zone", st.sampled_from(["UTC", "Europe/Paris", "Asia/Kathmandu"]))


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Exchange ids for ids, slots for free slots, and the one documented key for a fresh one."""
    if case.path_parameters:
        kind = case.operation.path.split("/")[2]
        spare = kind != "bookings" and case.method in ("PATCH", "DELETE")
        case.path_parameters = {name: _exchanged(kind, each, spare) for name, each in case.path_parameters.items()}
    if isinstance(case.query, dict):
        case.query = _fields(case.query)
    if isinstance(case.body, dict):
        case.body = _fields(case.body)
    if case.headers and case.headers.get(KEY) == documentation.IDEMPOTENCY_KEY["example"]:
        case.headers[KEY] = str(uuid.uuid4())


@schemathesis.hook
def after_call(context: HookContext, case: Case, response: Any) -> None:
    """Remember what was made: a later step of the same story means this very thing."""
    for location in response.headers.get("location", []):
        _made.add(location.rpartition("/")[2])


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _slot(value) if name == "slot" else _exchanged(KINDS.get(name, ""), value)
        for name, value in given.items()
    }


def _slot(value: Any) -> Any:
    """A free slot in place of most of those that are well-formed."""
    if not isinstance(value, dict) or value.keys() != {"from", "to"}:
        return value
    text = f"{value['from']}{value['to']}"
    drawn = sum(text.encode())
    well_formed = all(isinstance(each, str) and len(each) >= 20 for each in value.values())
    return THERE["slots"][drawn % len(THERE["slots"])] if well_formed and drawn % 4 else value


def _exchanged(kind: str, value: Any, spare: bool = False) -> Any:
    if isinstance(value, list):
        return [_exchanged(kind, each, spare) for each in value]
    if not isinstance(value, str) or not _id(value) or value in _made:
        return value
    kind = DOCUMENTED.get(value, kind)
    there = THERE.get(kind, [])
    if not there or (value not in DOCUMENTED and int(value[:2], 16) % 2):
        return value
    if kind == "bookings":
        return str(there[int(value[2:4], 16) % len(there)])
    return str(there[-1 if spare else 0])
