"""A booking is one trace, from the POST to the webhook's receipt, as a receiver of OpenTelemetry traces gets it."""

import secrets
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from awaiting import until
from http_house import ADA, House, call, opened
from receiving import Receiver as Subscriber
from receiving import status
from tracing_seen import exporting, names, trace_of, under

from embedded.platform import Platform, running
from embedded.traces import Receiver, Span, drawn

CREATED = ("gateway: POST /v1/bookings", "booking: decide CreateBooking", "availability: decide HoldSlot")
TOLD = (*CREATED, "booking: decide SlotHeld", "notifier: decide BookingCreated", "notifier: POST webhook")
RELEASED = (
    *("gateway: POST /v1/bookings", "booking: decide CreateBooking", "availability: decide HoldSlot"),
    *("availability: decide ExpireHold", "booking: decide SlotReleased", "notifier: decide BookingUpdated"),
    "notifier: POST webhook",
)
PATH = "whatever-a-subscriber-hides-in-a-path"


@dataclass(frozen=True)
class Scene:
    """A platform whose holds are short, a house on it, a subscriber to it, and what receives its traces."""

    platform: Platform
    house: House
    subscriber: Subscriber
    receiver: Receiver

    async def trace(self, correlation: str | None, *needed: str) -> dict[str, Span]:
        return await trace_of(self.receiver, correlation, *needed)


@pytest.fixture(scope="module")
async def scene() -> AsyncIterator[Scene]:
    async with (
        Receiver().serving() as receiver,
        Subscriber().serving() as subscriber,
        running(hold="8s", fast_sessions=True, settings=exporting(receiver)) as platform,
        opened(platform.url) as house,
    ):
        subscribed = {"url": f"{subscriber.url}/{PATH}", "events": ["booking.*"]}
        assert (await call(house.session, "POST", "/v1/webhooks/subscriptions", subscribed)).status == 201
        yield Scene(platform, house, subscriber, receiver)


async def test_a_booking_is_one_trace_from_the_post_to_the_webhook_and_to_the_end_of_its_hold(scene: Scene) -> None:
    told = await scene.house.hold((await scene.house.slots())[0])
    assert told.status == 201, told.raw
    spans = await scene.trace(
        told.headers["X-Correlation-Id"], *TOLD, *RELEASED, "availability.relay: forward ExpireHold"
    )
    sys.stdout.write("\n".join(["", *drawn(spans.values()), ""]))
    [root] = [span for span in spans.values() if span.parent not in spans]
    assert (root.service, root.name, root.parent) == ("gateway", "POST /v1/bookings", "")
    assert root.attributes["http.response.status_code"] == 201
    paths = [tuple(under(span, spans)) for span in spans.values()]
    assert {TOLD, RELEASED} <= set(paths)
    assert (*CREATED, "availability.relay: forward ExpireHold") in paths
    assert (*CREATED, "availability: send SlotHeld, ExpireHold") in paths
    assert {(*CREATED[:2], "booking: postgresql load"), (*CREATED[:2], "booking: postgresql write")} <= set(paths)
    assert all(span.ended >= span.began for span in spans.values())
    delivered = [span for span in spans.values() if span.name == "POST webhook"]
    assert [span.attributes["http.response.status_code"] for span in delivered] == [200, 200]
    assert [span.attributes["server.address"] for span in delivered] == ["127.0.0.1"] * 2


async def test_no_trace_leaves_the_house(scene: Scene) -> None:
    """A subscriber learns nothing of our traces, and no receiver of traces anything of customers, secrets or statements."""
    before = len(scene.subscriber.arrived)
    held = await scene.house.held()
    told = await scene.house.change(held["id"], "CONFIRMED")
    assert told.status == 200, told.raw
    confirmed = ("booking: decide ConfirmBooking", "notifier: decide BookingUpdated", "notifier: POST webhook")
    await scene.trace(told.headers["X-Correlation-Id"], *confirmed)
    listed = await call(scene.house.session, "GET", f"/v1/customers?email={ADA['email']}")
    await scene.trace(listed.headers["X-Correlation-Id"], "gateway: GET /v1/customers")
    assert len(scene.subscriber.arrived) > before
    assert [each for each in scene.subscriber.arrived if "traceparent" in each.headers] == []
    spans = [span for trace in scene.receiver.traces.values() for span in trace.values()]
    everything = "\n".join(f"{span.name} {span.attributes}" for span in spans)
    token = scene.house.session.headers["Authorization"].removeprefix("Bearer ")
    for secret in (*ADA.values(), PATH, token, "whsec_", "demo-secret", "SELECT", "INSERT", "?"):
        assert secret not in everything, secret


