"""When a call is tried again."""

import pytest

from chassis.calls import Schedule


@pytest.mark.parametrize(("number", "waits"), [(1, 1.0), (2, 5.0), (3, None), (9, None)])
def test_a_schedule_has_an_end(number: int, waits: float | None) -> None:
    assert Schedule(delays=(1.0, 5.0)).wait(number, 0.0) == waits


@pytest.mark.parametrize(("number", "waits"), [(1, 1.0), (2, 5.0), (3, 5.0), (900, 5.0)])
def test_a_schedule_for_ever_goes_on_at_its_last_pace(number: int, waits: float) -> None:
    assert Schedule(delays=(1.0, 5.0), for_ever=True).wait(number, 0.0) == waits


def test_jitter_only_ever_adds() -> None:
    schedule = Schedule(delays=(10.0,), jitter=0.2)
    assert [schedule.wait(1, chance) for chance in (0.0, 0.5, 1.0)] == [10.0, 11.0, 12.0]


def test_the_other_side_may_ask_for_more_time_and_not_for_less() -> None:
    schedule = Schedule(delays=(10.0,), jitter=0.0)
    assert [schedule.wait(1, 0.0, after) for after in (3.0, 60.0)] == [10.0, 60.0]


def test_no_delays_mean_one_attempt() -> None:
    assert Schedule(delays=()).wait(1, 0.0) is None
