"""What every operation has without saying so: tags, scopes, headers, and the errors that any may answer. Data for `openapi`."""

from typing import Any, NamedTuple

from services.gateway import examples

JSON = dict[str, Any]

TAGS = {
    "bookings": "A booking holds a slot for some minutes; confirmed it stays, cancelled or left alone it goes back on sale.",
    "slots": "What can be booked now.",
    "catalogue": "Venues, their spaces, and the products that are sold there.",
    "customers": "Who books.",
    "webhooks": "Who is told of changes as they happen, signed, at least once; and what became of it.",
    "events": "What happened, for whoever wants to catch up.",
    "payments": "For the payment provider.",
    "identity": "Tokens, and the keys they are signed with.",
}
# name -> its schema, what it says, an example. Where it is documented it is there, but for those in `SOMETIMES`.
HEADERS: dict[str, tuple[JSON, str, Any]] = {
    "X-Correlation-Id": (
        {"type": "string", "format": "uuid"},
        "What to tell us when you ask about this answer: the id of the command, or a fresh one for a read.",
        examples.COMMAND_ID,
    ),
    "Idempotency-Key": (
        {"type": "string", "minLength": 1},
        "The request's key as it came, or the one that was made for it.",
        "order-2027-0117",
    ),
    "Idempotency-Replayed": (
        {"type": "string", "enum": ["true"]},
        "There when the effect is that of an earlier request with this key.",
        "true",
    ),
    "ETag": (
        {"type": "string", "pattern": '^"[0-9]+([.][0-9a-f]{8})?"$'},
        "Its version; of a space or a product with a part that says which products or spaces go with it.",
        '"2"',
    ),
    "Location": ({"type": "string", "minLength": 1}, "Where it is.", f"/v1/bookings/{examples.BOOKING_ID}"),
    "Retry-After": ({"type": "integer", "minimum": 0}, "Seconds to wait before the request is repeated.", 1),
    "X-RateLimit-Limit": ({"type": "integer", "minimum": 1}, "Requests of this kind a minute, for this client.", 300),
    "X-RateLimit-Remaining": ({"type": "integer", "minimum": 0}, "How many of them are left now.", 299),
    "WWW-Authenticate": ({"type": "string", "minLength": 1}, "How to say who calls, and what was wrong.", "Bearer"),
}

# The answers that have a version, by their schema.
VERSIONED = ("Booking", "Venue", "VenueChanged", "Space", "Product", "Subscription", "SubscriptionWithSecret")

# What a status means where an operation has no words of its own for it.
MEANINGS = {
    "200": "Done",
    "201": "Made; `Location` says where",
    "204": "Done; there is nothing to say",
    "304": "There is no newer version",
    "400": "Not the documented shape",
    "404": "There is nothing with this id, or it belongs to another organisation",
    "409": "What is there does not allow it",
    "412": "It has another version",
    "413": "The body is too long",
    "415": "The body is no plain JSON",
    "422": "Well-formed, but against a rule",
    "500": "Our fault",
    "502": "The payment provider's fault",
    "503": "Not now: nothing was taken, repeat the request",
    "504": "The read took too long",
}
# By the answer that such a request may get: nothing new, or another version.
CONDITION_OF: dict[str, tuple[str, str, JSON]] = {
    "304": (
        "If-None-Match",
        'The version that is known, as an `ETag` said it, such as `"2"`: the answer is 304 if there is no newer one.',
        {"type": "string"},  # RFC 9110: whatever is no tag of ours is no version that is known
    ),
    "412": (
        "If-Match",
        'The version that is to be changed, as an `ETag` said it, such as `"2"`, or `version` in quotes; without it, or with `*`, any version is.',
        {"type": "string", "pattern": '^([*]|"[1-9][0-9]{0,8}([.][0-9a-f]{8})?")$'},
    ),
}
# The headers of a status.
WITH_STATUS = {
    "304": ["ETag"],
    "202": ["Retry-After"],
    "401": ["WWW-Authenticate"],
    "403": ["WWW-Authenticate"],
    "429": ["Retry-After"],
    "503": ["Retry-After"],
}
SOMETIMES = {"Idempotency-Replayed"}
# An error may be about the key itself, or be found before anybody knows who calls.
RATES = ("X-RateLimit-Limit", "X-RateLimit-Remaining")
NOT_WITH_EVERY_ERROR = ("Idempotency-Key", *RATES)
IF_KNOWN = "-If-Known"


class Shared(NamedTuple):
    """An error that operations answer before they are themselves asked."""

    status: int
    meaning: str
    code: str
    message: str
    headers: tuple[str, ...] = ()


ANYWHERE = {
    "TooSlow": Shared(408, "The request took too long to arrive", "TIMEOUT", "The request took too long to arrive."),
    "HeadersTooLong": Shared(
        431, "Request line and headers are too long", "PAYLOAD_TOO_LARGE", "The request line and headers are too long."
    ),
}
WITH_TOKEN = {
    "Unauthorized": Shared(
        401, "There is no token, or none that counts", "UNAUTHORIZED", "The token has expired.", ("WWW-Authenticate",)
    ),
    "Forbidden": Shared(
        *(403, "The token lacks the scope", "FORBIDDEN", "The token lacks the scope org_write."),
        ("WWW-Authenticate", *RATES),
    ),
    "RateLimited": Shared(
        *(429, "Too many requests of this client", "RATE_LIMITED", "More than 300 requests in a minute."),
        ("Retry-After", *RATES),
    ),
}
