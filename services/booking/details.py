"""What a command says of customer, extras and payment, and what a booking becomes by it. Pure."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from contracts.answers import Detail
from contracts.availability import ExtrasQuoted
from contracts.booking import Booking, ConfirmBooking, Customer, Extra, UpdateBooking, customer_id
from contracts.model import Id
from services.booking import contact
from services.booking.money import Returns
from services.booking.return_urls import Allowed, returning
from services.booking.state import Asked, Given

MOST_MONEY = 10**12  # minor units, as Money bounds it: a sum beyond it could not be told to anybody


def given(command: ConfirmBooking | UpdateBooking, organisation: str, allowed: Allowed) -> Given | None:
    """What the command gives, each thing in its usual form; None if it gives nothing."""
    wrong: list[Detail] = []
    email = _usual(contact.email, "email", command.email, wrong)
    phone = _usual(contact.phone, "phone", command.phone, wrong)
    twice = [id_ for id_, count in Counter(command.additional_products or ()).items() if count > 1]
    for id_ in twice:
        where = f"additionalProducts.{(command.additional_products or ()).index(id_)}"
        wrong.append(Detail(field=where, issue="is given twice"))
    success_url, cancel_url = (
        _usual(lambda url: returning(url, command.booking_id, allowed), field, url, wrong)
        for field, url in (("successUrl", command.success_url), ("cancelUrl", command.cancel_url))
    )
    made = Given(
        customer_id=customer_id(organisation, email) if email else None,
        email=email,
        name=command.name,
        phone=phone,
        extras=command.additional_products,
        payment_enabled=command.payment_enabled,
        returns=Returns(success_url=success_url, cancel_url=cancel_url),
        wrong=tuple(wrong),
    )
    return None if made == Given() else made


def _usual(form: Callable[[str], str], field: str, text: str | None, wrong: list[Detail]) -> str | None:
    if text is None:
        return None
    try:
        return form(text)
    except contact.Unfit as unfit:
        wrong.append(Detail(field=field, issue=str(unfit)))
        return None


def wrong(booking: Booking, asked: Asked) -> tuple[Detail, ...]:
    """Everything that speaks against the details of the command, each with its field."""
    said = asked.given or Given()
    unfit = {detail.field for detail in said.wrong}
    customer = customer_of(booking, asked)
    missing = []
    if customer is None and "email" not in unfit and (asked.kind == "confirm" or said.name or said.phone):
        missing.append(Detail(field="email", issue="is required"))  # who somebody is follows from it
    phone = said.phone or (booking.customer.phone if booking.customer else None)
    if asked.kind == "confirm" and not phone and "phone" not in unfit:
        missing.append(Detail(field="phone", issue="is required"))
    return (*said.wrong, *missing)


def customer_of(booking: Booking, asked: Asked) -> Customer | None:
    """Who the customer is once the command has had its way. What it does not say stays."""
    said, before = asked.given, booking.customer
    if said is None:
        return before
    if said.email is None or said.customer_id is None:
        return before and before.model_copy(update=_told(said))
    if before is None:
        return Customer(id=said.customer_id, email=said.email, name=said.name, phone=said.phone)
    return before.model_copy(update={"id": said.customer_id, "email": said.email, **_told(said)})


def _told(said: Given) -> dict[str, object]:
    return {field: value for field, value in (("name", said.name), ("phone", said.phone)) if value is not None}


def extras_change(booking: Booking, asked: Asked) -> bool:
    """Whether the booking would have other extras than now; their order says nothing."""
    wanted = asked.given.extras if asked.given else None
    return wanted is not None and set(wanted) != {extra.id for extra in booking.additional_products}


def unpriced(booking: Booking, asked: Asked) -> tuple[Id, ...]:
    """The extras whose price is not known yet: neither the booking has them, nor have they been quoted."""
    wanted = (asked.given.extras if asked.given else None) or ()
    known = {extra.id for extra in (*booking.additional_products, *asked.quoted)}
    return tuple(id_ for id_ in wanted if id_ not in known)


def extras_of(booking: Booking, asked: Asked) -> tuple[Extra, ...]:
    """The extras once the command has had its way: what the booking had keeps its price."""
    wanted = asked.given.extras if asked.given else None
    if wanted is None or not extras_change(booking, asked):
        return booking.additional_products
    known = {extra.id: extra for extra in (*asked.quoted, *booking.additional_products)}
    return tuple(known[id_] for id_ in wanted)


def quoted(event: ExtrasQuoted) -> tuple[Extra, ...]:
    """The extras at the price they have from now on."""
    return tuple(Extra(id=offer.id, name=offer.name, price=offer.price) for offer in event.extras)


def changes(booking: Booking, asked: Asked) -> dict[str, Any]:
    """What the command changes of the booking, by field; empty if nothing."""
    customer, extras = customer_of(booking, asked), extras_of(booking, asked)
    changed: dict[str, Any] = {}
    if customer != booking.customer:
        changed["customer"] = customer
    if extras != booking.additional_products:
        changed |= {"additional_products": extras, "total_price": total(booking, extras)}
    enabled = asked.given.payment_enabled if asked.given else None
    if enabled not in (None, booking.payment_enabled) and booking.status != "PAID":
        changed["payment_enabled"] = enabled
    return changed


def total(booking: Booking, extras: tuple[Extra, ...]) -> int:
    """The product and these extras together, in minor units."""
    return (booking.product.price or 0) + sum(extra.price for extra in extras)
