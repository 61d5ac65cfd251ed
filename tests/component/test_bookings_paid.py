"""Bookings and money over real Kafka: booking and availability as they are shipped, payment's part played by the test."""

import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from answering import House, body, replies
from bus import REPLIES, Bus, Log, header

from chassis.reads import Query
from contracts import topics
from contracts.booking import (
    BookingAnswer,
    BookingPaid,
    BookingPaymentFailed,
    BookingUpdated,
    CancelBooking,
    DeleteBooking,
)
from contracts.catalogue import ProductFields, PutProduct
from contracts.client import booking_id
from contracts.examples import CONFIRM_AND_PAY
from contracts.model import Message
from contracts.payment import (
    CancelCheckout,
    CheckoutDelayed,
    CheckoutExpired,
    CheckoutOpened,
    CreateCheckout,
    PaymentFailed,
    PaymentRefunded,
    PaymentSucceeded,
    RefundPayment,
)
from services.booking import reads

WATCHED = ("availability.commands", "availability.events", "booking.events", "payment.commands", REPLIES)
M = TypeVar("M", bound=Message)


@dataclass
class Till:
    """A booking that is confirmed with payment, and what payment says of it."""

    bus: Bus
    log: Log
    house: House
    id: str = ""

    async def tell(self, message: Message, twice: bool = True) -> str:
        """The message, delivered twice as Kafka may; its id."""
        organisation = self.house.organisation
        message_id, _ = await self.bus.tell(message, organisation=organisation)
        if twice:
            await self.bus.tell(message, message_id, organisation=organisation)
        return message_id

    async def asks(self, command: Message) -> str:
        return await self.tell(command, twice=False)

    async def answer(self, command_id: str) -> Any:
        """What the command is answered with."""
        [first, *_] = await self.log.until(lambda records: replies(records, command_id))
        if header(first, "ce_type") == BookingAnswer.type:
            return BookingAnswer.model_validate_json(first.value or b"")
        return json.loads(first.value or b"")

    async def sent(self, kind: type[M], count: int = 1) -> list[tuple[str, M]]:
        """So many messages of this kind about this booking, each with its id."""

        def found(records: list[Any]) -> list[tuple[str, M]] | None:
            of_kind = [record for record in records if header(record, "ce_type") == kind.type]
            mine: dict[str, Any] = {}
            for record in of_kind:
                message: Any = body(record)
                about = message.booking.id if hasattr(message, "booking") else message.booking_id
                if about == self.id and record.topic in WATCHED[2:4]:
                    mine[str(header(record, "ce_id"))] = message
            return list(mine.items()) if len(mine) >= count else None

        got = await self.log.until(found)
        assert got is not None
        return got

    async def books(self) -> None:
        command_id = str(uuid.uuid4())
        self.id = booking_id(command_id)
        await self.bus.tell(self.house.create(command_id), command_id, organisation=self.house.organisation)
        held = await self.answer(command_id)
        assert isinstance(held, BookingAnswer)

    async def confirms(self, **changes: Any) -> str:
        return await self.asks(CONFIRM_AND_PAY.model_copy(update={"booking_id": self.id, **changes}))

    async def page(self, count: int = 1) -> str:
        """The checkout that booking asked for."""
        return (await self.sent(CreateCheckout, count))[-1][0]

    def opened(self, checkout: str) -> CheckoutOpened:
        url, ends = f"https://checkout.example/{checkout}", datetime.now(UTC) + timedelta(hours=1)
        return CheckoutOpened(booking_id=self.id, question=checkout, checkout_id=checkout, url=url, expires_at=ends)

    def paid(self, checkout: str, payment: str = "pi_1") -> PaymentSucceeded:
        about = {"booking_id": self.id, "checkout_id": checkout, "payment": payment}
        return PaymentSucceeded(**about, amount=2500, currency="EUR")

    async def pays(self) -> None:
        """From the confirm to PAID."""
        await self.confirms()
        page = await self.page()
        await self.tell(self.opened(page))
        await self.tell(self.paid(page))
        await self.sent(BookingPaid)

    async def read(self, path: str = "") -> Any:
        query = Query(self.house.organisation, self.bus.pools["booking"], {"id": self.id}, {})
        shown = await reads.READS[f"/bookings/{{id}}{path}"](query)
        return None if shown is None else json.loads(shown)

    async def versions(self) -> list[int]:
        """Those that were told of, each once."""
        await self.bus.quiet("booking")
        told = {}
        for record in await self.log.read(100):
            if record.topic == topics.BOOKING_EVENTS.name:
                message: Any = body(record)
                if message.booking.id == self.id:
                    told[header(record, "ce_id")] = message.booking.version
        return sorted(told.values())


