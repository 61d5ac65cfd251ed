"""What holds for every house, product and moment: the offers are exactly what the rules allow and nobody else has."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.catalogue import Closure, Duration, OpeningHours, Product, ProductMetadata, Space, Venue
from contracts.examples import HARBOUR_HOUSE, LIGHTHOUSE, ROOM_ONE_HOUR
from contracts.model import Slot
from services.availability import civil, rules, slots

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RASTER = timedelta(minutes=30)  # every time below is a multiple of it, so a search at this step sees everything
BOOKING = "5ea00000-0000-4000-8000-000000000031"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Moments shortly before a change of the clock, and quiet ones.
MOMENTS = {
    "Europe/Paris": ("2027-03-26T12:00Z", "2027-10-29T12:00Z", "2027-01-10T12:00Z"),
    "Australia/Lord_Howe": ("2027-04-02T00:00Z", "2027-10-01T00:00Z"),  # half an hour
    "America/Havana": ("2027-03-12T18:00Z", "2027-11-06T00:00Z"),  # at midnight
    "America/Scoresbysund": ("2027-03-26T12:00Z", "2027-10-29T12:00Z"),  # across midnight
    "America/St_Johns": ("2010-11-05T12:00Z",),  # two dates in turns
    "Pacific/Apia": ("2011-12-28T12:00Z",),  # a day skipped
    "UTC": ("2027-02-27T00:00Z",),
}


class Case(NamedTuple):
    venue: Venue
    space: Space
    product: Product
    others: list[slots.Occupied]
    now: datetime
    from_: datetime
    to: datetime

    def offers(self, from_: datetime, to: datetime) -> list[slots.Offer]:
        return slots.offers(self.venue, self.space, self.product, from_, to, self.now, self.others, 10_000)


clocks = st.integers(0, 47).map(lambda half_hours: f"{half_hours // 2:02}:{half_hours % 2 * 30:02}")
spans = st.tuples(st.sampled_from(DAYS), clocks, clocks | st.just("24:00")).filter(lambda span: span[1] != span[2])
every_day = st.sampled_from([("00:00", "24:00"), ("08:00", "20:00"), ("18:00", "03:30")]).map(
    lambda times: [(day, *times) for day in DAYS]
)
# Mostly a house that is open and a product that may be booked now: else most cases would offer nothing.
seldom = st.integers(0, 4).map(lambda n: n == 0)
short = st.integers(0, 6).map(lambda n: n * RASTER)
durations = st.one_of(
    st.builds(Duration, value=st.integers(1, 5), type=st.just("hourly")),
    st.builds(Duration, value=st.integers(1, 3), type=st.just("hourly")),
    st.builds(Duration, value=st.integers(1, 3), type=st.sampled_from(["daily", "weekly", "monthly", "yearly"])),
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    zone = draw(st.sampled_from(sorted(MOMENTS)))
    now = datetime.fromisoformat(draw(st.sampled_from(MOMENTS[zone]))) + draw(short)
    today = now.date()
    hours = draw(st.lists(spans, max_size=12) if draw(seldom) else every_day)
    closed = draw(st.lists(st.tuples(st.integers(-2, 5), st.integers(0, 1)), max_size=2)) if draw(seldom) else []
    venue = HARBOUR_HOUSE.model_copy(
        update={
            "timezone": zone,
            "opening_hours": tuple(OpeningHours(day=day, open=opens, close=closes) for day, opens, closes in hours),
            "closures": tuple(
                Closure(from_=today + first * DAY, to=today + (first + more) * DAY) for first, more in closed
            ),
        }
    )
    product = ROOM_ONE_HOUR.model_copy(
        update={
            "metadata": ProductMetadata(duration=draw(durations)),
            "start_step": draw(st.none() | st.integers(1, 60).map(lambda n: n * RASTER)),
            "buffer_before": draw(short),
            "buffer_after": draw(short),
            "lead_time": draw(st.integers(0, 48)) * HOUR if draw(seldom) else timedelta(0),
            "horizon": draw(st.integers(0, 100)) * HOUR if draw(seldom) else 90 * DAY,
        }
    )
    return Case(
        venue,
        LIGHTHOUSE.model_copy(update={"units": draw(st.integers(1, 3))}),
        product,
        draw(st.lists(occupied(now), min_size=2, max_size=12)),
        now,
        now + draw(st.integers(-12, 24)) * RASTER,
        now + draw(st.integers(48, 120)) * RASTER,
    )


@st.composite
def occupied(draw: st.DrawFn, now: datetime) -> slots.Occupied:
    from_ = now + draw(st.integers(-4, 100)) * RASTER
    to = from_ + draw(st.integers(1, 6)) * RASTER
    expires_at = draw(st.none() | st.integers(-1, 1).map(lambda n: now + n * timedelta(microseconds=1)))
    reach = from_ - draw(short), to + draw(short)
    return slots.Occupied(draw(st.integers(1, 4)), from_, to, *reach, expires_at is None, expires_at, BOOKING)


def raster(from_: datetime, to: datetime) -> list[datetime]:
    return [from_ + n * RASTER for n in range((to - from_) // RASTER)]


def free_units(case: Case, slot: Slot) -> int:
    """Counted one unit after the other, as nobody would in a hurry."""
    blocked_from, blocked_to = slots.blocked(case.product, slot)
    return sum(
        not any(
            other.unit == unit
            and (other.committed or (other.expires_at or case.now) > case.now)
            and max(other.blocked_from, blocked_from) < min(other.blocked_to, blocked_to)
            for other in case.others
        )
        for unit in range(1, case.space.units + 1)
    )


@settings(max_examples=100, deadline=None)
@given(cases())
def test_offers_are_exactly_the_allowed_slots_with_a_free_unit(case: Case) -> None:
    lengths = {offer.to - offer.from_ for offer in case.offers(case.from_, case.to)}
    assert case.offers(case.from_, case.to) == [
        slots.Offer(slot.from_, slot.to, remaining, case.space.units)
        for moment in raster(case.from_, case.to)
        for slot in candidates(case, moment, lengths)
        if rules.refusal(case.venue, case.product, slot, case.now) is None
        if (remaining := free_units(case, slot))
    ]


def candidates(case: Case, moment: datetime, offered: set[timedelta]) -> list[Slot]:
    """Slots that may be right at the moment: of the length in hours, or to any midnight a civil length may lead to."""
    duration = case.product.metadata.duration
    if duration.type == "hourly":
        return [Slot(from_=moment, to=moment + timedelta(hours=duration.value))]
    days = {"daily": [1], "weekly": [7], "monthly": [28, 29, 30, 31], "yearly": [365, 366]}[duration.type]
    about = {duration.value * each for each in days} | {59, 60, 61, 62, 89, 90, 91, 92, 730, 731, 1095, 1096}
    shifts = [-1, -0.5, 0, 0.5, 1, 24, -24]
    lengths = {each * DAY + shift * HOUR for each in about for shift in shifts} | offered
    return [Slot(from_=moment, to=moment + length) for length in sorted(lengths)]


@settings(max_examples=100, deadline=None)
@given(cases())
def test_a_free_unit_is_found_exactly_when_something_remains(case: Case) -> None:
    for begin, end in rules.allowed(case.venue, case.product, case.from_, case.to, case.now):
        slot = Slot(from_=begin, to=end)
        reach = slots.blocked(case.product, slot)
        unit = slots.free_unit(case.space.units, *reach, case.others, case.now)
        assert (unit is None) == (free_units(case, slot) == 0)
        if unit is None:
            reason, until = slots.in_the_way(case.space.units, slot, *reach, case.others, case.now)
            assert (reason == "held") == (until is not None)
            assert until is None or until > case.now


@settings(max_examples=100, deadline=None)
@given(cases(), st.integers(0, 100))
def test_offers_do_not_depend_on_the_range_asked_for(case: Case, share: int) -> None:
    middle = case.from_ + (case.to - case.from_) * share / 100
    whole = case.offers(case.from_, case.to)
    assert case.offers(case.from_, middle) + case.offers(middle, case.to) == whole
    wider = case.offers(case.from_ - 9 * DAY, case.to + 9 * DAY)
    assert [offer for offer in wider if case.from_ <= offer.from_ < case.to] == whole


@settings(max_examples=100, deadline=None)
@given(cases(), st.integers(1, 5))
def test_hours_are_closed_exactly_while_the_wall_says_so(case: Case, hours: int) -> None:
    zone, length = civil.rules_of(case.venue.timezone), timedelta(hours=hours)
    product = ROOM_ONE_HOUR.model_copy(
        update={"metadata": ProductMetadata(duration=Duration(value=hours, type="hourly"))}
    )
    for begin in raster(case.now, case.to):
        walls = [moment.astimezone(zone).replace(tzinfo=None) for moment in raster(begin, begin + length)]
        refusal = rules.refusal(case.venue, product, Slot(from_=begin, to=begin + length), case.now)
        assert (refusal == "closed") == (not all(shown_open(case.venue, wall) for wall in walls))


def shown_open(venue: Venue, wall: datetime) -> bool:
    """The rule as the house would say it, one span after the other."""
    if closed(venue, wall.date()):
        return False
    today, yesterday, clock = wall.date(), wall.date() - DAY, f"{wall:%H:%M}"
    for hours in venue.opening_hours:
        over_night = hours.close < hours.open
        if hours.day == DAYS[today.weekday()] and hours.open <= clock < ("24:00" if over_night else hours.close):
            return True
        if (
            over_night
            and hours.day == DAYS[yesterday.weekday()]
            and clock < hours.close
            and not closed(venue, yesterday)
        ):
            return True
    return False


def closed(venue: Venue, day: date) -> bool:
    return any(closure.from_ <= day <= closure.to for closure in venue.closures)
