"""Only some addresses are known, or nobody answers: what nobody has looked at is said, and is not taken for all of it."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from terminal import addresses, typed

UNKNOWN = "4b96f5ea-3d46-59a4-912d-eb2a1da8d934"


@pytest.fixture
async def empty(platform: Any) -> AsyncIterator[str]:
    """A database without tables."""
    name = f"empty_{uuid.uuid4().hex}"
    yield await platform.create_database(name)
    await platform.drop_database(name)


async def test_story_without_an_address_or_an_answer_is_not_a_booking_that_nobody_knows() -> None:
    nowhere = await typed("story", UNKNOWN, HOLDFAST_KAFKA="127.0.0.1:1")
    assert nowhere.code == 2
    assert "set HOLDFAST_BOOKING_DATABASE" in nowhere.complained
    away = "postgres://nobody@127.0.0.1:1/booking"
    silent = await typed("story", UNKNOWN, HOLDFAST_KAFKA="127.0.0.1:1", HOLDFAST_BOOKING_DATABASE=away)
    assert silent.code == 2
    assert "could not look" in silent.complained


async def test_status_says_what_it_has_not_looked_at(platform: Any) -> None:
    here = addresses(platform)
    some = {
        name: here[name] for name in ("HOLDFAST_KAFKA", "HOLDFAST_BOOKING_DATABASE", "HOLDFAST_GATEWAY_BOOKING_URL")
    }
    told = await typed("status", "--json", **some)
    assert told.code == 0, told.complained
    assert told.json["notLookedAt"] == [
        "databases of availability, payment, notifier",
        "readiness of availability, payment, notifier, relay, gateway",
    ]
    shown = await typed("status", **some)
    assert "Not looked at, because no address is known: databases of availability, payment, notifier;" in shown.said
    whole = await typed("status", "--json", "--data", str(platform.data))
    assert whole.json["notLookedAt"] == []


@pytest.mark.parametrize("words", [("log", "check"), ("log", "republish", "--since", "1h", "--service", "booking")])
async def test_half_a_look_at_the_marks_is_none(platform: Any, words: tuple[str, ...]) -> None:
    here = addresses(platform)
    some = {name: here[name] for name in ("HOLDFAST_KAFKA", "HOLDFAST_BOOKING_DATABASE")}
    answer = await typed(*words, **some)
    assert (answer.code, answer.said) == (2, "")
    assert "set HOLDFAST_AVAILABILITY_DATABASE, HOLDFAST_PAYMENT_DATABASE, HOLDFAST_NOTIFIER_DATABASE" in (
        answer.complained
    )


async def test_ledger_of_what_is_not_payment_says_so(platform: Any) -> None:
    booking = addresses(platform)["HOLDFAST_GATEWAY_BOOKING_URL"]
    token = (platform.data / "token").read_text()
    answer = await typed("payments", "ledger", "--url", booking, HOLDFAST_INTERNAL_TOKEN=token)
    assert answer.code == 2
    assert answer.complained == f"holdfast: {booking}/ledger is not there: is it payment's read port?\n"


async def test_republish_names_the_service_that_it_passes_over(platform: Any, empty: str) -> None:
    here = {**addresses(platform), "HOLDFAST_PAYMENT_DATABASE": empty}
    words = ("log", "republish", "--since", "1s", "--dry-run", "--service")
    told = await typed(*words, "payment", "--json", **here)
    assert (told.code, told.json["skipped"]) == (0, ["payment: its database has no tables yet"])
    shown = await typed(*words, "payment", **here)
    assert shown.said == "nothing of it was stored since then\nnot looked at: payment: its database has no tables yet\n"
    nobody = await typed(*words, "bookings", "--data", str(platform.data))
    assert nobody.code == 2
    assert "'bookings' is no service with a database: availability, booking, payment, notifier" in nobody.complained
