"""How long a slot may be held in all, by what availability is told."""

from datetime import timedelta

import pytest

from services.availability.settings import AvailabilitySettings


@pytest.mark.parametrize(
    ("hold", "told", "most"),
    [
        ("PT15M", None, timedelta(minutes=60)),
        ("PT20S", None, timedelta(minutes=60)),
        ("PT1H", None, timedelta(hours=4)),
        ("PT24H", None, timedelta(hours=96)),
        ("PT1H", "PT90M", timedelta(minutes=90)),
        ("PT15M", "PT15M", timedelta(minutes=15)),
    ],
)
def test_a_slot_may_be_held_for_an_hour_or_four_holds_or_as_told(
    hold: str, told: str | None, most: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = {"DATABASE": "postgresql://nowhere", "PORT": "1", "HOLD": hold} | ({"HOLD_CAP": told} if told else {})
    for name, value in needed.items():
        monkeypatch.setenv(f"HOLDFAST_AVAILABILITY_{name}", value)
    monkeypatch.setenv("HOLDFAST_KAFKA", "nowhere:9092")
    monkeypatch.setenv("HOLDFAST_INTERNAL_TOKEN", "x" * 43)
    assert AvailabilitySettings().most_held == most  # type: ignore[call-arg] - the rest is in the environment
