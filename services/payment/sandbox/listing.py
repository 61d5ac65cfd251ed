"""Lists: newest first, a page at a time, filtered as Stripe does."""

from collections.abc import Sequence
from typing import Any

from services.payment.sandbox import errors, objects
from services.payment.sandbox.errors import Refused
from services.payment.sandbox.objects import Object
from services.payment.sandbox.parameters import ListEvents, ListRefunds, ListSessions, Page
from services.payment.sandbox.store import Store

Condition = tuple[str, Any]

_TAKEN = "EXISTS (SELECT 1 FROM deliveries WHERE event = objects.id AND state = 'delivered')"
_SENT = "EXISTS (SELECT 1 FROM deliveries WHERE event = objects.id)"
_RANGE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def sessions(store: Store, asked: ListSessions) -> Object:
    """Checkout sessions."""
    wanted = _equal(asked, "status", "payment_intent")
    return _page(store, "checkout.session", "/v1/checkout/sessions", asked, wanted)


def refunds(store: Store, asked: ListRefunds) -> Object:
    """Refunds."""
    return _page(store, "refund", "/v1/refunds", asked, _equal(asked, "payment_intent", "charge"))


def events(store: Store, asked: ListEvents) -> Object:
    """Events; `delivery_success=false` are those that the endpoint has not taken yet."""
    if asked.type and asked.types:
        raise Refused("You may only specify one of these parameters: type, types.")
    wanted: list[Condition] = []
    types = asked.types or ((asked.type,) if asked.type else ())
    if types:
        either = " OR ".join(["json_extract(body, '$.type') GLOB ?"] * len(types))  # charge.* is a group
        wanted.append((f"({either})", types))
    if asked.delivery_success is not None:
        wanted.append((f"({_TAKEN} OR NOT {_SENT})" if asked.delivery_success else f"({_SENT} AND NOT {_TAKEN})", []))
    return _page(store, "event", "/v1/events", asked, wanted)


def _equal(asked: Page, *names: str) -> list[Condition]:
    given = [(name, getattr(asked, name)) for name in names]
    return [(f"json_extract(body, '$.{name}') = ?", [value]) for name, value in given if value is not None]


def _page(store: Store, kind: str, url: str, asked: Page, wanted: Sequence[Condition]) -> Object:
    if asked.starting_after and asked.ending_before:
        raise Refused("You may only specify one of these parameters: starting_after, ending_before.")
    backwards = asked.ending_before is not None
    conditions: list[Condition] = [("kind = ?", [kind]), *wanted, *_created(asked)]
    for param, sign in (("starting_after", "<"), ("ending_before", ">")):
        cursor = getattr(asked, param)
        if cursor is not None:
            seq = store.seq(cursor, kind)
            if seq is None:
                raise errors.missing(kind, cursor, param)
            conditions.append((f"seq {sign} ?", [seq]))
    rows = store.db.execute(
        f"""SELECT id FROM objects
            WHERE {" AND ".join(condition for condition, _ in conditions)}
            ORDER BY seq {"ASC" if backwards else "DESC"}
            LIMIT ?""",  # noqa: S608 - every value is a parameter
        [*(value for _, values in conditions for value in values), asked.limit + 1],
    ).fetchall()
    found = [value for row in rows[: asked.limit] if (value := store.get(row["id"]))]
    return objects.listed(found[::-1] if backwards else found, url, has_more=len(rows) > asked.limit)


def _created(asked: Page) -> list[Condition]:
    if asked.created is None:
        return []
    if isinstance(asked.created, int):
        return [("created = ?", [asked.created])]
    given = asked.created.model_dump(exclude_none=True)
    return [(f"created {_RANGE[name]} ?", [value]) for name, value in given.items()]
