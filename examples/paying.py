"""The demo's second half: a booking is paid at its page, a subscriber hears of each change, and the money goes back."""

import time
from typing import Any

import aiohttp

from examples import checkout_page
from examples.harbour_house import House
from examples.receiver import Delivered, Receiver
from examples.telling import Teller, Unexpected
from examples.visitor import Visitor

SECONDS = 15.0  # for what happens by itself: the provider's word, a webhook, a refund
SUBSCRIPTIONS = "/v1/webhooks/subscriptions"
SHOP = "http://localhost:3000"  # where the customer's browser is sent back to; nobody has to be there
ADA = {"email": "ada@example.org", "name": "Ada Lovelace", "phone": "+33 4 91 00 00 00"}
SHOWN = ("id", "status", "paymentStatus", "version", "totalPrice", "currency")
SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")


async def tour(visitor: Visitor, teller: Teller, house: House, slot: dict[str, str], *, calls_here: bool) -> None:
    """Subscribe, book this slot, pay, cancel, unsubscribe. Raises Unexpected and aiohttp.ClientError.

    A platform that cannot call this machine, as one in containers, has nobody to tell: that part is left out."""
    if not calls_here:
        paid = await _pays(visitor, teller, house, slot)
        await _cancels(visitor, teller, paid["id"])
        teller.aside("(A platform elsewhere cannot call this machine: the part about webhooks is left out.)")
        return
    async with Receiver().receiving() as receiver:
        teller.chapter(
            "The shop wants to be told of every change",
            f"It subscribes its server, which this demo has started at {receiver.url}. Each delivery will be signed with the "
            "secret in this answer, which is shown this once. In production only https to a public address is called.",
        )
        wanted = {"url": receiver.url, "events": ["booking.*"]}
        made = await visitor.call(
            "POST", SUBSCRIPTIONS, 201, key="shop-hook", body=wanted, fields=("id", "url", "secret")
        )
        receiver.secret.set_result(made.json["secret"])

        paid = await _pays(visitor, teller, house, slot)
        await _hears(teller, receiver, paid)
        back = await _cancels(visitor, teller, paid["id"])
        await _heard(teller, receiver, back)
        await visitor.call("DELETE", made.headers["Location"], 204, key="shop-hook-off")


async def _pays(visitor: Visitor, teller: Teller, house: House, slot: dict[str, str]) -> dict[str, Any]:
    teller.chapter("Ada books the workday after, and wants to pay for it")
    wanted = {"productId": house.product, "spaceId": house.space, "slot": slot}
    held = await visitor.call("POST", "/v1/bookings", 201, key="order-19", body=wanted, fields=(*SHOWN, "expiresAt"))
    path = f"/v1/bookings/{held.json['id']}"
    teller.aside("With paymentEnabled the answer says in Location where the customer pays.")
    confirm = {
        "status": "CONFIRMED",
        **ADA,
        "paymentEnabled": True,
        "successUrl": f"{SHOP}/thanks",
        "cancelUrl": f"{SHOP}/basket",
    }
    told = await visitor.call("PATCH", path, 200, key="order-19-confirm", body=confirm, fields=SHOWN)
    booking, page = told.json, told.headers.get("Location")
    if page is None:
        teller.aside(
            "The provider takes long: the answer came without the page, and the booking has it when it is there."
        )
        await visitor.until(path, lambda shown: shown["paymentUrl"] is not None, SECONDS)
        booking = (await visitor.call("GET", path, 200, fields=SHOWN)).json
        page = booking["paymentUrl"]
    if (booking["status"], booking["paymentStatus"], booking["paymentUrl"]) != ("CONFIRMED", "open", page):
        raise Unexpected(f"The booking is {booking['status']}, its payment {booking['paymentStatus']}.")

    teller.chapter(
        "She pays at the checkout page",
        "It belongs to the payment provider: here a sandbox that speaks Stripe's API, with no real money. "
        "The shop sends her browser to",
    )
    teller.happens("", page)
    back = await checkout_page.pay(teller, page)
    if back != f"{SHOP}/thanks?bookingId={held.json['id']}":
        raise Unexpected(f"The customer is sent to {back}.")
    teller.done("She is back at the shop's successUrl, which now says which booking it was.")

    teller.chapter(
        "Paid",
        "Not because her browser came back, that could be forged: the provider has told the platform, with a signature of its own.",
    )
    await visitor.until(path, lambda shown: shown["status"] == "PAID", SECONDS)
    paid: dict[str, Any] = (await visitor.call("GET", path, 200, fields=SHOWN)).json
    return paid


