"""Venues, spaces and products: what can be booked, and the commands that change it. Owner: availability."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, StringConstraints, model_validator

from contracts.closures import AffectedBooking
from contracts.model import EARLIEST, LATEST, Currency, Flag, Id, Label, Message, Money, Name, Text, Value, Version
from contracts.terms import CancellationStep as CancellationStep
from contracts.terms import LatePayment, PaymentExpired
from contracts.zones import Timezone

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
OpeningTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
ClosingTime = Annotated[str, StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
HOLD_LENGTHS = (5, 10, 15, 30, 60)  # minutes; each has its own delay topic


DURATION = r"^P([0-9]{1,4}W|([0-9]{1,5}D)?(T([0-9]{1,6}H)?([0-9]{1,8}M)?([0-9]{1,10}S)?)?)$"
_units = {"W": "weeks", "D": "days", "H": "hours", "M": "minutes", "S": "seconds"}


def from_iso(value: object) -> object:
    """Whole seconds to weeks. A month or a year is no length of time, so it is refused, and so is a bare number."""
    if isinstance(value, timedelta) and not value.microseconds:
        return value
    if not isinstance(value, str) or not re.fullmatch(DURATION, value) or value[-1] in "PT":
        raise ValueError("is not an ISO 8601 duration of weeks to whole seconds, such as PT1H30M")
    return timedelta(**{_units[unit]: int(count) for count, unit in re.findall(r"([0-9]+)([WDHMS])", value)})


def to_iso(length: timedelta) -> str:
    """The length in days, hours, minutes and seconds."""
    hours, seconds = divmod(length.seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    day = f"{length.days}D" if length.days else ""
    hour = f"{hours}H" if hours else ""
    minute = f"{minutes}M" if minutes or (hours and seconds) else ""  # RFC 3339 lets no unit in between be left out
    second = f"{seconds}S" if seconds or not length else ""
    return f"P{day}T{hour}{minute}{second}".removesuffix("T")


def _day(value: object) -> object:
    if (isinstance(value, str) and len(value) == 10) or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    raise ValueError("is not written as 2027-05-01")


# Lengths of elapsed time, on the wire in ISO 8601. Pydantic's own form would say P1Y for 365 days.
_Pattern = Field(json_schema_extra={"pattern": DURATION})
_Read = BeforeValidator(from_iso)
_Write = PlainSerializer(to_iso, return_type=str, when_used="json")
Span = Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=366)), _Pattern, _Read, _Write]
Horizon = Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=3660)), _Pattern, _Read, _Write]
Step = Annotated[timedelta, Field(ge=timedelta(minutes=1), le=timedelta(days=366)), _Pattern, _Read, _Write]
LocalDate = Annotated[date, Field(ge=EARLIEST.date(), le=LATEST.date()), BeforeValidator(_day)]
Capacity = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Units = Annotated[int, Field(ge=1, le=1000, strict=True)]


class OpeningHours(Value):
    """One span of a weekday; `close` earlier than `open` is on the next day, `24:00` is midnight."""

    day: Day
    open: OpeningTime
    close: ClosingTime

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.open == self.close:
            raise ValueError("open and close are equal; a whole day is 00:00 to 24:00")
        return self


class Closure(Value):
    """Whole local days, both included, on which nothing can be booked."""

    from_: LocalDate = Field(alias="from")
    to: LocalDate
    reason: Text = ""

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.to < self.from_:
            raise ValueError("ends before it begins")
        return self


class Address(Value):
    street: Text = ""
    postal_code: Text = ""
    city: Text = ""
    country: Text = ""


class Duration(Value):
    """`value` units of `type`; hours are elapsed time, days and longer are civil arithmetic in the venue's zone.

    Daily and longer need every day of the slot open: a month is never bookable in a house that is closed on Sundays.
    """

    value: Annotated[int, Field(ge=1, le=1000, strict=True)]
    type: Literal["hourly", "daily", "weekly", "monthly", "yearly"]


class ProductMetadata(Value):
    duration: Duration

    @model_validator(mode="before")
    @classmethod
    def _flat_form(cls, given: Any) -> Any:
        """`{durationType, durationValue}` is accepted too."""
        if isinstance(given, dict) and "durationType" in given and "duration" not in given:
            rest = {name: value for name, value in given.items() if name not in ("durationType", "durationValue")}
            return {**rest, "duration": {"type": given["durationType"], "value": given.get("durationValue")}}
        return given


class VenueFields(Value):
    """What a client says of a venue; what is left out keeps its value, or its default when the venue is new."""

    name: Name | None = None
    label: Label | None = None
    address: Address | None = None
    type: Name | None = None
    timezone: Timezone | None = None
    opening_hours: Annotated[tuple[OpeningHours, ...], Field(max_length=100)] | None = None
    closures: Annotated[tuple[Closure, ...], Field(max_length=1000)] | None = None


class SpaceFields(Value):
    """What a client says of a space; see `VenueFields`."""

    venue_id: Id | None = None
    name: Name | None = None
    label: Label | None = None
    description: Text | None = None
    capacity: Capacity | None = None
    units: Units | None = None
    products: Annotated[tuple[Id, ...], Field(max_length=500)] | None = None
    metadata: Annotated[dict[Name, Text], Field(max_length=50)] | None = None


class ProductFields(Value):
    """What a client says of a product; see `VenueFields`."""

    name: Name | None = None
    reference: Name | None = None
    price: Money | None = None
    currency: Currency | None = None
    type: Literal["one_time", "recurring"] | None = None
    category: Literal["booking", "additional"] | None = None
    metadata: ProductMetadata | None = None
    spaces: Annotated[tuple[Id, ...], Field(max_length=500)] | None = None
    buffer_before: Span | None = None
    buffer_after: Span | None = None
    lead_time: Span | None = None
    horizon: Horizon | None = None
    start_step: Step | None = None
    hold_minutes: Literal[5, 10, 15, 30, 60] | None = None
    cancellation_policy: Annotated[tuple[CancellationStep, ...], Field(max_length=20)] | None = None
    late_payment: LatePayment | None = None
    payment_expired: PaymentExpired | None = None


class Venue(Value):
    """A house with opening hours in its own time zone. `label` defaults to the name in lower case with hyphens."""

    id: Id
    name: Name
    label: Label
    address: Address = Address()
    type: Name = "venue"
    timezone: Timezone = "UTC"
    opening_hours: tuple[OpeningHours, ...] = ()
    closures: tuple[Closure, ...] = ()
    version: Version = 1


class Space(Value):
    """A room or desk of a venue; `units` bookings fit side by side, `capacity` is people and informs only."""

    id: Id
    venue_id: Id
    name: Name
    label: Label
    description: Text = ""
    capacity: Capacity = 1
    units: Units = 1
    products: tuple[Id, ...] = ()
    metadata: dict[Name, Text] = Field(default_factory=dict)
    version: Version = 1


class Product(Value):
    """What is sold: a length of time in one of its spaces (`booking`), or an extra (`additional`).

    Without a cancellation policy all of a payment goes back until the slot begins. Money that comes after a cancel goes back
    (`refund`), or takes the slot again if it is free (`reacquire`); when nobody pays, the booking is kept or cancelled.
    """

    id: Id
    name: Name
    reference: Name
    price: Money
    currency: Currency
    type: Literal["one_time", "recurring"] = "one_time"
    category: Literal["booking", "additional"] = "booking"
    metadata: ProductMetadata = ProductMetadata(duration=Duration(value=1, type="hourly"))
    spaces: tuple[Id, ...] = ()
    buffer_before: Span = timedelta(0)
    buffer_after: Span = timedelta(0)
    lead_time: Span = timedelta(0)
    horizon: Horizon = timedelta(days=90)
    start_step: Step | None = None
    hold_minutes: Literal[5, 10, 15, 30, 60] | None = None
    cancellation_policy: tuple[CancellationStep, ...] = ()
    late_payment: LatePayment = "refund"
    payment_expired: PaymentExpired = "keep"
    version: Version = 1


class PutVenue(Message):
    """Create the venue (`create`), or change the fields that are given, of this version alone if one is named."""

    venue_id: Id
    create: Flag = False
    fields: VenueFields
    if_version: Version | None = None


class PutSpace(Message):
    """Create the space (`create`), or change the fields that are given, of this version alone if one is named."""

    space_id: Id
    create: Flag = False
    fields: SpaceFields
    if_version: Version | None = None


class PutProduct(Message):
    """Create the product (`create`), or change the fields that are given, of this version alone if one is named."""

    product_id: Id
    create: Flag = False
    fields: ProductFields
    if_version: Version | None = None


class ArchiveVenue(Message):
    """Take the venue off sale for good; refused while one of its spaces is on sale."""

    venue_id: Id
    if_version: Version | None = None


class ArchiveSpace(Message):
    """Take the space off sale for good; refused while live bookings use it."""

    space_id: Id
    if_version: Version | None = None


class ArchiveProduct(Message):
    """Take the product off sale for good; refused while live bookings use it."""

    product_id: Id
    if_version: Version | None = None


class VenueAnswer(Message):
    """The venue as it is now, and the bookings that its new closures hit: the earliest, `more_affected` if there are others."""

    venue: Venue
    affected_bookings: tuple[AffectedBooking, ...] = ()
    more_affected: Flag = False


class SpaceAnswer(Message):
    """The space as it is now."""

    space: Space


class ProductAnswer(Message):
    """The product as it is now."""

    product: Product


class ArchiveAnswer(Message):
    """What was archived."""

    id: Id
