"""/docs and its files: whole, ours, and under a policy that lets nothing come from elsewhere."""

import re
from typing import Any

import pytest

from services.gateway import app, pages


async def test_the_page_lets_nothing_come_from_elsewhere(lonely: Any) -> None:
    async with lonely.session.get("/docs") as answer:
        page = await answer.text()
        rules = dict(rule.strip().split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split(";"))
    assert answer.content_type == "text/html"
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert not [sources for sources in rules.values() if re.search(r"http|\*|unsafe-eval|//", sources)]
    assert rules["frame-ancestors"] == rules["form-action"] == rules["base-uri"] == "'none'"
    assert all(link.startswith("/docs/") for link in re.findall(r'(?:src|href)="([^"]+)"', page))
    assert "<script>" not in page


async def test_the_front_door_says_where_the_documentation_is(lonely: Any) -> None:
    async with lonely.session.get("/") as answer:
        told = await answer.json()
    assert (answer.status, told["code"]) == (404, "NOT_FOUND")
    assert told["message"] == app.FRONT_DOOR
    assert all(route.path in told["message"] for route in pages.ROUTES[:2])


@pytest.mark.parametrize(("name", "kind"), [*pages.FILES.items(), ("start.js", "text/javascript")])
async def test_a_file_of_the_page_is_there_and_called_what_it_is(lonely: Any, name: str, kind: str) -> None:
    async with lonely.session.get(f"/docs/{name}") as answer:
        assert (answer.status, answer.content_type) == (200, kind)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert len(await answer.read()) > 100


@pytest.mark.parametrize(
    "path", ["/docs/", "/docs/../settings.py", "/docs/%2e%2e/__init__.py", "/docs/redoc.standalone.js"]
)
async def test_nothing_else_is_there(lonely: Any, path: str) -> None:
    async with lonely.session.get(path) as answer:
        assert answer.status == 404
