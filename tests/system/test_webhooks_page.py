"""docs/webhooks.md: the lines with curl ask for what there is."""

import asyncio
import re
import shutil

import pytest
from http_house import House, call

from embedded.jars import PROJECT
from embedded.platform import Platform

HOOK = {"url": "http://127.0.0.1:1/hook", "events": ["payment.*"]}


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("sh")), reason="the page's lines need curl")
async def test_the_feed_and_a_replay_are_asked_for_as_the_page_says(house: House, platform: Platform) -> None:
    page = (PROJECT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    [lines] = [block for block in re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE) if "replay" in block]
    made = await call(house.session, "POST", "/v1/webhooks/subscriptions", HOOK)
    assert made.status == 201, made.json
    authorization = house.session.headers["Authorization"]
    api = "api() { curl -s -o /dev/null -w '%{http_code}\\n' -H \"$AUTHORIZATION\" -H 'Content-Type: application/json' \"$@\"; }\n"
    process = await asyncio.create_subprocess_exec(
        *("sh", "-euc", api + lines),
        env={
            "PATH": "/usr/bin:/bin:/usr/local/bin",
            "AUTHORIZATION": f"Authorization: {authorization}",
            "HOLDFAST": platform.url,
            "CURSOR": "0",
            "SUBSCRIPTION": made.json["id"],
        },
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        assert out.decode().split() == ["200", "200", "200"]
    finally:
        await call(house.session, "DELETE", f"/v1/webhooks/subscriptions/{made.json['id']}")
