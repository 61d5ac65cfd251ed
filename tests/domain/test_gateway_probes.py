"""What the gateway says of itself while nothing stands behind it."""

import re
from typing import Any

from services.gateway.documentation import _problems
from services.gateway.errors import STATUS


async def test_livez_is_200_with_kafka_down(lonely: Any) -> None:
    async with lonely.session.get("/livez") as answer:
        assert answer.status == 200


async def test_readyz_is_503_and_names_kafka_with_kafka_down(lonely: Any) -> None:
    async with lonely.session.get("/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["details"] == [{"field": "kafka", "issue": "is not connected"}]


async def _openapi(lonely: Any) -> dict[str, Any]:
    async with lonely.session.get("/openapi.json") as answer:
        assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["X-Correlation-Id"])
        document: dict[str, Any] = await answer.json()
        return document


async def test_openapi_lists_every_operation_of_the_tutorial(lonely: Any) -> None:
    document = await _openapi(lonely)
    assert document["openapi"].startswith("3.1")
    catalogue = {
        f"/v1/{name}{path}": methods
        for name in ("venues", "spaces", "products")
        for path, methods in {"": {"get", "post"}, "/{id}": {"get", "patch", "delete"}}.items()
    }
    assert {path: set(methods) for path, methods in document["paths"].items()} == catalogue | {
        "/v1/bookings": {"get", "post"},
        "/v1/bookings/{id}": {"get", "patch", "delete"},
        "/v1/bookings/{id}/extend": {"post"},
        "/v1/bookings/{id}/cancellation-preview": {"get"},
        "/v1/bookings/slots": {"get"},
        "/v1/customers": {"get", "post"},
        "/v1/customers/{id}": {"get"},
        "/v1/spaces/{id}/availability": {"get"},
        "/v1/webhooks/subscriptions": {"get", "post"},
        "/v1/webhooks/subscriptions/{id}": {"get", "patch", "delete"},
        "/v1/webhooks/subscriptions/{id}/rotate-secret": {"post"},
        "/v1/webhooks/subscriptions/{id}/ping": {"post"},
        "/v1/webhooks/subscriptions/{id}/replay": {"post"},
        "/v1/webhooks/subscriptions/{id}/deliveries": {"get"},
        "/v1/webhooks/subscriptions/deliveries/{id}": {"get"},
        "/v1/webhooks/subscriptions/deliveries/{id}/retry": {"post"},
        "/v1/events": {"get"},
        "/oauth/token": {"post"},
        "/.well-known/jwks.json": {"get"},
        "/.well-known/openid-configuration": {"get"},
    }


async def test_openapi_tells_commands_of_the_key_and_bodies_forbid_null(lonely: Any) -> None:
    document = await _openapi(lonely)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if not path.startswith("/v1/"):
                continue
            named = [parameter["name"] for parameter in operation.get("parameters", [])]
            assert ("Idempotency-Key" in named) == (method != "get")
    space = document["components"]["schemas"]["SpaceChange"]
    assert space["additionalProperties"] is False
    assert space["properties"]["capacity"]["type"] == "integer"


def test_every_documented_problem_has_a_status() -> None:
    assert _problems.keys() <= STATUS.keys()


async def test_openapi_shows_what_a_read_may_ask_as_query_parameters(lonely: Any) -> None:
    document = await _openapi(lonely)
    reads = {path: item["get"] for path, item in document["paths"].items() if "get" in item}
    assert not [path for path, operation in reads.items() if "requestBody" in operation]
    asked = {parameter["name"]: parameter["required"] for parameter in reads["/v1/bookings/slots"]["parameters"]}
    assert asked == {"productId": True, "spaceId": True, "from": False, "to": False, "explain": False}
    assert {p["name"] for p in reads["/v1/bookings"]["parameters"]} == {
        "page", "limit", "spaceIds", "customerId", "status", "from", "to",
    }  # fmt: skip
