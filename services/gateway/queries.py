"""Query strings: as strict as bodies, and as documented."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar
from urllib.parse import parse_qsl

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from contracts.booking import Email, Status
from contracts.catalogue import LocalDate
from contracts.model import Id, Instant, Name, Value
from services.gateway.errors import against_rules, invalid, malformed
from services.gateway.reads import Parameters

Model = TypeVar("Model", bound="Query")
_LIST = "Repeat it or join several with commas."
_ZONE = "A time is written with its zone (`+` as `%2B`)."
ZONES = timedelta(hours=14)  # so far a zone's midnight may be from that of UTC


def digits(text: object) -> object:
    """`int` would also read 1_000, +1 and Arabic digits."""
    if isinstance(text, str) and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError("is not a whole number, or out of range")
    return text


def _yes(text: object) -> object:
    """`bool` would also read 1, on, Yes."""
    if text not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return text == "true"


def _moment(text: object) -> object:
    """The day or the time that is meant."""
    try:
        return (_date if isinstance(text, str) and len(text) == 10 else _time).validate_python(text)
    except ValidationError:
        raise ValueError("is neither a date nor a time with its zone (a + is written %2B)") from None


def _end(text: object) -> object:
    """The number, the date or the time that is meant."""
    if isinstance(text, str) and text.isascii() and text.isdigit() and int(text[:9]) > 0:
        return int(text[:9])
    try:
        return _moment(text)
    except ValueError:
        raise ValueError(
            "is not a number of days from 1, a date, or a time with its zone (a + is written %2B)"
        ) from None


_date: TypeAdapter[date] = TypeAdapter(LocalDate)
_time: TypeAdapter[datetime] = TypeAdapter(Instant)


def _starts(moment: date) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time(), UTC)


def _ends(moment: date) -> datetime:
    return moment if isinstance(moment, datetime) else _starts(moment) + timedelta(days=1)


Moment = Annotated[date | datetime, BeforeValidator(_moment)]


class Query(Value):
    """Query parameters; those in `lists` may be repeated or joined with commas, the others come once."""

    model_config = ConfigDict(extra="forbid")
    lists: ClassVar[frozenset[str]] = frozenset()

    def parameters(self) -> Parameters:
        """As they are passed on: lists joined with commas, times in UTC, what was not given left out."""
        given = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return [
            (name, ",".join(value) if isinstance(value, list) else "true" if value is True else str(value))
            for name, value in given.items()
            if value != [] and value is not False
        ]


class Page(Query):
    """Which page of a list."""

    # The bounds come before the reader, or the document would not show them.
    page: Annotated[
        int, Field(ge=1, le=100_000, description="Which page; the first one is 1."), BeforeValidator(digits)
    ] = 1
    limit: Annotated[int, Field(ge=1, le=100, description="How many a page has."), BeforeValidator(digits)] = 20


class Spaces(Page):
    """Newest first: the spaces of this venue, those in which this product is sold."""

    venue_id: Id | None = Field(default=None, description="Only the spaces of this venue.")
    product_id: Id | None = Field(default=None, description="Only the spaces in which this product is sold.")


class Products(Page):
    """Newest first: the products sold in this space, of this category, the one with this reference."""

    space_id: Id | None = Field(default=None, description="Only the products that are sold in this space.")
    category: Literal["booking", "additional"] | None = Field(
        default=None, description="`booking`: what takes time in a space; `additional`: extras."
    )
    reference: Name | None = Field(default=None, description="Only the product with this very reference.")


class Bookings(Page):
    """Newest first: those whose slot begins between `from` and `to` (a day is one of UTC), in these spaces, and so on."""

    lists: ClassVar[frozenset[str]] = frozenset({"spaceIds", "status"})

    space_ids: Annotated[
        tuple[Id, ...], Field(max_length=100, description=f"Only bookings of these spaces. {_LIST}")
    ] = ()
    customer_id: Id | None = Field(default=None, description="Only bookings of this customer.")
    status: Annotated[
        tuple[Status, ...], Field(max_length=6, description=f"Only bookings of these statuses. {_LIST}")
    ] = ()
    from_: Moment | None = Field(
        default=None,
        alias="from",
        examples=["2027-01-11"],
        description=f"Only bookings whose slot begins then or later: a date, which is a day of UTC, or a time. {_ZONE}",
    )
    to: Moment | None = Field(
        default=None,
        examples=["2027-01-17"],
        description="Only bookings whose slot begins before: a date, which is a day of UTC and belongs to it, or a time, which "
        f"does not. {_ZONE}",
    )

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.from_ and self.to and _starts(self.from_) >= _ends(self.to):
            raise against_rules("The query breaks a rule.", ("to", "is not later than from"))
        return self


class Customers(Page):
    """Newest first; with `email` the one who has this address."""

    email: Annotated[Email, Field(examples=["ada@example.org"])] | None = Field(
        default=None, description="Only the customer with this address; capitals make no difference."
    )


class Availability(Query):
    """`from` is now unless given; `to` is a number of days, a date (that day included) or a time. A date is the venue's.

    `explain` adds why the rest of the range is not offered.
    """

    product_id: Id = Field(description="The product that is to be booked.")
    from_: Moment | None = Field(
        default=None,
        alias="from",
        examples=["2027-01-11"],
        description=f"Slots that begin then or later: a date, which is a day in the venue's zone, or a time. {_ZONE} Now unless given.",
    )
    to: Annotated[int | date | datetime, BeforeValidator(_end), Field(examples=["7"])] | None = Field(
        default=None,
        description="Slots that begin before: so many days of 24 hours after `from`; a date, which is a day in the venue's zone and "
        f"belongs to it; or a time, which does not. {_ZONE}",
    )
    explain: Annotated[bool, BeforeValidator(_yes)] = Field(
        default=False,
        description="With `true` the answer is an object that says also why the rest of the range is not offered.",
    )


class Slots(Availability):
    """Free slots of a product in a space."""

    space_id: Id = Field(description="The space in which it is to be booked.")


def _read(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode(), keep_blank_values=True, errors="strict")
    except ValueError:  # else what is no UTF-8 would be read as U+FFFD
        raise malformed("The query does not have the documented shape.", ("query", "is not UTF-8")) from None


def parse(model: type[Model], raw: bytes) -> Model:
    """The value. Raises Problem: 400 for what is unknown, repeated or unreadable, 422 for what breaks a rule."""
    values: dict[str, Any] = {}
    for name, text in _read(raw):
        if name in model.lists:
            values.setdefault(name, []).extend(text.split(","))
        elif name in values:
            raise malformed("The query does not have the documented shape.", (name, "is given twice"))
        else:
            values[name] = text
    try:
        return model.model_validate(values, extra="forbid", by_alias=True, by_name=False)
    except ValidationError as error:
        raise invalid(error, "query") from None


def span(query: Availability, now: datetime, days: int, most: int) -> Parameters:
    """What availability is asked: `days` ahead unless the client says, `most` at most. Raises Problem (400 or 422)."""
    start, end = query.from_ or now, query.to
    if end is None:
        return [*query.parameters(), ("to", str(days))]
    if isinstance(end, int):
        length, doubt = timedelta(days=end), timedelta(0)
    else:
        # When a day of the venue begins only availability knows; two of them are of the same venue.
        doubt = timedelta(0) if isinstance(start, datetime) == isinstance(end, datetime) else ZONES
        length = _ends(end) - _starts(start)
    if length + doubt <= timedelta(0):
        raise against_rules("The query breaks a rule.", ("to", "is not later than from"))
    if length - doubt > timedelta(days=most):
        too_far = ("to", f"is more than {most} days ahead")
        if isinstance(end, int):  # a number out of range
            raise malformed("The query does not have the documented shape.", too_far)
        raise against_rules("The query breaks a rule.", too_far)
    return query.parameters()
