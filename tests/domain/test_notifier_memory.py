"""What a notifier remembers: the versions of bookings that it has met, and the secrets that it has opened."""

import base64
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from chassis.messages import Incoming
from chassis.sealing import NotSealedHere, Seal
from contracts.booking import BookingUpdated
from contracts.envelope import Envelope
from contracts.examples import BOOKING
from services.notifier.deliveries import Claimed
from services.notifier.handlers import purpose
from services.notifier.opening import Opened
from services.notifier.versions import Versions

NOW = datetime(2027, 1, 10, 12, tzinfo=UTC)
SEAL = Seal([base64.b64encode(bytes(range(64))).decode()])
SECRET = bytes(range(32))


class Place(NamedTuple):
    """Where a record lies."""

    partition: int
    offset: int


def missed(versions: Versions, offset: int, version: int) -> bool:
    """Whether an event is missing before this one."""
    booking = BOOKING.model_copy(update={"version": version})
    event = BookingUpdated(booking=booking, previous_status="CONFIRMED")
    place: Any = Place(0, offset)
    return versions.meet(
        Incoming(place, Envelope(booking.id, event.type, "demo", booking.id, booking.id, NOW), event), booking
    )


def test_a_version_that_is_left_out_is_missed() -> None:
    versions = Versions()
    assert [missed(versions, offset, version) for offset, version in enumerate((2, 3, 5, 6))] == [
        False,
        False,
        True,
        False,
    ]


def test_what_others_may_have_met_meanwhile_is_not_missed() -> None:
    """The partition was somebody else's for a while."""
    versions = Versions()
    assert [missed(versions, offset, version) for offset, version in ((0, 2), (7, 9))] == [False, False]


def test_an_earlier_version_that_comes_again_makes_the_next_one_no_missing_one() -> None:
    versions = Versions()
    assert [missed(versions, offset, version) for offset, version in enumerate((2, 3, 2, 4))] == [False] * 4


def claimed(organisation: str, subscription: str, *sealed: str) -> Claimed:
    return Claimed("d", subscription, organisation, 1, 0, "", sealed, 1, "e", "booking.paid", 0.0, "{}", None)


@pytest.mark.parametrize(("organisation", "subscription"), [("rival", "a"), ("demo", "b")])
def test_a_secret_that_was_opened_for_one_subscription_signs_for_no_other(organisation: str, subscription: str) -> None:
    opened = Opened(SEAL)
    text = f"whsec_{base64.b64encode(SECRET).decode()}"
    sealed = SEAL.seal(text.encode(), purpose("demo", "a"))
    assert opened.of(claimed("demo", "a", sealed)) == [SECRET]
    assert opened.of(claimed("demo", "a", sealed)) == [SECRET]
    with pytest.raises(NotSealedHere):
        opened.of(claimed(organisation, subscription, sealed))
