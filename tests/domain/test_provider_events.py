"""What the provider's events say, in our words: those of the sandbox's shapes, and those that nobody foresaw."""

import copy
import random
from typing import Any

import pytest
from forging import Forger

from contracts.examples import BOOKING_ID
from contracts.payment import RecordProviderEvent
from contracts.provider_events import KINDS, NotUnderstood, found, heard, words

FORGER = Forger("whsec", booking_id=BOOKING_ID)
BOOKING, REFUND_ID = FORGER.booking_id, "5ea00000-0000-4000-8000-0000000000bb"
ABOUT = {"organisation_id": "demo", "booking_id": BOOKING}
REFUND = {
    "id": "re_1",
    "object": "refund",
    "metadata": {**ABOUT, "refund_id": REFUND_ID},
    "status": "failed",
    "failure_reason": "lost_or_stolen_card",
    "amount": 1000,
    "currency": "eur",
    "payment_intent": {"id": "pi_1", "object": "payment_intent"},
}
INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "metadata": {**ABOUT, "checkout_id": REFUND_ID},
    "last_payment_error": {"message": "Your card\nwas declined.\x00"},
}


def event(kind: str, of: Any) -> dict[str, Any]:
    return FORGER.event(type=kind, data={"object": of})


def record(of: dict[str, Any]) -> RecordProviderEvent:
    told = heard(of)
    assert told is not None
    assert told.organisation == "demo"
    return told.record


def test_a_session_a_refund_and_a_declined_card_are_said_in_our_words() -> None:
    session = record(FORGER.event()).session
    assert session is not None
    assert (session.amount, session.currency, session.payment_status) == (2500, "EUR", "paid")
    refunded = record(event("refund.failed", REFUND))
    assert refunded.refund is not None
    assert (refunded.refund.refund_id, refunded.refund.payment) == (REFUND_ID, "pi_1")
    assert refunded.message == "lost_or_stolen_card"
    declined = record(event("payment_intent.payment_failed", INTENT))
    assert (declined.checkout_id, declined.message) == (REFUND_ID, "Your card was declined.")


def test_an_event_has_one_id_of_its_own_and_of_its_account() -> None:
    one = FORGER.event()
    ids = [heard(each) for each in (one, copy.deepcopy(one), one | {"account": "acct_1"}, FORGER.event())]
    first, again, elsewhere, another = [each.id for each in ids if each]
    assert first == again
    assert len({first, elsewhere, another}) == 3


def test_a_session_that_is_found_has_an_id_for_each_of_its_states() -> None:
    session = FORGER.event()["data"]["object"]
    ids = [found(session | state) for state in ({}, {}, {"status": "open", "payment_status": "unpaid"})]
    first, again, other = [each.id for each in ids if each]
    assert first == again != other
    assert found(session | {"metadata": None}) is None


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"booking_id": BOOKING},
        {"organisation_id": "demo"},
        {"organisation_id": "demo", "booking_id": "b-1"},
        {"organisation_id": "Demo|x", "booking_id": BOOKING},
        {"organisation_id": "demo\n", "booking_id": BOOKING},
        {"organisation_id": "demo", "booking_id": BOOKING.upper()},
        "organisation_id",
        [{"booking_id": BOOKING}],
    ],
    ids=str,
)
def test_what_is_about_nothing_of_ours_is_passed_over(metadata: Any) -> None:
    for kind in KINDS:
        assert heard(event(kind, {"metadata": metadata})) is None


@pytest.mark.parametrize("seed", range(300))
def test_whatever_shape_it_has_it_is_heard_or_not_understood(seed: int) -> None:
    chance = random.Random(seed)
    of = copy.deepcopy(chance.choice([FORGER.event()["data"]["object"], REFUND, INTENT]))
    for name in chance.sample(sorted(of.keys() - {"metadata"}), 2):
        of[name] = chance.choice([None, "", -1, 10**30, 1.5, [], {}, "x" * 5000, True, "\x00", {"id": 7}])
    try:
        told = heard(event(chance.choice(KINDS), of))
    except NotUnderstood as error:
        told, why = None, str(error)
        assert why
    assert told is None or told.record.booking_id == BOOKING


def test_texts_of_the_provider_become_one_line() -> None:
    assert words("a\r\nb\u2028c\x1b[0m\u202e") == "a b c[0m"
    assert words(None) == ""
    assert len(words("x" * 5000)) == 1000
