"""The embedded issuer's keys: shared, kept, replaced in time."""

import asyncio
import stat
import time
from pathlib import Path

import orjson
import pytest

from services.gateway.auth import SCOPES, Authentication
from services.gateway.errors import Problem
from services.gateway.issuer import Issuer
from services.gateway.tokens import Trusted

NAME, DAY = "https://holdfast.example", 86_400.0


def issuer(folder: Path) -> Issuer:
    return Issuer(folder, NAME, "holdfast", 3600, 30 * DAY)


def authentication(at: Issuer) -> Authentication:
    return Authentication({NAME: Trusted(NAME, "holdfast", at)})


def kids(at: Issuer) -> list[str]:
    return [key["kid"] for key in at.published()["keys"]]


async def accepts(at: Issuer, token: str) -> bool:
    try:
        await authentication(at).identify(b"Bearer " + token.encode())
    except Problem:
        return False
    return True


async def test_what_one_gateway_signs_another_one_and_the_next_run_accept(tmp_path: Path) -> None:
    one, other = issuer(tmp_path), issuer(tmp_path)
    assert await other.find("nothing yet") is None
    token = one.token("demo", "demo", SCOPES)
    assert await accepts(other, token)
    assert await accepts(issuer(tmp_path), token)
    assert kids(one) == kids(other) == kids(issuer(tmp_path))


async def test_gateways_that_start_together_make_one_key(tmp_path: Path) -> None:
    several = [issuer(tmp_path / "new" / "folder") for _ in range(8)]
    await asyncio.gather(*(asyncio.to_thread(each.published) for each in several))
    assert len(list((tmp_path / "new" / "folder").glob("*.json"))) == 1


def test_private_keys_are_for_their_owner_only_and_are_not_published(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    published = issuer(folder).published()
    [file] = folder.glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert set(published["keys"][0]) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert orjson.loads(file.read_bytes())["d"] not in orjson.dumps(published).decode()
    assert [path.name for path in folder.iterdir() if path not in (file, folder / "lock")] == []


async def test_a_new_key_signs_when_the_old_one_is_of_age_and_the_old_one_still_proves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, began = issuer(tmp_path), time.time()
    old = at.token("demo", "demo", SCOPES)
    first = kids(at)
    monkeypatch.setattr(time, "time", lambda: began + 29 * DAY)
    assert kids(at) == first
    monkeypatch.setattr(time, "time", lambda: began + 30 * DAY + 1)
    assert await accepts(issuer(tmp_path), at.token("demo", "demo", SCOPES))
    assert kids(at)[:1] == first
    assert len(kids(at)) == 2
    assert await issuer(tmp_path).find(first[0]) is not None
    del old
    monkeypatch.setattr(time, "time", lambda: began + 60 * DAY + 2)  # nothing that it signed can be good any more
    assert first[0] not in kids(at)
    assert len(kids(at)) == 2
