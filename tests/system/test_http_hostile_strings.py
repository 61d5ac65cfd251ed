"""Whatever a client writes into a string is data (item 32 of the security list): stored, shown again, and one line of a log."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conforming import document
from http_house import House, Told, call, made

ROBERT = "Robert'); DROP TABLE venues; DROP TABLE bookings; --"
TEXTS = {
    "SQL": ROBERT,
    "SQL with a union": "' UNION SELECT organisation, name FROM venues WHERE '1'='1",
    "a dollar parameter": "$1 $2 %s %(name)s {name} {0}",
    "a cast": "1::regclass",
    "JSON": '"}, "organisation": "rival", "x": {"',
    "a log line": '{"level": "error", "message": "everything is lost"}',
    "a template": "${jndi:ldap://x/a} {{7*7}} <%= 7*7 %>",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "escapes": "\\x00 \\u0000 \\r\\n %0d%0a \\ \\' \\\"",
    "letters that look alike, right to left": "p\u0430ypal \u202e gnp.exe \ufeff \U0001f600 é e\u0301",
    "surrogates of a pair": "\U0010ffff",
}
LINE_BREAKS = ["\r\nX-Injected: 1", "\n", "\r", "\u2028", "\u2029", "\x85", "\x1b[31m", "\x00", "\x7f"]

# How to say a text in each field that takes any, and where it is shown again. The field's name is as `_texts` finds it.
Said, Shown = Callable[[str], dict[str, Any]], Callable[[dict[str, Any]], Any]
SUBSCRIPTIONS, HOOK = "/v1/webhooks/subscriptions", {"url": "https://hostile.example/", "events": ["payment.failed"]}
WHO = {"email": "robert@example.com", "phone": "+33 4 91 00 00 00"}
EVERY_FIELD: dict[str, tuple[Said, Shown]] = {
    "venues.name": (lambda text: {"name": text}, lambda entry: entry["name"]),
    "venues.type": (lambda text: {"type": text}, lambda entry: entry["type"]),
    "venues.address.street": (lambda text: {"address": {"street": text}}, lambda entry: entry["address"]["street"]),
    "venues.address.postalCode": (lambda text: {"address": {"postalCode": text}}, lambda e: e["address"]["postalCode"]),
    "venues.address.city": (lambda text: {"address": {"city": text}}, lambda entry: entry["address"]["city"]),
    "venues.address.country": (lambda text: {"address": {"country": text}}, lambda entry: entry["address"]["country"]),
    "venues.closures[].reason": (
        lambda text: {"closures": [{"from": "2027-05-01", "to": "2027-05-01", "reason": text}]},
        lambda entry: entry["closures"][0]["reason"],
    ),
    "spaces.name": (lambda text: {"name": text}, lambda entry: entry["name"]),
    "spaces.description": (lambda text: {"description": text}, lambda entry: entry["description"]),
    "spaces.metadata.<name>": (lambda text: {"metadata": {text: "x"}}, lambda entry: next(iter(entry["metadata"]))),
    "spaces.metadata.*": (lambda text: {"metadata": {"x": text}}, lambda entry: entry["metadata"]["x"]),
    "products.name": (lambda text: {"name": text}, lambda entry: entry["name"]),
    "products.reference": (
        lambda text: {"reference": f"{text} {uuid.uuid4()}"},
        lambda entry: entry["reference"][:-37],
    ),
    "webhooks.description": (lambda text: {"description": text}, lambda entry: entry["description"]),
    "bookings.name": (lambda text: {**WHO, "name": text}, lambda booking: booking["customer"]["name"]),
}
# Their readers let nothing but themselves pass, whatever the schema says.
NARROW = {"bookings.email", "bookings.phone", "customers.email", "customers.phone"}
ELSEWHERE = {
    "customers.name": "stored by the same statement as bookings.name",
    "payments.id": "the provider's, whose signature is asked for first: tests/system/test_provider_flows.py",
    "payments.type": "the same",
}


def _texts(schema: dict[str, Any], name: str) -> Iterator[str]:
    """The fields in it that take any text, as the document has them."""
    schema = document().resolved(schema)
    if schema.get("type") == "string" and document().admits(schema, ROBERT):
        yield name
    for each in schema.get("anyOf", ()):
        yield from _texts(each, name)
    for field, each in schema.get("properties", {}).items():
        yield from _texts(each, f"{name}.{field}")
    if "items" in schema:
        yield from _texts(schema["items"], f"{name}[]")
    if "propertyNames" in schema:
        yield from _texts({"type": "string", **schema["propertyNames"]}, f"{name}.<name>")
        yield from _texts(schema["additionalProperties"], f"{name}.*")


DOCUMENTED = {
    field
    for path, methods in document().described["paths"].items()
    for operation in methods.values()
    if "application/json" in (content := operation.get("requestBody", {}).get("content", {}))
    for field in _texts(content["application/json"]["schema"], path.split("/")[2])
}
FIELDS = sorted(EVERY_FIELD.keys() & DOCUMENTED)


def test_no_field_is_forgotten() -> None:
    assert DOCUMENTED - NARROW - ELSEWHERE.keys() == set(FIELDS)


async def _changed(house: House, kind: str, body: dict[str, Any]) -> Told:
    entries = {"venues": house.venue, "spaces": house.space, "products": house.product}
    if kind == "webhooks":
        return await call(house.session, "PATCH", f"{SUBSCRIPTIONS}/{await _subscription(house)}", body)
    entry = entries[kind] if kind in entries else (await house.held())["id"]
    return await call(house.session, "PATCH", f"/v1/{kind}/{entry}", body)


async def _subscription(house: House) -> str:
    """One for all tests: there may only be so many."""
    there = (await call(house.session, "GET", f"{SUBSCRIPTIONS}?limit=100")).json["data"]
    for each in there:
        if each["url"] == HOOK["url"]:
            return str(each["id"])
    return str((await made(house.session, SUBSCRIPTIONS.removeprefix("/v1/"), HOOK))["id"])


@pytest.mark.parametrize("field", FIELDS)
async def test_hostile_text_is_stored_as_data_and_shown_as_it_was_written(house: House, field: str) -> None:
    kind, (body, shown) = field.split(".")[0], EVERY_FIELD[field]
    for name, text in TEXTS.items():
        told = await _changed(house, kind, body(text))
        assert (told.status, shown(told.json)) == (200, text), (name, told.raw)
        path = SUBSCRIPTIONS if kind == "webhooks" else f"/v1/{kind}"
        read = await call(house.session, "GET", f"{path}/{told.json['id']}")
        assert read.json.items() <= told.json.items(), name  # a change of closures also says whom they hit


@pytest.mark.parametrize("field", FIELDS)
async def test_a_line_break_or_another_control_character_is_400(house: House, field: str) -> None:
    kind, (body, _) = field.split(".")[0], EVERY_FIELD[field]
    for text in LINE_BREAKS:
        told = await _changed(house, kind, body(f"a{text}b"))
        assert (told.status, told.json["code"]) == (400, "VALIDATION_FAILED"), (repr(text), told.raw)
        assert not any(each in told.raw.decode() for each in LINE_BREAKS[1:6])


async def test_a_booking_carries_hostile_names_as_they_are(house: House) -> None:
    await _changed(house, "products", {"name": ROBERT})
    await _changed(house, "spaces", {"name": TEXTS["JSON"]})
    booking = await house.held()
    assert (booking["product"]["name"], booking["space"]["name"]) == (ROBERT, TEXTS["JSON"])
    assert (await house.get(booking["id"])).json == booking


async def test_sql_in_a_key_is_a_key_like_any_other(house: House) -> None:
    key = f"{ROBERT} {uuid.uuid4()}"
    slot = (await house.slots())[0]
    first, again = await house.hold(slot, key), await house.hold(slot, key)
    assert (first.status, again.raw, first.headers["Idempotency-Key"]) == (201, first.raw, key)


async def test_what_a_client_says_is_one_line_of_the_log_and_json(platform: Any, house: House) -> None:
    """A client's correlation id is the one text of its own that is logged: no byte of it ends the line."""
    marker = uuid.uuid4().hex
    log = Path(platform.data, "logs", "gateway-1.log")
    for text in (f'{marker}","level":"critical', f"{marker} \x85 é", f"{marker} {{}} %s $1", f"{marker}{'x' * 5000}"):
        headers = {"X-Correlation-Id": text}
        async with house.session.get(f"/v1/venues/{house.venue}", headers=headers) as answer:
            assert answer.status == 200
            assert marker not in answer.headers["X-Correlation-Id"]
    lines = [line for line in log.read_bytes().decode().splitlines() if marker in line]
    assert len(lines) == 4
    for line in lines:
        said = json.loads(line)
        assert said["level"] == "info"
        assert marker in said["theirs"]
        assert len(line) < 2000


async def test_every_line_of_every_service_is_json(platform: Any, house: House) -> None:
    """After what this file did: nothing that was stored, refused or answered has broken a line in two."""
    await made(house.session, "venues", {"name": ROBERT})
    for log in Path(platform.data, "logs").glob("*.log"):
        if log.name.startswith(("kafka", "postgres")):
            continue
        for line in log.read_bytes().decode().splitlines():
            assert isinstance(json.loads(line), dict), (log.name, line[:200])
