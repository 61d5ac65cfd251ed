"""Webhooks over HTTP: subscribe, be told, look into what was delivered, catch up."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import standardwebhooks
from awaiting import until
from http_house import ADA, House, Told, call, opened
from receiving import Receiver, status

from embedded.platform import Platform

PATH = "/v1/webhooks/subscriptions"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().serving() as receiver:
        yield receiver


async def subscribe(house: House, url: str, *events: str, key: str | None = None, **more: Any) -> Told:
    return await call(house.session, "POST", PATH, {"url": url, "events": events or ("booking.*",), **more}, key)


async def get(house: House, path: str) -> Any:
    told = await call(house.session, "GET", path)
    assert told.status == 200, told.raw
    return told.json


async def came(receiver: Receiver, path: str, count: int) -> list[Any]:
    async def enough() -> bool:
        return len(receiver.at(path)) >= count

    await until(enough)
    return receiver.at(path)


def mine(arrived: list[Any], booking: str) -> list[Any]:
    """The organisation is shared with other tests."""
    return [each for each in arrived if each.event["data"].get("id") == booking]


async def test_a_booking_s_changes_arrive_signed_and_in_sequence(house: House, receiver: Receiver) -> None:
    made = await subscribe(house, f"{receiver.url}/mine", "booking.*", description="a shop")
    assert made.status == 201
    secret = made.json.pop("secret")
    assert made.headers["Location"] == f"{PATH}/{made.json['id']}"
    assert await get(house, made.headers["Location"]) == made.json
    held = await house.held()
    assert (await house.patch(held["id"], {**ADA, "status": "CONFIRMED"})).status == 200

    async def both() -> bool:
        return len(mine(receiver.at("/mine"), held["id"])) >= 2

    await until(both)
    arrived = mine(receiver.at("/mine"), held["id"])
    judge = standardwebhooks.Webhook(secret)
    told = sorted((judge.verify(each.body, each.headers) for each in arrived), key=lambda each: each["sequence"])
    assert [(each["type"], each["sequence"], each["previous"]["status"]) for each in told] == [
        ("booking.created", 1, "PENDING"),
        ("booking.updated", 2, "RESERVED_15_MIN"),
    ]
    assert told[1]["data"] == await get(house, f"/v1/bookings/{held['id']}")
    feed = await get(house, f"/v1/events?type=booking.*&limit=1000&after={await cursor_before(house, told[0]['id'])}")
    assert [each for each in feed["data"] if each["data"]["id"] == held["id"]] == told
    await call(house.session, "DELETE", made.headers["Location"])


async def cursor_before(house: House, event: str) -> str:
    """The last cursor after which the feed still has this event."""
    after = "0"
    while True:
        feed = await get(house, f"/v1/events?limit=100&after={after}")
        if event in [each["id"] for each in feed["data"]]:
            return after
        assert feed["hasMore"], "the feed does not have it"
        after = feed["cursor"]


async def test_the_secret_is_shown_once_and_again_to_the_same_request_only(
    platform: Platform, house: House, receiver: Receiver
) -> None:
    key = str(uuid.uuid4())
    first = await subscribe(house, f"{receiver.url}/x", key=key)
    again = await subscribe(house, f"{receiver.url}/x", key=key)
    assert (again.status, again.raw, again.headers["Idempotency-Replayed"]) == (201, first.raw, "true")
    assert first.json["secret"].startswith("whsec_")
    location = first.headers["Location"]
    assert "secret" not in await get(house, location)
    rotated = await call(house.session, "POST", f"{location}/rotate-secret")
    assert rotated.status == 200
    assert rotated.json["secret"] not in ("", first.json["secret"])
    assert rotated.json["previousSecretUntil"]
    ping = await call(house.session, "POST", f"{location}/ping")
    assert ping.status == 201
    [arrived, *_] = [each for each in await came(receiver, "/x", 1) if each.event["type"] == "ping"]
    for secret in (first.json["secret"], rotated.json["secret"]):
        assert standardwebhooks.Webhook(secret).verify(arrived.body, arrived.headers)
    assert arrived.headers["boseat-signature"].count("v1=") == 2
    for log in (platform.data / "logs").glob("*.log"):
        text = log.read_text(errors="replace")
        assert first.json["secret"] not in text
        assert rotated.json["secret"] not in text
    await call(house.session, "DELETE", location)


async def test_a_secret_of_the_client_s_own_signs_and_is_never_shown(house: House, receiver: Receiver) -> None:
    own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwZm9vYmFy"
    made = await subscribe(house, f"{receiver.url}/own", secret=own)
    assert (made.status, made.json["secret"]) == (201, None)
    await call(house.session, "POST", f"{made.headers['Location']}/ping")
    arrived = (await came(receiver, "/own", 1))[0]
    assert standardwebhooks.Webhook(own).verify(arrived.body, arrived.headers)
    weak = await subscribe(house, f"{receiver.url}/own", secret="whsec_" + "A" * 40)
    assert (weak.status, [each["field"] for each in weak.json["details"]]) == (400, ["secret"])
    await call(house.session, "DELETE", made.headers["Location"])


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://[fd00:ec2::254]/",
        "https://2130706433.example.1/",
        "https://shop.example:22/",
        "http://shop.example/",
        "file:///etc/passwd",
        "https://user@shop.example/",
        "https://[64:ff9b::a9fe:a9fe]/",
    ],
)
async def test_a_url_that_may_not_be_called_is_400(house: House, url: str) -> None:
    told = await subscribe(house, url)
    assert (told.status, [each["field"] for each in told.json["details"]]) == (400, ["url"])


async def test_an_event_that_there_is_not_is_422(house: House) -> None:
    told = await subscribe(house, "https://shop.example/", "booking.*", "booking.craeted")
    assert (told.status, [each["field"] for each in told.json["details"]]) == (422, ["events.1"])


async def test_the_delivery_log_tells_request_response_and_attempts_and_retries(
    house: House, receiver: Receiver
) -> None:
    receiver.answers["/log"] = status(404)
    location = (await subscribe(house, f"{receiver.url}/log", "payment.failed")).headers["Location"]
    ping = await call(house.session, "POST", f"{location}/ping")
    delivery = ping.headers["Location"]

    async def tried() -> Any:
        said = await get(house, delivery)
        return said if said["attempts"] else None

    said = await until(tried)
    assert (said["status"], said["lastStatus"], said["response"]["status"]) == ("waiting", 404, 404)
    assert said["nextAttemptAt"]
    assert said["request"]["url"] == f"{receiver.url}/log"
    assert said["request"]["body"].encode() == receiver.at("/log")[0].body
    del receiver.answers["/log"]
    again = await call(house.session, "POST", f"{delivery}/retry")
    assert (again.status, again.json["id"]) == (200, said["id"])

    async def delivered() -> bool:
        return (await get(house, delivery))["status"] == "delivered"

    await until(delivered)
    assert {each.id for each in receiver.at("/log")} == {said["id"]}
    listed = await get(house, f"{location}/deliveries?status=delivered")
    assert ([each["id"] for each in listed["data"]], listed["total"]) == ([said["id"]], 1)
    assert (await get(house, f"{location}/deliveries?status=waiting"))["total"] == 0
    await call(house.session, "DELETE", location)
    assert (await call(house.session, "GET", delivery)).status == 404


async def test_a_subscription_is_changed_on_condition_switched_off_and_on(house: House, receiver: Receiver) -> None:
    made = await subscribe(house, f"{receiver.url}/first")
    location, tag = made.headers["Location"], made.headers["ETag"]
    changed = await call(house.session, "PATCH", location, {"url": f"{receiver.url}/second", "enabled": False})
    assert (changed.status, changed.json["disabledReason"], changed.headers["ETag"]) == (200, "client", '"2"')
    async with house.session.patch(location, json={"enabled": True}, headers={"If-Match": tag}) as stale:
        assert stale.status == 412
    assert (await call(house.session, "POST", f"{location}/ping")).status == 409
    assert (await call(house.session, "PATCH", location, {"enabled": True})).json["disabledReason"] is None
    await call(house.session, "POST", f"{location}/ping")
    await came(receiver, "/second", 1)
    listed = await get(house, f"{PATH}?limit=100")
    assert made.json["id"] in [each["id"] for each in listed["data"]]
    assert (await call(house.session, "DELETE", location)).status == 204
    assert (await call(house.session, "GET", location)).status == 404


async def test_a_period_is_replayed_also_to_whom_was_not_there(house: House, receiver: Receiver) -> None:
    held = await house.held()
    location = (await subscribe(house, f"{receiver.url}/late")).headers["Location"]
    period = {"from": held["createdAt"], "to": "2199-01-01T00:00:00Z"}
    told = await call(house.session, "POST", f"{location}/replay", period)
    assert told.status == 200

    async def arrived() -> bool:
        return bool(mine(receiver.at("/late"), held["id"]))

    await until(arrived)
    wrong = await call(house.session, "POST", f"{location}/replay", {"from": period["to"], "to": period["from"]})
    assert wrong.status == 422
    await call(house.session, "DELETE", location)


async def test_a_cursor_that_nobody_gave_is_refused(house: House) -> None:
    assert (await call(house.session, "GET", "/v1/events?after=99999999999")).status == 422
    assert (await call(house.session, "GET", "/v1/events?after=x")).status == 400


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_what_is_not_there_is_404(house: House, method: str) -> None:
    body = {"enabled": True} if method == "PATCH" else None
    assert (await call(house.session, method, f"{PATH}/{uuid.uuid4()}", body)).status == 404
    nowhere = f"{PATH}/deliveries/{uuid.uuid4()}"
    assert (await call(house.session, "GET", nowhere)).status == 404
    assert (await call(house.session, "POST", f"{nowhere}/retry")).status == 404


async def test_another_organisation_s_webhooks_are_404_and_its_events_nowhere(house: House, receiver: Receiver) -> None:
    """Security item 10."""
    location = (await subscribe(house, f"{receiver.url}/theirs")).headers["Location"]
    delivery = (await call(house.session, "POST", f"{location}/ping")).headers["Location"]
    held = await house.held()
    await came(receiver, "/theirs", 2)
    async with opened(house.url, "rival") as rival:
        for method, path, body in (
            ("GET", location, None),
            ("PATCH", location, {"enabled": False}),
            ("DELETE", location, None),
            ("POST", f"{location}/ping", None),
            ("POST", f"{location}/rotate-secret", None),
            ("POST", f"{location}/replay", {"from": "2020-01-01T00:00:00Z", "to": "2199-01-01T00:00:00Z"}),
            ("GET", f"{location}/deliveries", None),
            ("GET", delivery, None),
            ("POST", f"{delivery}/retry", None),
        ):
            assert (await call(rival.session, method, path, body)).status == 404, (method, path)
        feed = await call(rival.session, "GET", "/v1/events?limit=1000")
        assert held["id"].encode() not in feed.raw
        assert location.rpartition("/")[2].encode() not in (await call(rival.session, "GET", PATH)).raw
    assert (await get(house, location))["enabled"]
    await call(house.session, "DELETE", location)


async def test_whoever_may_not_read_bookings_cannot_have_them_delivered(house: House, receiver: Receiver) -> None:
    made = await subscribe(house, f"{receiver.url}/scopes")
    location = made.headers["Location"]
    delivery = (await call(house.session, "POST", f"{location}/ping")).headers["Location"]
    secret = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo-secret"}
    asked = {**secret, "scope": "org_read org_write"}
    async with aiohttp.ClientSession(house.url) as nobody, nobody.post("/oauth/token", data=asked) as answer:
        token = (await answer.json())["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(house.url, headers=bearer) as narrow:
        for method, path, body in (
            ("POST", PATH, {"url": f"{receiver.url}/mine", "events": ["*"]}),
            ("PATCH", location, {"url": f"{receiver.url}/mine"}),
            ("GET", delivery, None),
            ("GET", "/v1/events", None),
        ):
            assert (await call(narrow, method, path, body)).status == 403, (method, path)
        assert (await call(narrow, "GET", location)).status == 200
    await call(house.session, "DELETE", location)
