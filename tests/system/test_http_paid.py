"""A booking is paid on the whole platform: over HTTP, at the sandbox's page, and back; and its money goes where it belongs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from awaiting import until
from http_house import ADA, House, Told, call, opened

from embedded.platform import Platform

PAY = {
    "status": "CONFIRMED",
    **ADA,
    "paymentEnabled": True,
    "successUrl": "http://localhost:3000/thanks?shop=1",
    "cancelUrl": "https://shop.example/again",
}
GOOD, DECLINED = "4242424242424242", "4000000000000002"
STEPS = [{"hoursBefore": 1000, "refundPercent": 100}, {"hoursBefore": 0, "refundPercent": 50, "fee": 100}]


@dataclass(frozen=True)
class Shop:
    """A house, and its customers' browser."""

    house: House
    browser: aiohttp.ClientSession

    async def pages(self, **changes: Any) -> tuple[str, Told]:
        """A booking that is to be paid, and the answer with its page."""
        booking = (await self.house.held())["id"]
        return booking, await self.house.patch(booking, {**PAY, **changes})

    async def at(self, page: str, card: str = GOOD, action: str = "pay") -> tuple[int, str]:
        """What the page's form does; where it leads."""
        form = {"card": card, "action": action}
        async with self.browser.post(page, data=form, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", "")

    async def fault(self, fault: str, **given: Any) -> None:
        """The provider will fail at the next page: in some way, once."""
        _, told = await self.pages()
        control = told.json["paymentUrl"].partition("/c/pay/")[0] + "/_sandbox/faults"
        body = {"fault": fault, "operation": "checkout.sessions.create", **given}
        async with self.browser.post(control, json=body) as answer:
            assert answer.status == 201, await answer.text()

    async def becomes(self, booking: str, **wanted: str) -> dict[str, Any]:
        """The booking, once it says so."""

        async def there() -> dict[str, Any] | None:
            shown: dict[str, Any] = (await self.house.get(booking)).json
            return shown if all(shown[field] == value for field, value in wanted.items()) else None

        found = await until(there, 30)
        assert found is not None
        return found

    async def preview(self, booking: str) -> Any:
        return (await call(self.house.session, "GET", f"/v1/bookings/{booking}/cancellation-preview")).json


@pytest.fixture
async def shop(platform: Platform) -> AsyncIterator[Callable[..., Awaitable[Shop]]]:
    async with aiohttp.ClientSession() as browser, opened(platform.url) as house:

        async def sells(**product: Any) -> Shop:
            if product:
                path = f"/v1/products/{house.product}"
                assert (await call(house.session, "PATCH", path, product)).status == 200
            return Shop(house, browser)

        yield sells


async def test_a_booking_is_paid_at_the_page_and_the_customer_comes_back(shop: Any) -> None:
    mine = await shop()
    booking, told = await mine.pages()
    assert (told.status, told.json["status"], told.json["paymentStatus"]) == (200, "CONFIRMED", "open")
    page = told.headers["Location"]
    assert page == told.json["paymentUrl"]
    again = await mine.house.patch(booking, PAY)
    assert (again.headers["Location"], again.json) == (page, told.json)
    assert await mine.at(page) == (303, f"http://localhost:3000/thanks?shop=1&bookingId={booking}")
    paid = await mine.becomes(booking, status="PAID")
    assert (paid["paymentStatus"], paid["paymentUrl"]) == ("paid", None)


async def test_a_declined_card_leaves_the_booking_which_is_paid_by_another(shop: Any) -> None:
    mine = await shop()
    booking, told = await mine.pages()
    await mine.at(told.json["paymentUrl"], DECLINED)
    await mine.becomes(booking, status="CONFIRMED", paymentStatus="failed")
    page = (await mine.house.patch(booking, {"status": "CONFIRMED"})).headers["Location"]
    assert page != told.json["paymentUrl"]
    assert (await mine.at(page))[0] == 303
    await mine.becomes(booking, status="PAID")


async def test_a_paid_booking_is_cancelled_and_what_its_policy_says_goes_back(shop: Any) -> None:
    mine = await shop(cancellationPolicy=STEPS)
    booking, told = await mine.pages()
    await mine.at(told.json["paymentUrl"])
    await mine.becomes(booking, status="PAID")
    assert (await call(mine.house.session, "DELETE", f"/v1/bookings/{booking}")).status == 409
    shown = await mine.preview(booking)
    assert (shown["paid"], shown["refund"], shown["fee"]) == (2500, 1150, 1350)
    gone = await mine.house.patch(booking, {"status": "CANCEL"})
    assert (gone.status, gone.json["status"], gone.json["paymentStatus"]) == (200, "CANCEL", "refunding")
    await mine.becomes(booking, status="REFUNDED", paymentStatus="refunded")


async def test_cancelling_shuts_the_page_and_the_slot_is_on_sale(shop: Any) -> None:
    mine = await shop()
    booking, told = await mine.pages()
    slot = told.json["slot"]
    assert (await mine.house.patch(booking, {"status": "CANCEL"})).json["paymentUrl"] is None
    assert slot in await mine.house.slots()

    async def shut() -> bool:
        async with mine.browser.get(told.json["paymentUrl"]) as answer:
            return "expired" in (await answer.text()).lower()

    await until(shut, 20)
    assert (await mine.house.get(booking)).json["status"] == "CANCEL"


async def test_what_costs_nothing_needs_no_page(shop: Any) -> None:
    mine = await shop(price=0)
    _, told = await mine.pages()
    assert (told.status, told.json["status"], told.json["paymentEnabled"]) == (200, "CONFIRMED", True)
    assert (told.json["paymentUrl"], "Location" in told.headers) == (None, False)


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"successUrl": "javascript:alert(1)"}, 400, "successUrl"),
        ({"successUrl": "http://shop.example/"}, 422, "successUrl"),
        ({"cancelUrl": "https://ada@shop.example/"}, 422, "cancelUrl"),
        ({"cancelUrl": "https://shop.example/" + "x" * 2000}, 400, "cancelUrl"),
    ],
)
async def test_a_confirm_is_refused_when_customers_would_be_sent_to_a_bad_place(
    shop: Any, changes: dict[str, str], status: int, field: str
) -> None:
    _, told = await (await shop()).pages(**changes)
    assert (told.status, told.json["details"][0]["field"]) == (status, field)


