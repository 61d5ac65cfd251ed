"""The small print of HTTP: conditions, HEAD, pages of other origins, compression."""

import gzip
from typing import Any

import aiohttp
import pytest
from starlette.responses import Response

from services.gateway import conditions, packing
from services.gateway.errors import Problem

PAGE = {"Origin": "https://shop.example"}
ID = "9d1f7b52-2f0e-5a8b-8d6c-4b5a6c7d8e44"


@pytest.mark.parametrize(
    ("given", "version"), [(None, None), (b"*", None), (b'"7"', 7), (b' "2147483647" ', 2147483647)]
)
def test_if_match_names_a_version_or_none(given: bytes | None, version: int | None) -> None:
    assert conditions.if_match({} if given is None else {b"if-match": given}) == version


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"7",
        b'W/"7"',
        b'"7", "8"',
        b'"0"',
        b'"07"',
        b'"-7"',
        b'"x"',
        b"'7'",
        b'"7',
        b'"99999999999"',
        b'"7."',
        b'"7.0f3a92c"',
    ],
)
def test_if_match_that_names_no_version_is_400_and_named(given: bytes) -> None:
    with pytest.raises(Problem) as caught:
        conditions.if_match({b"if-match": given})
    assert caught.value.status == 400
    assert [detail["field"] for detail in caught.value.details] == ["If-Match"]


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (b'"7"', True),
        (b'W/"7"', True),
        (b'"6", "7"', True),
        (b"*", True),
        (b'"6"', False),
        (b"7", False),
        (None, False),
    ],
)
def test_if_none_match_knows_a_version(given: bytes | None, known: bool) -> None:
    assert conditions.is_known({} if given is None else {b"if-none-match": given}, conditions.tag(7)) is known


def test_an_etag_says_what_the_version_does_not_cover_and_a_change_counts_for_the_version() -> None:
    alone, one, other = (conditions.tag(7, related)["ETag"] for related in ((), ("a",), ("b",)))
    assert len({alone, one, other}) == 3
    for tag in (alone, one, other):
        assert conditions.if_match({b"if-match": tag.encode()}) == 7
    assert not conditions.is_known({b"if-none-match": one.encode()}, {"ETag": other})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("venues", {"name": "Harbour House"}),
        ("customers", {"email": "ada@example.org"}),
        (
            "bookings",
            {"productId": ID, "spaceId": ID, "slot": {"from": "2027-01-11T09:00:00Z", "to": "2027-01-11T10:00:00Z"}},
        ),
    ],
)
async def test_a_condition_on_what_has_no_version_is_400(lonely: Any, path: str, body: dict[str, Any]) -> None:
    headers = {"If-Match": '"7"'}
    async with lonely.session.post(f"/v1/{path}", json=body, headers=headers) as answer:
        assert (answer.status, (await answer.json())["details"][0]["field"]) == (400, "If-Match")


async def test_two_conditions_are_400(lonely: Any) -> None:
    async with lonely.session.delete(
        f"/v1/bookings/{ID}", headers=[("If-Match", '"7"'), ("If-Match", '"8"')]
    ) as answer:
        assert (answer.status, (await answer.json())["details"]) == (
            400,
            [{"field": "If-Match", "issue": "is given twice"}],
        )


@pytest.mark.parametrize("path", ["/v1/bookings/slots", "/v1/venues", "/livez", "/openapi.json"])
async def test_head_is_a_get_without_its_body(lonely: Any, path: str) -> None:
    async with lonely.session.get(path) as get, lonely.session.head(path) as head:
        assert (head.status, await head.read()) == (get.status, b"")
        assert head.headers["Content-Type"] == get.headers["Content-Type"]
    async with aiohttp.ClientSession(lonely.url) as session, session.head("/v1/venues") as answer:
        assert answer.status == 401


async def test_head_of_what_only_takes_commands_is_405(lonely: Any) -> None:
    async with lonely.session.head(f"/v1/bookings/{ID}/extend") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_a_page_of_an_allowed_origin_may_ask_and_read(strict: Any) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}
    async with strict.session.options("/v1/bookings", headers={**PAGE, **asked}) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert "Idempotency-Key" in answer.headers["Access-Control-Allow-Headers"]
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    async with strict.session.get("/v1/bookings", headers=PAGE) as answer:
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (401, "https://shop.example")
        assert "X-RateLimit-Remaining" in answer.headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_a_page_of_another_origin_may_not_and_by_default_none_may(strict: Any, lonely: Any) -> None:
    asked = {"Access-Control-Request-Method": "POST"}
    for gateway, origin in ((strict, "https://shop.example.evil"), (strict, "null"), (lonely, "https://shop.example")):
        async with gateway.session.options("/v1/bookings", headers={"Origin": origin, **asked}) as answer:
            assert (answer.status, "Access-Control-Allow-Origin" in answer.headers) == (405, False)
        async with gateway.session.get("/livez", headers={"Origin": origin}) as answer:
            assert (answer.status, "Access-Control-Allow-Origin" in answer.headers) == (200, False)


async def test_a_large_answer_is_compressed_for_whoever_takes_it(lonely: Any) -> None:
    sizes = {}
    for coding in ("gzip", "identity", "gzip;q=0"):
        headers = {"Accept-Encoding": coding}
        async with (
            aiohttp.ClientSession(lonely.url, auto_decompress=False) as session,
            session.get("/openapi.json", headers=headers) as answer,
        ):
            body = await answer.read()
            assert answer.headers["Vary"] == "Accept-Encoding"
            packed = answer.headers.get("Content-Encoding") == "gzip"
        assert packed == (coding == "gzip")
        sizes[coding] = len(body)
        assert b'"openapi"' in (gzip.decompress(body) if packed else body)
    assert sizes["gzip"] < sizes["identity"] / 4
    assert sizes["gzip;q=0"] == sizes["identity"]


def test_a_small_answer_and_one_with_an_etag_stay_as_they_are() -> None:
    small, tagged = Response(b"x" * 4095), Response(b"x" * 5000, headers={"ETag": '"7"'})
    for response in (small, tagged):
        before = response.body
        packing.pack(response, {b"accept-encoding": b"gzip"})
        assert (response.body, "Content-Encoding" in response.headers) == (before, False)


DEEP = {
    "arrays": b"[" * 10_000 + b"]" * 10_000,
    "objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "within a field": b'{"name": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "within metadata": b'{"metadata": {"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}",
}


# Item 15, depth.
@pytest.mark.parametrize("raw", DEEP.values(), ids=DEEP.keys())
async def test_a_body_ten_thousand_deep_is_400(lonely: Any, raw: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    async with lonely.session.patch(f"/v1/spaces/{ID}", data=raw, headers=headers) as answer:
        assert answer.status == 400
