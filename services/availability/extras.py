"""What extras cost. Pure: the products on sale and a question in; the prices, or why not, out."""

from collections.abc import Mapping
from typing import Literal

from contracts.availability import ExtraOffer, ExtrasQuoted, ExtrasRefused, QuoteExtras, RefusedExtra
from contracts.catalogue import Product
from contracts.model import Currency

WORDS = {
    "products": "These cannot be added to the booking.",
    "internal": "The question could not be handled; it had no effect.",
}


def quote(on_sale: Mapping[str, Product], command: QuoteExtras) -> ExtrasQuoted | ExtrasRefused:
    """All of them, in the order asked, or which are wrong. `on_sale`: those of them that the organisation sells, by id."""
    wrong = [
        RefusedExtra(id=each, reason=reason)
        for each in dict.fromkeys(command.products)
        if (reason := _wrong_with(on_sale.get(each), command.currency)) is not None
    ]
    if wrong:
        return refused(command, "products", wrong)
    offers = (on_sale[each] for each in command.products)
    return ExtrasQuoted(
        booking_id=command.booking_id,
        question=command.question,
        extras=tuple(ExtraOffer(id=extra.id, name=extra.name, price=extra.price) for extra in offers),
    )


def _wrong_with(
    product: Product | None, currency: Currency
) -> Literal["unknown_product", "not_additional", "other_currency"] | None:
    if product is None:
        return "unknown_product"
    if product.category != "additional":
        return "not_additional"
    return "other_currency" if product.currency != currency else None


def refused(
    command: QuoteExtras, reason: Literal["products", "internal"], wrong: list[RefusedExtra] | None = None
) -> ExtrasRefused:
    """The refusal in words."""
    return ExtrasRefused(
        booking_id=command.booking_id,
        question=command.question,
        extras=tuple(wrong or ()),
        reason=reason,
        message=WORDS[reason],
    )
