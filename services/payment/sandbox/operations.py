"""The API's table of contents: method and path, the name that faults know it by, what it takes, what it does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.payment.sandbox import listing, objects, parameters
from services.payment.sandbox.account import Account
from services.payment.sandbox.objects import Object

Run = Callable[[Account, str, Any, Object], Object]


@dataclass(frozen=True)
class Operation:
    """One call. `run` gets the account, the id in the path, the parameters, and who asked (for the events)."""

    method: str
    path: str
    name: str
    takes: type[parameters.Parameters]
    run: Run


def _retrieve(kind: str) -> Run:
    return lambda account, id_, _asked, _request: account.found(id_, kind)


SESSIONS, INTENTS, REFUNDS, EVENTS = "/v1/checkout/sessions", "/v1/payment_intents", "/v1/refunds", "/v1/events"

TABLE = (
    Operation(
        "POST",
        SESSIONS,
        "checkout.sessions.create",
        parameters.CreateSession,
        lambda account, _id, asked, request: account.create_session(asked, request),
    ),
    Operation(
        "GET",
        SESSIONS,
        "checkout.sessions.list",
        parameters.ListSessions,
        lambda account, _id, asked, _request: listing.sessions(account.store, asked),
    ),
    Operation(
        "GET", SESSIONS + "/{id}", "checkout.sessions.retrieve", parameters.Retrieve, _retrieve("checkout.session")
    ),
    Operation(
        "POST",
        SESSIONS + "/{id}/expire",
        "checkout.sessions.expire",
        parameters.Retrieve,
        lambda account, id_, _asked, request: account.expire_session(id_, request),
    ),
    Operation("GET", INTENTS + "/{id}", "payment_intents.retrieve", parameters.Retrieve, _retrieve("payment_intent")),
    Operation(
        "POST",
        REFUNDS,
        "refunds.create",
        parameters.CreateRefund,
        lambda account, _id, asked, request: account.create_refund(asked, request),
    ),
    Operation(
        "GET",
        REFUNDS,
        "refunds.list",
        parameters.ListRefunds,
        lambda account, _id, asked, _request: listing.refunds(account.store, asked),
    ),
    Operation("GET", REFUNDS + "/{id}", "refunds.retrieve", parameters.Retrieve, _retrieve("refund")),
    Operation(
        "GET",
        EVENTS,
        "events.list",
        parameters.ListEvents,
        lambda account, _id, asked, _request: listing.events(account.store, asked),
    ),
    Operation("GET", EVENTS + "/{id}", "events.retrieve", parameters.Retrieve, _retrieve("event")),
)


def answer(account: Account, operation: Operation, id_: str, asked: parameters.Parameters, request: Object) -> Object:
    """Do it, and what the caller sees of it."""
    value = operation.run(account, id_, asked, request)
    shown = _shown(account, value, asked)
    for each in shown["data"] if shown["object"] == "list" else [shown]:
        if each["object"] == "event":
            each["pending_webhooks"] = account.news.pending(each["id"])
    return shown


def _shown(account: Account, value: Object, asked: parameters.Parameters) -> Object:
    """The object, or the page of objects, expanded as asked."""
    if value["object"] != "list":
        return objects.shown(value, asked.expand, account.store.get)
    inner = [path.removeprefix("data.") for path in asked.expand if path.startswith("data.")]
    return {**value, "data": [objects.shown(each, inner, account.store.get) for each in value["data"]]}
