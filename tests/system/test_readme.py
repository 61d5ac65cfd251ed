"""The README's lines, run as they are printed."""

import asyncio
import os
import re
import shutil

import pytest

from embedded.jars import PROJECT
from embedded.platform import Platform


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="the README's lines need curl and bash")
@pytest.mark.skipif(
    not (PROJECT / ".venv/bin/python").exists(), reason="the README's lines need the .venv that make makes"
)
async def test_the_curl_lines_work_as_printed(platform: Platform) -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    [lines] = [block for block in re.findall(r"^```sh\n(.*?)^```", readme, re.DOTALL | re.MULTILINE) if "eval" in block]
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", lines),
        cwd=PROJECT,
        env={**os.environ, "HOLDFAST": platform.url},  # else the examples look for `make up`
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = (stream.decode() for stream in await asyncio.wait_for(process.communicate(), 60))
    assert process.returncode == 0, err
    assert re.findall(r"^HTTP/1.1 (\d+)", out, re.MULTILINE) == ["201", "201", "409"], out
    assert out.lower().count("idempotency-replayed: true") == 1
    statuses = re.findall(r'"status":"(\w+)","version"', out)
    assert statuses == [*["RESERVED_15_MIN"] * 4, "CONFIRMED", "CANCEL"]
