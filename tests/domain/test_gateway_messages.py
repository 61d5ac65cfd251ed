"""/asyncapi.json and /docs/messages: the committed document, and a page of it that needs nothing else."""

import re
from typing import Any

from contracts import asyncapi
from services.gateway import message_page


async def test_the_document_is_the_committed_one(lonely: Any) -> None:
    async with lonely.session.get("/asyncapi.json") as answer:
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert await answer.read() == asyncapi.FILE.read_bytes()


async def test_the_page_shows_every_topic_and_message_and_loads_nothing(lonely: Any) -> None:
    async with lonely.session.get("/docs/messages") as answer:
        page = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
    assert answer.content_type == "text/html"
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    document = asyncapi.document()
    anchors = set(re.findall(r'id="([^"]+)"', page))
    assert anchors >= set(document["channels"]) | set(document["components"]["messages"])
    assert {link[1:] for link in re.findall(r'href="(#[^"]+)"', page)} <= anchors
    assert "<script" not in page
    elsewhere = {link for link in re.findall(r'(?:src|href)="([^"]+)"', page) if not link.startswith("#")}
    assert elsewhere == {"/docs/favicon.png", "/asyncapi.json", "/docs"}
    for channel in document["channels"].values():
        assert channel["address"] in page


async def test_the_pages_lead_to_each_other(lonely: Any) -> None:
    async with lonely.session.get("/docs") as answer:
        assert 'href="/docs/messages"' in await answer.text()


def test_what_a_document_says_is_shown_as_text() -> None:
    document = asyncapi.document()
    document["info"]["description"] = "<script>alert(1)</script>"
    document["components"]["messages"]["HoldSlot.v1"]["summary"] = '"><img src=x>'
    page = message_page.page(document)
    assert "<script" not in page
    assert "<img" not in page
