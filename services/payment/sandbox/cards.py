"""Stripe's test cards: what becomes of a payment is said by the number."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Declined:
    """Why a card is refused: Stripe's code, decline code and words."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True)
class Card:
    """One card. `refunds` says how a refund to it goes: at once, slowly, or slowly and then not at all. `disputed`: its owner
    contests the payment a little later."""

    number: str
    declined: Declined | None = None
    refunds: str = "succeeded"
    disputed: bool = False

    @property
    def brand(self) -> str:
        """Who issues such cards."""
        return {"4": "visa", "5": "mastercard", "3": "amex", "6": "discover"}.get(self.number[:1], "unknown")


class NoCardNumber(Exception):
    """Your card number is invalid."""


def _declined(decline_code: str | None, message: str, code: str = "card_declined") -> Declined:
    return Declined(code, decline_code, message)


GOOD = "4242424242424242"
DECLINED = "4000000000000002"
TABLE = {
    card.number: card
    for card in (
        Card(GOOD),
        Card("4000056655665556"),
        Card("5555555555554444"),
        Card("378282246310005"),
        Card("6011111111111117"),
        Card("4000000000007726", refunds="pending"),
        Card("4000000000005126", refunds="failed"),
        Card("4000000000000259", disputed=True),
        Card(DECLINED, _declined("generic_decline", "Your card was declined.")),
        Card("4000000000009995", _declined("insufficient_funds", "Your card has insufficient funds.")),
        Card("4000000000009987", _declined("lost_card", "Your card was declined.")),
        Card("4000000000009979", _declined("stolen_card", "Your card was declined.")),
        Card("4000000000000069", _declined(None, "Your card has expired.", "expired_card")),
        Card("4000000000000127", _declined(None, "Your card's security code is incorrect.", "incorrect_cvc")),
        Card(
            "4000000000000119",
            _declined(
                None, "An error occurred while processing your card. Try again in a little bit.", "processing_error"
            ),
        ),
    )
}
UNKNOWN = _declined("test_mode_live_card", "Your card was declined. This is a sandbox: it takes test cards only.")


def card(written: str) -> Card:
    """The card of this number; a number that no card can have raises NoCardNumber."""
    number = re.sub(r"[ -]", "", written)
    if not re.fullmatch(r"[0-9]{12,19}", number) or not _checks(number):
        raise NoCardNumber
    # An unknown card may be a real one: its number is not kept.
    return TABLE.get(number) or Card("0" * 12 + number[-4:], UNKNOWN)


def _checks(number: str) -> bool:
    """Luhn's sum (ISO/IEC 7812-1)."""
    digits = [int(digit) for digit in reversed(number)]
    return sum(digits[::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0
