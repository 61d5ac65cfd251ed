"""What a gateway tells of itself, at a port of its own: nothing of it at the public one."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from forging import Forger
from gateway_alone import Lonely, alone, free_port
from measuring import read, total

from examples import tokens

PROVIDER = "/v1/payments/webhooks/stripe"
SECRET = "whsec_measured"
REQUESTS = "holdfast_gateway_requests_total"


@pytest.fixture(scope="module")
async def measured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Lonely, str]]:
    """A gateway without Kafka, and where its metrics are."""
    port, patch = free_port(), pytest.MonkeyPatch()
    patch.setenv("HOLDFAST_METRICS_PORT", str(port))
    keys = tmp_path_factory.mktemp("measured") / "keys"
    settings = {"READS_A_MINUTE": "30", "STRIPE_WEBHOOK_SECRETS": json.dumps([SECRET])}
    async with alone(keys, **settings) as gateway:
        patch.undo()
        yield gateway, f"http://127.0.0.1:{port}/metrics"


async def test_the_public_address_has_no_metrics(measured: tuple[Lonely, str]) -> None:
    gateway, metrics = measured
    async with gateway.session.get("/metrics") as answer:
        assert answer.status == 404
    assert total(await read(metrics), "process_resident_memory_bytes") > 0


async def test_requests_are_told_by_route_and_status_and_made_up_addresses_are_no_labels(
    measured: tuple[Lonely, str],
) -> None:
    gateway, metrics = measured
    before = await read(metrics)
    asked = [
        ("GET", "/livez"),
        ("GET", "/v1/bookings/4b96f5ea-3d46-59a4-912d-eb2a1da8d934"),
        ("PUT", "/v1/bookings/4b96f5ea-3d46-59a4-912d-eb2a1da8d934"),
        ("GET", "/made/up"),
        ("TRACE", "/made/up/too"),
    ]
    for method, path in asked:
        async with gateway.session.request(method, path):
            pass
    after = await read(metrics)

    def more(**labels: str) -> float:
        return total(after, REQUESTS, **labels) - total(before, REQUESTS, **labels)

    assert more(method="GET", route="/livez", status="2xx") == 1
    assert more(method="GET", route="/v1/bookings/{id}", status="4xx") == 1  # no token
    assert more(method="other", status="4xx") == 2  # neither PUT nor TRACE is a method of ours
    assert more(route="none", status="4xx") == 2
    assert more() == len(asked)
    routes = {sample.labels["route"] for family in after for sample in family.samples if "route" in sample.labels}
    assert not any("made" in route or "4b96" in route for route in routes)
    lasted = "holdfast_gateway_request_seconds_count"
    assert total(after, lasted) - total(before, lasted) == len(asked)


async def test_what_kafka_does_not_take_is_told(measured: tuple[Lonely, str]) -> None:
    gateway, metrics = measured
    signed_in = await tokens.authorization(gateway.url)
    path = "/v1/bookings/4b96f5ea-3d46-59a4-912d-eb2a1da8d934"
    async with gateway.session.delete(path, headers=signed_in) as answer:
        assert answer.status == 503
    told = await read(metrics)
    assert total(told, "holdfast_gateway_commands_not_taken_total") == 1
    assert total(told, "holdfast_gateway_awaited_answers") == 0
    assert total(told, "holdfast_gateway_connected") == 0
    assert total(told, REQUESTS, method="DELETE", status="5xx") == 1


async def test_a_client_that_asks_too_often_is_told(measured: tuple[Lonely, str]) -> None:
    gateway, metrics = measured
    signed_in = await tokens.authorization(gateway.url)
    limited = 0
    for _ in range(40):
        async with gateway.session.get("/v1/webhooks/subscriptions", headers=signed_in) as answer:
            limited += answer.status == 429
    assert limited
    told = await read(metrics)
    assert total(told, "holdfast_gateway_rate_limited_total", limit="reads") == limited
    assert total(told, "holdfast_gateway_rate_limited_total", limit="writes") == 0


async def test_the_provider_s_events_are_told_by_what_became_of_them(measured: tuple[Lonely, str]) -> None:
    gateway, metrics = measured
    forger = Forger(SECRET)
    for post in (forger.real(type="charge.succeeded"), forger.forged(), forger.forged(), forger.real()):
        named = [("Stripe-Signature", each) for each in post.signatures]
        async with gateway.session.post(PROVIDER, data=post.body, headers=named):
            pass
    told = await read(metrics)
    outcomes = {
        outcome: total(told, "holdfast_gateway_provider_events_total", outcome=outcome)
        for outcome in ("recorded", "ignored", "refused", "not_taken")
    }
    assert outcomes == {"recorded": 0, "ignored": 1, "refused": 2, "not_taken": 1}


async def test_what_is_no_http_is_told(measured: tuple[Lonely, str]) -> None:
    gateway, metrics = measured
    before = await read(metrics)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"HELLO\r\n\r\n")
    assert b" 400 " in await reader.read()
    writer.close()
    told: Any = await read(metrics)
    cut = "holdfast_gateway_cut_requests_total"
    assert total(told, cut, status="400") - total(before, cut, status="400") == 1
