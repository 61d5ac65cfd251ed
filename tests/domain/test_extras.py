"""QuoteExtras: what extras cost, and which products are none of this booking."""

from holds import ADA, question

from contracts.availability import ExtraOffer, ExtrasQuoted, ExtrasRefused, QuoteExtras, RefusedExtra
from contracts.examples import COFFEE, DESK_ONE_DAY, LIGHTHOUSE, ROOM_ONE_HOUR
from services.availability import extras

TEA = COFFEE.model_copy(update={"id": DESK_ONE_DAY.id, "name": "Tea", "price": 300})
POUNDS = COFFEE.model_copy(update={"id": "5ea00000-0000-4000-8000-000000000029", "currency": "GBP"})
ON_SALE = {each.id: each for each in (COFFEE, TEA, POUNDS, ROOM_ONE_HOUR)}
NOWHERE = "5ea00000-0000-4000-8000-000000000099"


def asked(*products: str) -> ExtrasQuoted | ExtrasRefused:
    return extras.quote(
        ON_SALE,
        QuoteExtras(booking_id=ADA, question=question(6), space_id=LIGHTHOUSE.id, products=products, currency="EUR"),
    )


def offer(product: object) -> ExtraOffer:
    return ExtraOffer(id=product.id, name=product.name, price=product.price)


def test_quote_extras_is_answered_in_the_order_asked() -> None:
    assert asked(TEA.id, COFFEE.id, TEA.id) == ExtrasQuoted(
        booking_id=ADA, question=question(6), extras=(offer(TEA), offer(COFFEE), offer(TEA))
    )


def test_quote_extras_is_refused_with_each_product_that_is_wrong_and_none_is_quoted() -> None:
    answer = asked(COFFEE.id, ROOM_ONE_HOUR.id, NOWHERE, POUNDS.id, NOWHERE)
    assert answer == ExtrasRefused(
        booking_id=ADA,
        question=question(6),
        extras=(
            RefusedExtra(id=ROOM_ONE_HOUR.id, reason="not_additional"),
            RefusedExtra(id=NOWHERE, reason="unknown_product"),
            RefusedExtra(id=POUNDS.id, reason="other_currency"),
        ),
        reason="products",
        message="These cannot be added to the booking.",
    )
