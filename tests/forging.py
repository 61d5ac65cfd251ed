"""Events that the provider never sent: five hundred and more, of every kind that a signature is there to stop."""

import json
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import stripe


@dataclass(frozen=True)
class Post:
    """A request: its body and its signature headers."""

    body: bytes
    signatures: list[str]
    kind: str = ""


@dataclass
class Forger:
    """Knows the provider's secret, and how to do without."""

    secret: str
    chance: random.Random = field(default_factory=lambda: random.Random(5))
    booking_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def event(self, **changes: Any) -> dict[str, Any]:
        """As the provider would write it, about a payment that would count."""
        number = self.chance.randrange(10**12)
        about = {"organisation_id": "demo", "booking_id": self.booking_id, "checkout_id": str(uuid.uuid4())}
        session = {
            "id": f"cs_test_{number}",
            "object": "checkout.session",
            "metadata": about,
            "status": "complete",
            "payment_status": "paid",
            "mode": "payment",
            "amount_total": 2500,
            "currency": "eur",
            "livemode": False,
            "payment_intent": f"pi_{number}",
            "url": None,
            "expires_at": int(time.time()) + 3600,
        }
        return {
            "id": f"evt_{number}",
            "object": "event",
            "type": "checkout.session.completed",
            "created": int(time.time()),
            "livemode": False,
            "data": {"object": session},
            **changes,
        }

    def header(self, body: str, secret: str | None = None, at: float = 0.0) -> str:
        """A signature of these bytes, made `at` seconds from now."""
        made = stripe.WebhookSignature.generate_signature_header(body, secret or self.secret, int(time.time() + at))
        return str(made)

    def real(self, **changes: Any) -> Post:
        """One that the provider has signed."""
        body = json.dumps(self.event(**changes), indent=2)
        return Post(body.encode(), [self.header(body)], "real")

    def forged(self) -> Post:
        """One that nobody has signed so, at this time."""
        kind = self.chance.choice(list(KINDS))
        body = json.dumps(self.event(), indent=2)
        sent, signatures = KINDS[kind](self, body)
        return Post(sent.encode() if isinstance(sent, str) else sent, signatures, kind)


def _changed(forger: Forger, body: str) -> tuple[str, list[str]]:
    return body.replace('"amount_total": 2500', f'"amount_total": {forger.chance.randrange(2500)}'), [
        forger.header(body)
    ]


def _serialised_again(forger: Forger, body: str) -> tuple[str, list[str]]:
    value = json.loads(body)
    other = forger.chance.choice(
        [json.dumps(value), json.dumps(value, separators=(",", ":")), json.dumps(value, indent=2, sort_keys=True)]
    )
    return other, [forger.header(body)]


def _mangled(forger: Forger, body: str) -> tuple[str, list[str]]:
    header = list(forger.header(body))
    place = forger.chance.randrange(header.index(",") + 4, len(header))
    header[place] = "0" if header[place] != "0" else "1"
    return body, ["".join(header)]


def _live(forger: Forger, _body: str) -> tuple[str, list[str]]:
    body = json.dumps(forger.event(livemode=True))
    return body, [forger.header(body)]


def _no_event(forger: Forger, _body: str) -> tuple[str, list[str]]:
    body = forger.chance.choice(["", "[]", "null", "{}", "not json", '{"id": 1, "type": "x"}', '"evt"', "{" * 2000])
    return body, [forger.header(body)]


KINDS: dict[str, Callable[[Forger, str], tuple[str | bytes, list[str]]]] = {
    "unsigned": lambda _forger, body: (body, []),
    "an empty signature": lambda _forger, body: (body, [""]),
    "another secret": lambda forger, body: (body, [forger.header(body, f"whsec_{forger.chance.random()}")]),
    "old": lambda forger, body: (body, [forger.header(body, at=-forger.chance.uniform(303, 10**7))]),
    "from the future": lambda forger, body: (body, [forger.header(body, at=forger.chance.uniform(303, 10**7))]),
    "another body": _changed,
    "serialised again": _serialised_again,
    "a byte more": lambda forger, body: (body + "\n", [forger.header(body)]),
    "a byte less": lambda forger, body: (body[:-1], [forger.header(body)]),
    "another time": lambda forger, body: (body, [forger.header(body, at=-60).replace("t=", "t=1", 1)]),
    "a mangled signature": _mangled,
    "another scheme": lambda forger, body: (body, [forger.header(body).replace("v1=", "v0=")]),
    "two signatures": lambda forger, body: (body, [forger.header(body), forger.header(body)]),
    "not utf-8": lambda forger, body: (body.encode() + b"\xff", [forger.header(body)]),
    "the other mode": _live,
    "signed, but no event": _no_event,
}