@contextlib.asynccontextmanager
async def selling(bus: Bus, **product: Any) -> AsyncIterator[Till]:
    """A booking in a house of its own, with both services at work."""
    async with bus.listening(*WATCHED) as log, bus.deciding("availability"), bus.deciding("booking"):
        house = await House().open(bus, log)
        if product:
            change = PutProduct(product_id=house.product, fields=ProductFields(**product))
            changed, _ = await bus.tell(change, organisation=house.organisation)
            await log.caused_by(changed, REPLIES)
        till = Till(bus, log, house)
        await till.books()
        yield till


async def test_a_confirm_is_answered_with_the_page_under_the_id_that_the_question_has(bus: Bus) -> None:
    async with selling(bus) as till:
        confirm = await till.confirms()
        [(page, create)] = await till.sent(CreateCheckout)
        assert (create.amount, create.currency) == (2500, "EUR")
        assert create.success_url == f"{CONFIRM_AND_PAY.success_url}?bookingId={till.id}"
        await till.tell(till.opened(page))
        answer = await till.answer(confirm)
        assert (answer.booking.status, answer.booking.payment_status) == ("CONFIRMED", "open")
        assert answer.booking.payment_url == (await till.read())["paymentUrl"] == till.opened(page).url
        again = await till.confirms()
        assert (await till.answer(again)).booking == answer.booking
        assert await till.versions() == [2, 3, 4]


async def test_a_page_that_is_late_is_answered_without_and_shown_later(bus: Bus) -> None:
    async with selling(bus) as till:
        confirm = await till.confirms()
        page = await till.page()
        await till.tell(CheckoutDelayed(booking_id=till.id, question=page))
        answer = await till.answer(confirm)
        assert (answer.booking.payment_url, answer.booking.payment_status) == (None, "opening")
        await till.tell(till.opened(page))
        await till.sent(BookingUpdated, 2)
        assert (await till.read())["paymentUrl"] == till.opened(page).url


async def test_a_paid_booking_is_cancelled_and_refunded_by_its_policy(bus: Bus) -> None:
    async with selling(bus, cancellation_policy=({"hours_before": 1, "refund_percent": 80, "fee": 100},)) as till:
        await till.pays()
        preview = await till.read("/cancellation-preview")
        assert (preview["paid"], preview["refund"], preview["fee"]) == (2500, 1900, 600)
        cancel = await till.asks(CancelBooking(booking_id=till.id))
        answer = await till.answer(cancel)
        assert (answer.booking.status, answer.booking.payment_status) == ("CANCEL", "refunding")
        [(refund_id, refund)] = await till.sent(RefundPayment)
        assert (refund.payment, refund.amount) == ("pi_1", 1900)
        back = {"booking_id": till.id, "payment": "pi_1", "refund": "re_1", "amount": 1900, "currency": "EUR"}
        await till.tell(PaymentRefunded(**back, refund_id=refund_id))
        await till.sent(BookingUpdated, 4)
        assert (await till.read())["status"] == "REFUNDED"
        assert await till.versions() == [2, 3, 4, 5, 6, 7]
        another = Till(bus, till.log, till.house)
        await another.books()  # the slot is on sale again


async def test_a_second_payment_goes_back(bus: Bus) -> None:
    async with selling(bus) as till:
        await till.pays()
        await till.tell(till.paid(await till.page(), "pi_2"))
        [(_, refund)] = await till.sent(RefundPayment)
        assert (refund.payment, refund.amount) == ("pi_2", 2500)
        assert await till.versions() == [2, 3, 4, 5]


