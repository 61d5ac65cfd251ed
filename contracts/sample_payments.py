"""The part of the samples that is about money."""

from contracts import booking, payment
from contracts.examples import (
    BOOKING_ID,
    CALL_OUTCOME,
    CONFIRM_BOOKING,
    CREATE_CHECKOUT,
    DECLINED,
    LATER,
    PAGE,
    PAID,
    PAID_SESSION,
    PROVIDER_EVENT,
)
from contracts.sample_writing import Record, asked, output


def records() -> list[Record]:
    """The customer pays at the second try and gets the money back, or not; another page is closed again."""
    confirm = asked("order-17-confirm", CONFIRM_BOOKING, at=LATER)
    create = output(confirm, "booking", 0, CREATE_CHECKOUT)
    ids = {"booking_id": BOOKING_ID}
    about = {**ids, "checkout_id": create.id}
    assert CALL_OUTCOME.session
    session = CALL_OUTCOME.session.model_copy(update={"checkout_id": create.id})
    outcome = CALL_OUTCOME.model_copy(update={"call_id": create.id, "about": create.id, "session": session})
    called = output(create, "payment", "outcome", outcome)
    opened = payment.CheckoutOpened(**about, question=create.id, url=PAGE, expires_at=CREATE_CHECKOUT.expires_at)
    session = PAID_SESSION.model_copy(update={"checkout_id": create.id})
    event = asked("evt_1Harbour", PROVIDER_EVENT.model_copy(update={"session": session}), at=LATER)
    declined = payment.PaymentFailed(**about, reason="declined", message="Your card was declined.")
    paid = payment.PaymentSucceeded(**about, payment="pi_3Harbour", amount=2500, currency="EUR")
    succeeded = output(event, "payment", 0, paid)
    back = payment.RefundPayment(**ids, payment="pi_3Harbour", amount=2500)
    refund = output(succeeded, "booking", 0, back)
    refunded = payment.PaymentRefunded(
        **ids, refund_id=refund.id, payment="pi_3Harbour", refund="re_3Harbour", amount=2500, currency="EUR"
    )
    failed = payment.RefundFailed(
        **ids,
        refund_id=refund.id,
        payment="pi_3Harbour",
        amount=2500,
        reason="failed",
        message="lost_or_stolen_card",
    )
    cancel = output(
        asked("order-17-cancel", booking.CancelBooking(booking_id=BOOKING_ID), at=LATER),
        "booking",
        1,
        payment.CancelCheckout(**ids),
    )
    return [
        create,
        output(create, "payment", 0, payment.CheckoutDelayed(**ids, question=create.id)),
        called,
        output(called, "payment", 0, opened),
        tried := output(event, "payment", 0, declined),
        output(tried, "booking", 0, booking.BookingPaymentFailed(booking=DECLINED, previous_status="CONFIRMED")),
        output(event, "payment", 0, payment.PaymentProcessing(**about)),
        event,
        succeeded,
        output(succeeded, "booking", 0, booking.BookingPaid(booking=PAID, previous_status="CONFIRMED")),
        refund,
        output(refund, "payment", 0, refunded),
        output(refund, "payment", 0, failed),
        cancel,
        output(cancel, "payment", 0, payment.CheckoutExpired(**about)),
    ]
