"""The bodies clients send. Their fields are those of the messages; what is added is what only the edge can ask."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from contracts import booking, catalogue
from contracts.closures import AffectedBooking
from contracts.model import Currency, Flag, Id, Money, Name, Slot, Value
from services.gateway import examples


def _without_null(schema: Any) -> Any:
    """A field that may be left out may not be null: the reader says so, and so does the schema."""
    if isinstance(schema, dict):
        kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
        rest = {key: _without_null(value) for key, value in schema.items() if key != "anyOf"}
        if len(kinds) == 1:
            return {**{key: value for key, value in rest.items() if key != "default"}, **_without_null(kinds[0])}
        return {**rest, "anyOf": kinds} if kinds else rest
    return schema


class Body(Value):
    """A body of which every field is documented."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler.resolve_ref_schema(handler(schema))
        described["properties"] = {name: _without_null(each) for name, each in described.get("properties", {}).items()}
        return described


def _lasting(slot: Slot) -> Slot:
    if slot.to <= slot.from_:
        raise ValueError("to is not later than from")
    return slot


class NewBooking(Body):
    """Which product, where and when."""

    model_config = ConfigDict(json_schema_extra={"example": examples.NEW_BOOKING})

    product_id: Id
    space_id: Id
    slot: Annotated[Slot, AfterValidator(_lasting)]


ReturnUrl = Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=1900)]


class BookingChange(Body):
    """What is left out stays. `CONFIRMED` keeps the slot for good and needs e-mail and phone, given now or before; `CANCEL` gives it
    back. Extras change up to the confirm and keep the price they were added at; `slot` moves the booking within its space, alone.

    With `paymentEnabled` the confirm answers with a page where the total can be paid, in `Location` and `paymentUrl`; if the provider
    takes longer than 5 s, without either and with `Retry-After`: read the booking again. From the page the customer returns to
    `successUrl` or `cancelUrl`, with `bookingId` in the query. That somebody has returned does not say that they have paid. What
    costs nothing needs no page.
    """

    model_config = ConfigDict(json_schema_extra={"example": examples.CONFIRM})

    status: Literal["CONFIRMED", "CANCEL"] | None = None
    email: booking.Email | None = None
    name: Name | None = None
    phone: booking.Phone | None = None
    additional_products: booking.Extras | None = None
    payment_enabled: Flag | None = None
    success_url: ReturnUrl | None = Field(
        default=None, description="Where the customer comes back to after paying: `https`, with a host, without a user."
    )
    cancel_url: ReturnUrl | None = Field(default=None, description="Where the customer comes back to without paying.")
    slot: Annotated[Slot, AfterValidator(_lasting)] | None = Field(
        default=None,
        description="The slot to move to, in the same space. It stands alone, or beside the same `spaceId`.",
    )
    space_id: Id | None = None


class NewCustomer(Body):
    """Who has this address already stays as they are."""

    model_config = ConfigDict(json_schema_extra={"example": examples.NEW_CUSTOMER})

    email: booking.Email
    name: Name | None = None
    phone: booking.Phone | None = None


class VenueChange(catalogue.VenueFields, Body):
    """What is left out keeps its value; a list that is given replaces the whole list."""

    model_config = ConfigDict(json_schema_extra={"example": examples.LONGER_MONDAY})


class VenueChanged(catalogue.Venue):
    """The venue; and when closures were given, the bookings that the new ones hit: the earliest 100, and whether there are more.

    They keep their slots: move or cancel them.
    """

    affected_bookings: tuple[AffectedBooking, ...] | None = None
    more_affected: Flag | None = None

    @classmethod
    def of(cls, answer: catalogue.VenueAnswer) -> "VenueChanged":
        """What the answer says, all of it."""
        fields: dict[str, Any] = dict(answer.venue)
        return cls.model_construct(
            **fields, affected_bookings=answer.affected_bookings, more_affected=answer.more_affected
        )


class NewVenue(VenueChange):
    """Closed at all times until it has opening hours."""

    model_config = ConfigDict(json_schema_extra={"example": examples.NEW_VENUE})

    name: Name


class SpaceChange(catalogue.SpaceFields, Body):
    """What is left out keeps its value; a list that is given replaces the whole list."""

    model_config = ConfigDict(json_schema_extra={"example": examples.TWO_UNITS})


class NewSpace(SpaceChange):
    """`products` here and `spaces` of a product are one relation, given from either side."""

    model_config = ConfigDict(json_schema_extra={"example": examples.NEW_SPACE})

    venue_id: Id
    name: Name


class ProductChange(catalogue.ProductFields, Body):
    """What is left out keeps its value; a list that is given replaces the whole list."""

    model_config = ConfigDict(json_schema_extra={"example": examples.DEARER})


class NewProduct(ProductChange):
    """`price` is in minor units, `reference` is unique within the organisation; lengths of time are ISO 8601."""

    model_config = ConfigDict(json_schema_extra={"example": examples.NEW_PRODUCT})

    name: Name
    reference: Name
    price: Money
    currency: Currency