async def test_a_confirm_names_each_address_that_is_missing(shop: Any) -> None:
    mine = await shop()
    booking = (await mine.house.held())["id"]
    told = await mine.house.patch(booking, {"status": "CONFIRMED", **ADA, "paymentEnabled": True})
    assert told.status == 422
    assert [detail["field"] for detail in told.json["details"]] == ["successUrl", "cancelUrl"]


async def test_whoever_only_looks_at_the_page_has_not_paid(shop: Any) -> None:
    """Security item 29: nothing of ours listens where payers return to, so nobody pays by going there."""
    mine = await shop()
    booking, told = await mine.pages()
    async with mine.browser.get(told.json["paymentUrl"]) as answer:
        assert answer.status == 200
    assert (await mine.house.get(booking)).json["status"] == "CONFIRMED"


async def test_a_page_that_is_late_is_shown_later_and_the_answer_stays_as_it_was(shop: Any) -> None:
    mine = await shop()
    await mine.fault("slow", seconds=8)
    booking = (await mine.house.held())["id"]
    told = await mine.house.patch(booking, PAY, "late-page")
    assert (told.status, told.json["paymentStatus"], told.json["paymentUrl"]) == (200, "opening", None)
    assert ("Location" in told.headers, told.headers["Retry-After"]) == (False, "2")
    shown = await mine.becomes(booking, paymentStatus="open")
    assert (await mine.at(shown["paymentUrl"]))[0] == 303
    await mine.becomes(booking, status="PAID")
    again = await mine.house.patch(booking, PAY, "late-page")
    assert (again.raw, again.headers["Retry-After"]) == (told.raw, "2")


async def test_a_confirm_fails_when_the_provider_gives_a_wrong_page_and_the_next_one_does_not(shop: Any) -> None:
    mine = await shop()
    await mine.fault("wrong_amount", cents=-1)
    booking, told = await mine.pages()
    assert (told.status, told.json["code"]) == (502, "PAYMENT_PROVIDER_UNAVAILABLE")
    shown = (await mine.house.get(booking)).json
    assert (shown["status"], shown["paymentStatus"]) == ("CONFIRMED", "failed")
    again = await mine.house.patch(booking, {"status": "CONFIRMED"})
    assert (await mine.at(again.headers["Location"]))[0] == 303
    await mine.becomes(booking, status="PAID")


async def test_a_slow_payment_is_paid_when_it_is_there(shop: Any) -> None:
    mine = await shop()
    booking, told = await mine.pages()
    await mine.at(told.json["paymentUrl"], action="pay_slowly")
    await mine.becomes(booking, status="PAID")


async def test_late_money_takes_the_slot_again_where_the_product_says_so(shop: Any) -> None:
    """The customer pays and the client cancels at the same moment: who was first nobody can say, and all is well either way."""
    mine = await shop(latePayment="reacquire")
    booking, told = await mine.pages()
    await asyncio.gather(mine.at(told.json["paymentUrl"]), mine.house.patch(booking, {"status": "CANCEL"}))

    async def settled() -> bool:
        shown = (await mine.house.get(booking)).json
        return (shown["status"], shown["paymentStatus"]) in {
            ("PAID", "paid"),
            ("REFUNDED", "refunded"),
            ("CANCEL", None),
        }

    await until(settled, 30)
