"""What booking's settings say of checkouts."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.booking.commands import RULES, Rules
from services.booking.return_urls import Allowed
from services.booking.settings import BookingSettings


def settings(**given: Any) -> BookingSettings:
    return BookingSettings(kafka="-", internal_token="-", database="postgresql://-", port=1, **given)


def test_nothing_is_unusual_by_default() -> None:
    assert settings().rules == RULES


def test_what_is_set_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_BOOKING_RETURN_HOSTS", '["shop.example"]')
    given = settings(
        checkout_minutes=35,
        success_url="https://shop.example/yes",
        cancel_url="http://localhost/no",
        return_loopback=True,
    )
    allowed = Allowed(loopback=True, hosts=frozenset({"shop.example"}))
    assert given.rules == Rules(allowed, "https://shop.example/yes", "http://localhost/no", 2100)


@pytest.mark.parametrize(
    "given",
    [
        {"checkout_minutes": 34},
        {"checkout_minutes": 1436},
        {"success_url": "javascript:alert(1)"},
        {"cancel_url": "http://shop.example/"},
    ],
)
def test_what_could_not_work_is_refused_at_the_start(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**given)