async def _hears(teller: Teller, receiver: Receiver, paid: dict[str, Any]) -> None:
    teller.chapter(
        "The shop's server has heard of it",
        "It checks each signature with examples/webhooks/verify.py (Node and Go are beside it). This came:",
    )
    last = (await receiver.until(paid["id"], paid["version"], SECONDS))[-1]
    if (last.event["type"], last.event["data"]["status"]) != ("booking.paid", "PAID"):
        raise Unexpected(f"The last event is {last.event['type']}, expected was booking.paid.")
    _shows(teller, receiver, last)
    teller.done("The signature is good: the body is the platform's, and whole.")

    teller.aside("Somebody else sends the same with another price in it:")
    forged = last.body.replace(b'"totalPrice":', b'"totalPrice":1')
    teller.asks("POST", receiver.url, {}, None, None)
    headers = {name: last.header(name) for name in SIGNED}
    began = time.monotonic()
    async with aiohttp.ClientSession() as session, session.post(receiver.url, data=forged, headers=headers) as answer:
        said = await answer.text()
        teller.answers(answer.status, (time.monotonic() - began) * 1000, [], None)
    teller.happens(said.strip(), colour="")
    if forged == last.body or answer.status != 400:
        raise Unexpected(f"A forged delivery was answered {answer.status}.")


async def _cancels(visitor: Visitor, teller: Teller, booking: str) -> dict[str, Any]:
    path = f"/v1/bookings/{booking}"
    teller.chapter(
        "She cannot come", "What would a cancel give back? By the room's policy everything, until 24 hours before."
    )
    preview = await visitor.call(
        "GET", f"{path}/cancellation-preview", 200, fields=("status", "paid", "refund", "fee", "currency")
    )
    teller.aside("The slot is on sale again with the answer; the money is on its way back.")
    cancelled = await visitor.call("PATCH", path, 200, key="order-19-cancel", body={"status": "CANCEL"}, fields=SHOWN)
    if (cancelled.json["status"], cancelled.json["paymentStatus"]) != ("CANCEL", "refunding"):
        raise Unexpected(f"The booking is {cancelled.json['status']}, its payment {cancelled.json['paymentStatus']}.")
    await visitor.until(path, lambda shown: shown["status"] == "REFUNDED", SECONDS)
    back: dict[str, Any] = (await visitor.call("GET", path, 200, fields=SHOWN)).json
    if preview.json["refund"] != back["totalPrice"]:
        raise Unexpected(f"{preview.json['refund']} of {back['totalPrice']} would go back.")
    return back


async def _heard(teller: Teller, receiver: Receiver, booking: dict[str, Any]) -> None:
    """Every change from the hold on."""
    teller.aside("The whole story as the shop's server heard it, one event for each change:")
    events = await receiver.until(booking["id"], booking["version"], SECONDS)
    teller.happens("", *(f"#{each.event['sequence']}  {each.event['type']:15}  {each.change}" for each in events))
    teller.done(
        f"{len(events)} changes, {len(events)} deliveries, each with a good signature. Enough; the shop unsubscribes."
    )


def _shows(teller: Teller, receiver: Receiver, delivered: Delivered) -> None:
    """The delivery as it came over the wire, its body cut to what matters here."""
    event = delivered.event
    data = {name: event["data"][name] for name in ("id", "status", "version", "totalPrice", "currency")}
    body = {**{name: event[name] for name in ("type", "sequence")}, "data": data, "previous": event["previous"]}
    teller.comes(receiver.url, [(name, delivered.header(name)) for name in SIGNED], body)