async def test_a_confirm_that_waits_is_refused_when_the_booking_is_cancelled(bus: Bus) -> None:
    async with selling(bus) as till:
        confirm = await till.confirms()
        await till.page()
        cancel = await till.asks(CancelBooking(booking_id=till.id))
        assert (await till.answer(confirm))["code"] == "CONFLICT"
        assert (await till.answer(cancel)).booking.status == "CANCEL"
        assert len(await till.sent(CancelCheckout)) == 1


async def test_a_confirm_is_refused_when_there_is_no_page_and_the_next_one_asks_again(bus: Bus) -> None:
    async with selling(bus) as till:
        confirm = await till.confirms()
        page = await till.page()
        await till.tell(PaymentFailed(booking_id=till.id, checkout_id=page, reason="refused"))
        assert (await till.answer(confirm))["code"] == "PAYMENT_PROVIDER_UNAVAILABLE"
        assert len(await till.sent(BookingPaymentFailed)) == 1
        assert (await till.read())["status"] == "CONFIRMED"
        await till.confirms()
        assert await till.page(2) != page


@pytest.mark.parametrize("taken", [False, True], ids=["free", "taken"])
async def test_late_money_takes_the_slot_again_where_it_is_free(bus: Bus, taken: bool) -> None:
    async with selling(bus, late_payment="reacquire") as till:
        await till.confirms()
        page = await till.page()
        cancel = await till.asks(CancelBooking(booking_id=till.id))
        await till.answer(cancel)
        if taken:
            await Till(bus, till.log, till.house).books()
        await till.tell(till.paid(page))
        if taken:
            assert len(await till.sent(RefundPayment)) == 1
        else:
            await till.sent(BookingPaid)
        shown = await till.read()
        wanted = ("CANCEL", "refunding") if taken else ("PAID", "paid")
        assert (shown["status"], shown["paymentStatus"]) == wanted


async def test_an_unpaid_booking_is_cancelled_where_the_product_says_so(bus: Bus) -> None:
    async with selling(bus, payment_expired="cancel") as till:
        await till.confirms()
        page = await till.page()
        await till.tell(till.opened(page))
        await till.tell(CheckoutExpired(booking_id=till.id, checkout_id=page))
        await till.sent(BookingUpdated, 3)
        shown = await till.read()
        assert (shown["status"], shown["cancelReason"]) == ("CANCEL", "payment_expired")
        await Till(bus, till.log, till.house).books()


async def test_money_for_a_deleted_booking_goes_back(bus: Bus) -> None:
    async with selling(bus) as till:
        await till.confirms()
        page = await till.page()
        for command in (CancelBooking(booking_id=till.id), DeleteBooking(booking_id=till.id)):
            await till.answer(await till.asks(command))
        await till.tell(till.paid(page))
        assert len(await till.sent(RefundPayment)) == 1
        assert await till.read() is None
        assert await till.read("/cancellation-preview") is None


async def test_money_for_a_booking_that_nobody_knows_is_a_dead_letter(bus: Bus) -> None:
    async with selling(bus) as till, bus.listening("booking.dead-letters") as dead:
        known, till.id = till.id, str(uuid.uuid4())
        unknown = await till.tell(till.paid(str(uuid.uuid4())), twice=False)
        [letter] = await dead.until(lambda records: [each for each in records if header(each, "ce_id") == unknown])
        assert "UnknownBooking" in str(header(letter, "dead-letter-reason"))
        till.id = known
        await till.pays()  # and the next ones are handled


async def test_a_booking_that_was_written_before_there_was_money_is_confirmed_and_paid(bus: Bus) -> None:
    async with selling(bus) as till:
        sql = "UPDATE bookings SET state = (state::jsonb - 'agreed' - 'money')::text WHERE id = $1::uuid"
        await bus.pools["booking"].execute(sql, till.id)
        await till.pays()
        assert (await till.read())["status"] == "PAID"