async def test_the_trace_of_a_client_goes_on(scene: Scene) -> None:
    trace, span, slot = secrets.token_hex(16), secrets.token_hex(8), (await scene.house.slots())[2]
    scene.house.session.headers["traceparent"] = f"00-{trace}-{span}-01"
    try:
        told = await scene.house.hold(slot)
    finally:
        del scene.house.session.headers["traceparent"]
    assert told.status == 201

    async def complete() -> dict[str, Span] | None:
        spans = scene.receiver.traces.get(trace, {})
        return spans if set(TOLD) <= names(spans.values()) else None

    spans = await until(complete, 30)
    assert spans is not None
    assert [found.parent for found in spans.values() if found.parent not in spans] == [span]


async def test_what_a_client_does_not_sample_leaves_no_span(scene: Scene) -> None:
    trace, slot = secrets.token_hex(16), (await scene.house.slots())[3]
    scene.house.session.headers["traceparent"] = f"00-{trace}-{secrets.token_hex(8)}-00"
    before = len(scene.subscriber.arrived)
    try:
        assert (await scene.house.hold(slot)).status == 201
    finally:
        del scene.house.session.headers["traceparent"]

    async def arrived() -> bool:
        return len(scene.subscriber.arrived) > before

    await until(arrived)
    later = await scene.house.hold((await scene.house.slots())[4])
    await scene.trace(later.headers["X-Correlation-Id"], *TOLD)  # whatever came before it has come too
    assert trace not in scene.receiver.traces


async def test_a_read_is_a_trace_down_to_the_service_that_answers(scene: Scene) -> None:
    told = await call(scene.house.session, "GET", f"/v1/venues/{scene.house.venue}")
    spans = await scene.trace(told.headers["X-Correlation-Id"], "availability: GET /venues/{id}")
    assert [under(span, spans) for span in spans.values() if span.service == "availability"] == [
        ["gateway: GET /v1/venues/{id}", "availability: GET /venues/{id}"]
    ]


async def test_a_payment_is_in_the_trace_of_the_confirm_that_asked_for_its_page(scene: Scene) -> None:
    booking = (await scene.house.held())["id"]
    urls = {"successUrl": "http://localhost:3000/thanks", "cancelUrl": "https://shop.example/again"}
    told = await scene.house.patch(booking, {"status": "CONFIRMED", **ADA, "paymentEnabled": True, **urls})
    assert told.status == 200, told.raw
    asked = ("gateway: PATCH /v1/bookings/{id}", "booking: decide ConfirmBooking")
    then = (
        "payment: decide CreateCheckout",
        "payment: call open",
        "payment: decide RecordCallOutcome",
        "booking: decide CheckoutOpened",
    )
    spans = await scene.trace(told.headers["X-Correlation-Id"], *asked, *then)
    [opening] = [span for span in spans.values() if span.name == "call open"]
    assert under(opening, spans)[:2] == list(asked)
    assert under(opening, spans)[-2:] == list(then[:2])
    [heard] = [span for span in spans.values() if span.name == "decide CheckoutOpened"]
    assert under(heard, spans)[-4:] == list(then)
    async with aiohttp.ClientSession() as browser:
        form = {"card": "4242424242424242", "action": "pay"}
        async with browser.post(told.headers["Location"], data=form, allow_redirects=False) as answer:
            assert answer.status == 303

    async def paid() -> dict[str, Span] | None:
        wanted = {
            "gateway: POST /v1/payments/webhooks/stripe",
            "payment: decide RecordProviderEvent",
            "notifier: POST webhook",
        }
        return next((each for each in scene.receiver.traces.values() if wanted <= names(each.values())), None)

    assert await until(paid, 30)


async def test_a_receiver_that_fails_is_a_failed_span_for_each_attempt(scene: Scene) -> None:
    scene.subscriber.answers[f"/{PATH}"] = status(503)
    try:
        told = await scene.house.hold((await scene.house.slots())[6])
        spans = await scene.trace(told.headers["X-Correlation-Id"], *TOLD)
    finally:
        scene.subscriber.answers.clear()
    failed = [span.attributes["error.type"] for span in spans.values() if span.name == "POST webhook"]
    assert failed[:1] == ["503"]
