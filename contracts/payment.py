"""Checkouts, payments and refunds. Owner: payment, which alone talks to the provider.

What the provider says comes in two ways, as the outcome of a call and as an event, and both in the same words
(`ProviderSession`, `ProviderRefund`), so that whichever comes first counts and the other changes nothing.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.model import NO_CONTROLS, Currency, Flag, Id, Instant, Message, Money, Name, Text, Value

Url = Annotated[str, StringConstraints(pattern=r"^https?://[!-~]+$", max_length=2000)]
Amount = Annotated[int, Field(ge=1, le=10**12, strict=True)]
ProviderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,255}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.]{1,100}$")]
Why = Annotated[str, StringConstraints(pattern=NO_CONTROLS, max_length=1000)]

CallKind = Literal["open", "close", "refund", "late"]
FailedReason = Literal["declined", "failed", "refused", "mismatch", "in_progress", "internal"]
RefundFailedReason = Literal["refused", "failed", "impossible"]


class ProviderSession(Value):
    """A checkout session as the provider describes it; nothing of it is believed before it is compared with what was asked."""

    id: ProviderId
    checkout_id: Id | None = None
    status: Word
    payment_status: Word
    mode: Word
    amount: Money
    currency: Currency
    live: Flag
    payment: ProviderId | None = None
    url: Url | None = None
    expires_at: Instant


class ProviderRefund(Value):
    """A refund as the provider describes it. `refund_id` is the id of the command that asked for it."""

    id: ProviderId
    refund_id: Id | None = None
    status: Word
    amount: Money
    currency: Currency
    payment: ProviderId


class ProviderDispute(Value):
    """A payment that its payer contests at their bank, as the provider describes it. It is about a payment, not about a booking."""

    id: ProviderId
    status: Word
    amount: Amount
    currency: Currency
    payment: ProviderId


class CreateCheckout(Message):
    """Open a page where this amount can be paid; answered with CheckoutOpened or PaymentFailed, after 5 s with CheckoutDelayed first.

    The id of this command is the checkout's. A booking has one open checkout at most: an earlier one is closed before, one
    that asks for the very same and was not tried yet serves again. `expires_at` lies 30 minutes to 24 hours ahead.
    """

    booking_id: Id
    amount: Amount
    currency: Currency
    description: Name
    email: Text | None = None
    success_url: Url
    cancel_url: Url
    expires_at: Instant


class CancelCheckout(Message):
    """Close what is open; told by CheckoutExpired, or by PaymentSucceeded if the customer was faster."""

    booking_id: Id


class RefundPayment(Message):
    """Give back this much of a payment; told by PaymentRefunded or RefundFailed. The id of this command is the refund's.

    Of a payment it goes back once: while a refund of it lives or is done, another command is about that one, and told so.
    """

    booking_id: Id
    payment: ProviderId
    amount: Amount


class RecordProviderEvent(Message):
    """Something happened at the provider. Of what it describes only the one that this kind of event is about is there."""

    booking_id: Id
    event: ProviderId
    kind: Word
    session: ProviderSession | None = None
    refund: ProviderRefund | None = None
    dispute: ProviderDispute | None = None
    checkout_id: Id | None = None  # of a declined attempt, which names no session
    message: Why = ""


class RecordCallOutcome(Message):
    """What came of a call: what the provider has now, or why it refused; `late`: five seconds are over."""

    booking_id: Id
    call_id: Id
    kind: CallKind
    about: Id  # the checkout or the refund
    session: ProviderSession | None = None
    refund: ProviderRefund | None = None
    message: Why = ""


class CheckoutOpened(Message):
    """The page is there. `question` is the command that asked, `checkout_id` the one that opened it."""

    booking_id: Id
    question: Id
    checkout_id: Id
    url: Url
    expires_at: Instant


class CheckoutDelayed(Message):
    """The provider has not answered yet; CheckoutOpened or PaymentFailed follows."""

    booking_id: Id
    question: Id


class PaymentProcessing(Message):
    """The customer has chosen a slow method: the page is done with, and PaymentSucceeded or PaymentFailed follows, perhaps in days."""

    booking_id: Id
    checkout_id: Id


class PaymentSucceeded(Message):
    """This much is captured; each payment is told once."""

    booking_id: Id
    checkout_id: Id
    payment: ProviderId
    amount: Amount
    currency: Currency


class PaymentFailed(Message):
    """An attempt failed (`declined`: the page is still open), or the checkout is over without money.

    `mismatch`: what came was not what was asked for, and goes back. `in_progress`: another payment is under way or made.
    """

    booking_id: Id
    checkout_id: Id
    reason: FailedReason
    message: Why = ""


class CheckoutExpired(Message):
    """The page is closed, nothing was paid there."""

    booking_id: Id
    checkout_id: Id


class PaymentRefunded(Message):
    """This much went back. `refund_id` is the command that asked for it, the first one where several did."""

    booking_id: Id
    refund_id: Id
    payment: ProviderId
    refund: ProviderId
    amount: Amount
    currency: Currency


class RefundFailed(Message):
    """This much did not go back. It may come after PaymentRefunded: a bank may send money back days later.

    `refused`: the provider would not do it. `failed`: it tried, and the bank did not take it. `impossible`: no such payment, or
    more than is left of it. `refund_id` is the command that asked for it; with `automatic` nobody did: it is payment's own,
    for money that was never asked for. The same amount may be asked for again, under another command.
    """

    booking_id: Id
    refund_id: Id
    payment: ProviderId
    amount: Amount
    reason: RefundFailedReason
    message: Why = ""
    automatic: Flag = False
