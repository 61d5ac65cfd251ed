"""How much each receiver is given: more to who answers, nothing for a while to who fails, never all to who is slow."""

import pytest

from services.notifier.destinations import FIRST, Destination, Destinations, Limits

LIMITS = Limits(most=64, most_each=16, failures=3, pause=5.0, longest=20.0)


def proved(seconds: float = 0.001) -> Destination:
    to = Destination()
    for _ in range(40):
        to.answered(True, seconds, LIMITS, 0.0)
    return to


def failed(times: int) -> Destination:
    to = Destination()
    for _ in range(times):
        to.answered(False, 0.1, LIMITS, 100.0)
    return to


def test_a_stranger_gets_a_few_and_who_answers_gets_more() -> None:
    assert Destination().room(LIMITS, 0.0) == FIRST
    assert proved().side_by_side(LIMITS) == LIMITS.most_each
    assert proved().room(LIMITS, 0.0) > LIMITS.most_each  # quick: more in hand than under way
    assert proved(seconds=2.0).room(LIMITS, 0.0) == LIMITS.most_each


def test_what_is_in_hand_counts() -> None:
    to = Destination(in_hand=FIRST, under_way=FIRST)
    assert to.room(LIMITS, 0.0) == 0
    assert not to.may_send(LIMITS, 0.0)


def test_more_is_claimed_only_when_what_is_in_hand_runs_short() -> None:
    to = proved()
    to.in_hand, to.under_way = 40, 16
    assert to.room(LIMITS, 0.0) == 0
    to.in_hand = 20
    assert to.room(LIMITS, 0.0) > LIMITS.most_each


def test_who_fails_in_a_row_is_left_alone_then_tried_with_one() -> None:
    assert failed(2).room(LIMITS, 100.0) == FIRST
    to = failed(3)
    assert to.room(LIMITS, 104.9) == 0
    assert to.room(LIMITS, 105.0) == 1  # half open


def test_each_failed_try_doubles_the_pause_up_to_the_longest() -> None:
    to, now = failed(3), 100.0
    for pause in (5.0, 10.0, 20.0, 20.0):
        assert to.closed_until == now + pause
        now = to.closed_until
        to.answered(False, 0.1, LIMITS, now)


def test_an_answer_closes_the_circuit() -> None:
    to = failed(9)
    to.answered(True, 0.01, LIMITS, 200.0)
    assert to.room(LIMITS, 200.0) >= FIRST
    assert to.failures == 0


def test_a_receiver_that_was_well_again_is_left_alone_for_as_short_as_the_first_time() -> None:
    to = failed(9)
    to.answered(True, 0.01, LIMITS, 200.0)
    for _ in range(3):
        to.answered(False, 0.1, LIMITS, 200.0)
    assert to.closed_until == 205.0


def test_who_was_proved_and_fails_begins_again_with_a_few() -> None:
    to = proved()
    to.answered(False, 0.1, LIMITS, 0.0)
    assert to.side_by_side(LIMITS) == FIRST


def test_those_that_were_under_way_when_the_circuit_opened_do_not_lengthen_the_pause() -> None:
    to = failed(3)
    until = to.closed_until
    to.answered(False, 15.0, LIMITS, 101.0)
    assert to.closed_until == until


def test_who_asks_to_be_left_alone_is() -> None:
    to = Destination()
    to.answered(False, 0.1, LIMITS, 100.0, asked=7.0)
    assert to.room(LIMITS, 106.9) == 0
    assert to.room(LIMITS, 107.0) > 0


def test_who_asks_to_be_left_alone_is_not_for_longer_than_any_nor_for_shorter_than_its_failures_say() -> None:
    to = Destination()
    to.answered(False, 0.1, LIMITS, 100.0, asked=86_400.0)
    assert to.closed_until == 120.0
    to = failed(3)
    to.answered(False, 0.1, LIMITS, 101.0, asked=1.0)
    assert to.closed_until == 105.0


@pytest.mark.parametrize(("more", "room"), [(9, 7), (10, 0)])
def test_the_slow_ones_together_never_have_all_the_room(more: int, room: int) -> None:
    """What some have from when they were fewer counts for all of them."""
    all_ = Destinations(LIMITS)
    for name, in_hand in ("a", 20), ("b", more), ("c", 1), ("d", 1):
        all_.known[name] = proved(seconds=10.0)
        all_.known[name].in_hand = in_hand
    all_.known["quick"] = proved()
    rooms = all_.rooms(0.0)
    assert (rooms["c"], rooms["d"]) == (room, room)
    assert rooms["quick"] > 0


def test_who_fails_shares_the_room_of_the_slow_ones_however_quickly_it_fails() -> None:
    """It may hang the next time."""
    all_ = Destinations(LIMITS)
    for name, to, in_hand in ("a", proved(10.0), 13), ("b", proved(10.0), 13), ("c", failed(1), 3), ("d", failed(1), 3):
        all_.known[name], to.in_hand = to, in_hand
    assert all_.rooms(100.0)["c"] == 0


def test_who_is_forgotten_has_nothing_in_hand_and_no_open_circuit() -> None:
    all_ = Destinations(LIMITS, most_known=2)
    all_.of("a").in_hand = 1
    all_.of("b")
    all_.known["left alone"] = failed(3)
    all_.of("c")
    assert set(all_.known) == {"a", "left alone", "c"}


def test_who_leaves_everything_without_an_answer_is_slow_however_quick_it_was() -> None:
    to = proved()
    for _ in range(16):
        to.asked(10.0)
    to.in_hand = 16
    assert not to.slow(10.5)
    assert to.room(LIMITS, 10.5) > 0
    assert to.slow(11.5)
    assert to.room(LIMITS, 11.5) == 0
    to.answered(True, 2.0, LIMITS, 11.6)
    assert not to.stalled(11.7)


def test_another_delivery_to_who_answers_nothing_is_no_answer() -> None:
    to = proved()
    to.asked(10.0)
    to.asked(11.4)
    assert to.stalled(11.5)


def serving(receivers: int, limits: Limits) -> Destinations:
    """So many, all quick, all with something in hand."""
    all_ = Destinations(limits)
    for number in range(receivers):
        all_.known[str(number)] = proved()
        all_.known[str(number)].in_hand = 1
    all_.rooms(0.0)
    return all_


@pytest.mark.parametrize("receivers", [1, 2, 16, 30, 100, 255])
def test_all_who_are_served_may_stop_answering_at_once_and_half_of_the_room_is_left(receivers: int) -> None:
    limits = Limits()
    all_ = serving(receivers, limits)
    under_way = sum(each.side_by_side(all_.now) for each in all_.known.values())
    assert 0 < under_way <= limits.most // 2


@pytest.mark.parametrize("receivers", [1, 2, 16, 30, 100])
def test_all_who_are_served_together_never_have_all_the_room_in_hand(receivers: int) -> None:
    limits = Limits()
    all_ = serving(receivers, limits)
    rooms = all_.rooms(0.0)
    assert sum(rooms.get(key, all_.first) for key in all_.known) <= limits.most * 3 // 4


def test_with_few_who_are_served_each_has_as_much_as_any() -> None:
    all_ = serving(16, Limits())
    assert {each.side_by_side(all_.now) for each in all_.known.values()} == {Limits().most_each}
    assert all_.first == FIRST


def test_a_stranger_gets_no_more_than_who_is_known_when_many_are_served() -> None:
    all_ = serving(200, Limits())
    assert all_.first == 1
