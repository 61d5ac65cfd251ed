"""The one fictional house that samples, tests, docs and the demo share: Harbour House in Marseille.

It is Sunday, 10 January 2027, 12:00 UTC. Somebody books the Lighthouse room for the next day, 10 to 11 o'clock in Marseille,
and has 15 minutes to make up their mind. What then travels over Kafka is in `sample_records.py`.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from contracts import availability, booking, catalogue, payment
from contracts.client import booking_id
from contracts.envelope import edge_id
from contracts.model import Slot

ORGANISATION = "demo"
CLIENT = "tutorial"

# A Sunday in winter: Marseille is an hour ahead of UTC until 28 March.
NOON_BEFORE = datetime(2027, 1, 10, 12, tzinfo=UTC)
HOLD = timedelta(minutes=15)
EXPIRES_AT = NOON_BEFORE + HOLD
LATER = NOON_BEFORE + timedelta(minutes=5)
MONDAY_TEN = Slot(from_=datetime(2027, 1, 11, 9, tzinfo=UTC), to=datetime(2027, 1, 11, 10, tzinfo=UTC))
MONDAY_ELEVEN = Slot(from_=MONDAY_TEN.to, to=datetime(2027, 1, 11, 11, tzinfo=UTC))

COMMAND_ID = edge_id(ORGANISATION, CLIENT, "order-17")
BOOKING_ID = booking_id(COMMAND_ID)

WORKDAYS: tuple[catalogue.Day, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday")

HARBOUR_HOUSE = catalogue.Venue(
    id="5ea00000-0000-4000-8000-000000000001",
    name="Harbour House",
    label="harbour-house",
    type="coworking",
    timezone="Europe/Paris",
    address=catalogue.Address(street="1 Quay", postal_code="13002", city="Marseille", country="FR"),
    opening_hours=(
        *(catalogue.OpeningHours(day=day, open="09:00", close="18:00") for day in WORKDAYS),
        catalogue.OpeningHours(day="saturday", open="10:00", close="12:00"),
        catalogue.OpeningHours(day="saturday", open="14:00", close="17:00"),
    ),
    closures=(catalogue.Closure(from_=date(2027, 5, 1), to=date(2027, 5, 1), reason="Labour Day"),),
)

ROOM_ONE_HOUR = catalogue.Product(
    id="5ea00000-0000-4000-8000-000000000021",
    name="Meeting room, one hour",
    reference="room-1h",
    price=2500,
    currency="EUR",
    start_step=timedelta(hours=1),
    hold_minutes=15,
    cancellation_policy=(catalogue.CancellationStep(hours_before=24, refund_percent=100),),
    spaces=("5ea00000-0000-4000-8000-000000000011",),
)
DESK_ONE_DAY = catalogue.Product(
    id="5ea00000-0000-4000-8000-000000000022",
    name="Desk, one day",
    reference="desk-1d",
    price=3000,
    currency="EUR",
    metadata=catalogue.ProductMetadata(duration=catalogue.Duration(value=1, type="daily")),
    spaces=("5ea00000-0000-4000-8000-000000000012",),
)
COFFEE = catalogue.Product(
    id="5ea00000-0000-4000-8000-000000000023",
    name="Coffee for the room",
    reference="coffee",
    price=500,
    currency="EUR",
    category="additional",
)

LIGHTHOUSE = catalogue.Space(
    id="5ea00000-0000-4000-8000-000000000011",
    venue_id=HARBOUR_HOUSE.id,
    name="Lighthouse room",
    label="lighthouse",
    capacity=8,
    products=(ROOM_ONE_HOUR.id,),
)
NET_LOFT = catalogue.Space(
    id="5ea00000-0000-4000-8000-000000000012",
    venue_id=HARBOUR_HOUSE.id,
    name="Net loft",
    label="net-loft",
    description="Four desks under the roof.",
    capacity=4,
    units=4,
    products=(DESK_ONE_DAY.id,),
)


def at(month: int, day: int, hour: int = 0, minute: int = 0, fold: int = 0, year: int = 2027) -> datetime:
    """A moment by the clock on the wall of Harbour House; `fold=1` is the second time that a repeated hour is shown."""
    wall = datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(HARBOUR_HOUSE.timezone), fold=fold)
    return wall.astimezone(UTC)


# What a client says to have them.
VENUE_FIELDS = catalogue.VenueFields(**HARBOUR_HOUSE.model_dump(exclude={"id", "version"}))
SPACE_FIELDS = catalogue.SpaceFields(**LIGHTHOUSE.model_dump(exclude={"id", "version", "products"}))
PRODUCT_FIELDS = catalogue.ProductFields(**ROOM_ONE_HOUR.model_dump(exclude={"id", "version"}))

PRODUCT_OFFER = availability.ProductOffer(
    id=ROOM_ONE_HOUR.id,
    name=ROOM_ONE_HOUR.name,
    price=ROOM_ONE_HOUR.price,
    currency=ROOM_ONE_HOUR.currency,
    cancellation_policy=ROOM_ONE_HOUR.cancellation_policy,
)
SPACE_OFFER = availability.SpaceOffer(id=LIGHTHOUSE.id, name=LIGHTHOUSE.name, venue_id=HARBOUR_HOUSE.id)

BOOKING = booking.Booking(
    id=BOOKING_ID,
    status="RESERVED_15_MIN",
    version=2,
    slot=MONDAY_TEN,
    expires_at=EXPIRES_AT,
    product=booking.BookedProduct(id=ROOM_ONE_HOUR.id, name=ROOM_ONE_HOUR.name, price=2500, currency="EUR"),
    space=booking.BookedSpace(id=LIGHTHOUSE.id, name=LIGHTHOUSE.name, venue_id=HARBOUR_HOUSE.id),
    total_price=2500,
    currency="EUR",
    created_at=NOON_BEFORE,
    updated_at=NOON_BEFORE,
)
ADA = booking.Customer(
    id=booking.customer_id(ORGANISATION, "ada@example.org"),
    email="ada@example.org",
    name="Ada Lovelace",
    phone="+33491000000",
)
CONFIRMED = BOOKING.model_copy(
    update={"status": "CONFIRMED", "version": 3, "expires_at": None, "customer": ADA, "updated_at": LATER}
)
WITH_COFFEE = BOOKING.model_copy(
    update={
        "version": 3,
        "customer": ADA,
        "additional_products": (booking.Extra(id=COFFEE.id, name=COFFEE.name, price=COFFEE.price),),
        "total_price": 3000,
        "updated_at": LATER,
    }
)
TO_BE_PAID = CONFIRMED.model_copy(update={"payment_enabled": True, "payment_status": "opening"})
WITH_PAGE = TO_BE_PAID.model_copy(
    update={"version": 4, "payment_url": "https://checkout.example/c/pay/cs_test_harbour", "payment_status": "open"}
)
DECLINED = WITH_PAGE.model_copy(update={"version": 5, "payment_status": "failed"})
PAID = WITH_PAGE.model_copy(update={"status": "PAID", "version": 6, "payment_url": None, "payment_status": "paid"})
CANCELLED = CONFIRMED.model_copy(update={"status": "CANCEL", "version": 4, "cancel_reason": "customer"})

CREATE_BOOKING = booking.CreateBooking(
    booking_id=BOOKING_ID, product_id=ROOM_ONE_HOUR.id, space_id=LIGHTHOUSE.id, slot=MONDAY_TEN
)
DETAILS = {"email": ADA.email, "name": ADA.name, "phone": "+33 4 91 00 00 00"}
CONFIRM_BOOKING = booking.ConfirmBooking(booking_id=BOOKING_ID, **DETAILS)
CONFIRM_AND_PAY = CONFIRM_BOOKING.model_copy(
    update={
        "payment_enabled": True,
        "success_url": "https://harbour.example/thanks",
        "cancel_url": "https://harbour.example/again",
    }
)
UPDATE_BOOKING = booking.UpdateBooking(booking_id=BOOKING_ID, **DETAILS, additional_products=(COFFEE.id,))
HOLD_SLOT = availability.HoldSlot(
    booking_id=BOOKING_ID, question=COMMAND_ID, product_id=ROOM_ONE_HOUR.id, space_id=LIGHTHOUSE.id, slot=MONDAY_TEN
)
SLOT_HELD = availability.SlotHeld(
    booking_id=BOOKING_ID,
    question=COMMAND_ID,
    slot=MONDAY_TEN,
    held_at=NOON_BEFORE,
    expires_at=EXPIRES_AT,
    product=PRODUCT_OFFER,
    space=SPACE_OFFER,
)

PAGE = str(WITH_PAGE.payment_url)
CREATE_CHECKOUT = payment.CreateCheckout(
    booking_id=BOOKING_ID,
    amount=2500,
    currency="EUR",
    description=ROOM_ONE_HOUR.name,
    email=ADA.email,
    success_url=f"https://harbour.example/thanks?bookingId={BOOKING_ID}",
    cancel_url=f"https://harbour.example/again?bookingId={BOOKING_ID}",
    expires_at=LATER + timedelta(hours=23),
)
OPEN_SESSION = payment.ProviderSession(
    id="cs_test_harbour",
    checkout_id=COMMAND_ID,
    status="open",
    payment_status="unpaid",
    mode="payment",
    amount=2500,
    currency="EUR",
    live=False,
    url=PAGE,
    expires_at=CREATE_CHECKOUT.expires_at,
)
PAID_SESSION = OPEN_SESSION.model_copy(
    update={"status": "complete", "payment_status": "paid", "payment": "pi_3Harbour", "url": None}
)
CALL_OUTCOME = payment.RecordCallOutcome(
    booking_id=BOOKING_ID, call_id=COMMAND_ID, kind="open", about=COMMAND_ID, session=OPEN_SESSION
)
PROVIDER_EVENT = payment.RecordProviderEvent(
    booking_id=BOOKING_ID, event="evt_1Harbour", kind="checkout.session.completed", session=PAID_SESSION
)
