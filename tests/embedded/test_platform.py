"""What the platform tells its services, without starting anything."""

from datetime import timedelta

import pytest

from embedded import folder, platform
from embedded.problem import Problem


@pytest.mark.parametrize(
    ("text", "length", "iso"),
    [
        ("20s", timedelta(seconds=20), "PT20S"),
        ("15m", timedelta(minutes=15), "PT15M"),
        ("90s", timedelta(seconds=90), "PT90S"),
        ("2h", timedelta(hours=2), "PT120M"),
    ],
)
def test_a_length_of_time_as_people_and_as_settings_write_it(text, length, iso):
    assert platform.length(text) == length
    assert platform.iso(length) == iso


@pytest.mark.parametrize("text", ["", "15", "m", "0m", "-5m", "1.5h", "15 m", "1d", "9999999s"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(Problem, match="write 20s, 15m or 1h"):
        platform.length(text)


@pytest.mark.parametrize("scale", [{"bookings": 2}, {"booking": -1}, {"booking": 17}, {"sandbox": 2}])
def test_a_scale_that_cannot_be_is_refused(scale):
    with pytest.raises(Problem, match=r"booking|sandbox"):
        platform.Plan(port=0, hold=timedelta(minutes=15), scale=scale, settings={})


def test_a_hold_longer_than_a_day_is_refused():
    platform.Plan(port=0, hold=timedelta(hours=24), scale={}, settings={})
    with pytest.raises(Problem, match="held for 24h at most: choose a shorter --hold"):
        platform.Plan(port=0, hold=timedelta(hours=24, seconds=1), scale={}, settings={})


def test_a_service_is_told_where_everything_is(tmp_path, monkeypatch):
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("HOLDFAST_GATEWAY_ORIGINS", '["http://localhost:3000"]')
    plan = platform.Plan(0, timedelta(minutes=15), {"booking": 2}, {"HOLDFAST_BOOKING_QUEUE": "4"})
    with folder.opened(tmp_path / "data") as data:
        running = platform.Platform(data, platform.silent, True, plan)
        first, second = (running._service("booking", "services.booking", number).env for number in (1, 2))
        port = first["HOLDFAST_BOOKING_PORT"]
        expected = {
            "HOLDFAST_AVAILABILITY_HOLD": "PT15M",
            "HOLDFAST_BOOKING_DATABASE": running.dsn("booking"),
            "HOLDFAST_BOOKING_QUEUE": "4",
            "HOLDFAST_DEVELOPMENT": "1",
            "HOLDFAST_GATEWAY_BOOKING_URL": f"http://127.0.0.1:{port}",
            "HOLDFAST_GATEWAY_ISSUER": running.url,
            "HOLDFAST_GATEWAY_KEYS": str(data.path / "keys"),
            "HOLDFAST_GATEWAY_ORIGINS": '["http://localhost:3000"]',
            "HOLDFAST_INSTANCE": "booking-1",
            "HOLDFAST_INTERNAL_TOKEN": data.token(),
            "HOLDFAST_SESSION_TIMEOUT_MS": "1000",
            "HOLDFAST_TOPIC_PARTITIONS": "4",
        }
        assert expected.items() <= first.items()
        assert "PGHOST" not in first
        assert "HOLDFAST_FAILPOINT" not in first
        assert {name for name in first if first[name] != second[name]} == {
            "HOLDFAST_INSTANCE",
            "HOLDFAST_METRICS_PORT",
            "NOTIFY_SOCKET",
        }
