"""`holdfast demo` as a person starts it, and the examples beside a platform that runs."""

import asyncio
import contextlib
import io
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from contracts import examples
from embedded.jars import PROJECT
from embedded.platform import Platform
from examples import demo, harbour_house, paying, tokens
from examples.telling import Teller
from examples.visitor import Visitor
from tests.embedded.processes import until

STEPS = [
    "1. A house, a room, an hour of it",
    "← 201 Created",
    "2. What is free on ",
    "3. A customer holds the first hour",
    '"status": "RESERVED_15_MIN"',
    "4. The hour is not on sale any more",
    "✓ 9 slots before, 8 now",
    "5. A second customer wants the same hour",
    "← 409 Conflict",
    '"issue": "held"',
    "6. The first customer's phone lost the answer and asks again",
    "Idempotency-Replayed: true",
    "✓ The same answer byte by byte",
    "7. Nobody confirms",
    "is back on sale in: 20 s",
    "is back on sale in: now",
    '"cancelReason": "hold_expired"',
    "✓ The hour is on sale again",
    "8. The shop wants to be told of every change",
    '"secret": "whsec_',
    "9. Ada books the workday after, and wants to pay for it",
    '"paymentEnabled": true',
    "Location: http://127.0.0.1:",
    '"paymentStatus": "open"',
    "10. She pays at the checkout page",
    "/c/pay/cs_test_",
    "A person clicks “Pay 25.00 EUR”",
    "card=4242424242424242&action=pay",
    "← 303 See Other",
    "Location: http://localhost:3000/thanks?bookingId=",
    "11. Paid",
    '"status": "PAID"',
    "12. The shop's server has heard of it",
    "webhook-signature: v1,",
    '"type": "booking.paid"',
    "✓ The signature is good",
    "← 400 Bad Request",
    "refused: not signed with this secret",
    "13. She cannot come",
    "/cancellation-preview",
    '"refund": 2500',
    '"paymentStatus": "refunding"',
    '"status": "REFUNDED"',
    "#1  booking.created  PENDING → RESERVED_15_MIN",
    "#4  booking.paid     CONFIRMED → PAID (payment: paid)",
    "#6  booking.updated  CANCEL → REFUNDED (payment: refunded)",
    "✓ 6 changes, 6 deliveries, each with a good signature",
    "← 204 No Content",
    "14. The same over Kafka",
    "event: BookingCreated v2",
    "raises CommandRefused: SLOT_UNAVAILABLE",
    "event: BookingUpdated v3",
    "event: BookingUpdated v4",
    "✓ Three changes, three events",
    "15. What next?",
    "make up",
    "The platform is stopped and its data removed.",
]
WIDTH = 100


async def test_demo_shows_every_step_in_order_and_leaves_nothing() -> None:
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "embedded.command", "demo"),
            cwd=PROJECT,
            env={**os.environ, "TMPDIR": folder},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        text = (await asyncio.wait_for(process.communicate(), 100))[0].decode()
        assert process.returncode == 0, text
        assert _missing(text) is None, text
        assert [line for line in text.splitlines() if len(line) > WIDTH] == []
        assert "\x1b" not in text  # nobody sees colours in a file
        assert list(Path(folder).iterdir()) == []
        assert _processes_told_of(folder) == []


def _missing(text: str) -> str | None:
    """The first step that does not come after the one before."""
    at = 0
    for step in STEPS:
        at = text.find(step, at)
        if at < 0:
            return step
    return None


def _processes_told_of(folder: str) -> list[str]:
    """Those that inherited this folder in their environment (where one can look)."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"TMPDIR={folder}".encode() in environment.read_bytes().split(b"\0"):
                found.append(environment.parent.name)
    return found


def test_the_paid_hour_is_more_than_a_day_away_whenever_the_demo_runs() -> None:
    """Else the room's policy would keep the money that the demo shows going back."""
    begins = datetime(2027, 3, 22, tzinfo=UTC)  # with the night in which Marseille loses an hour
    for minutes in range(0, 14 * 24 * 60, 30):
        now = begins + timedelta(minutes=minutes)
        day = demo.next_workday(now)
        first = examples.at(day.month, day.day, 9).isoformat()
        paid = demo.same_hour({"from": first}, demo.next_workday(day))
        assert datetime.fromisoformat(paid["from"]) - now > timedelta(hours=24), now


async def test_a_demo_that_is_interrupted_stops_and_one_that_meets_a_surprise_says_which(platform: Platform) -> None:
    told = io.StringIO()
    running = asyncio.create_task(demo.main(platform, Teller(told)))
    await until(lambda: running.done() or "is back on sale in" in told.getvalue())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    again = io.StringIO()  # the slot is still held, so the same key comes with another one
    assert await demo.main(platform, Teller(again)) == 1
    assert "was answered 422 IDEMPOTENCY_KEY_REUSED, expected was 201." in " ".join(again.getvalue().split())


async def test_where_the_platform_cannot_call_this_machine_the_payment_is_shown_without_webhooks(
    platform: Platform,
) -> None:
    told = io.StringIO()
    teller = Teller(told)
    signed_in = await tokens.authorization(platform.url)
    async with aiohttp.ClientSession(platform.url, headers=signed_in) as session:
        visitor = Visitor(session, teller)
        house = await harbour_house.load(visitor)
        day = demo.next_workday(datetime.now(UTC) + timedelta(days=30))
        begins = day.replace(hour=9, minute=0, second=0, microsecond=0)
        slot = {"from": begins.isoformat(), "to": (begins + timedelta(hours=1)).isoformat()}
        await paying.tour(visitor, teller, house, slot, calls_here=False)
    assert '"status": "PAID"' in told.getvalue()
    assert '"status": "REFUNDED"' in told.getvalue()
    assert "/v1/webhooks" not in told.getvalue()


async def test_another_service_books_over_kafka_and_who_watches_sees_each_event_once(
    platform: Platform, tmp_path: Path
) -> None:
    where = ("--kafka", platform.kafka)
    async with _example(tmp_path, "watch_events", *where, ends_with=signal.SIGINT) as watching:
        await watching.says("Watching booking.events")
        async with _example(tmp_path, "another_service", *where) as service:
            assert await service.ends() == 0, service.text
            created = next(line for line in service.text.splitlines() if "BookingCreated v2" in line)
            booking = created.split()[3]
        await watching.says(f"BookingUpdated v4 {booking} CONFIRMED → CANCEL (customer)")
        seen = [line.split()[1] for line in watching.text.splitlines() if booking in line]
        assert seen == ["v2", "v3", "v4"]
    assert await watching.ends() == 0, watching.text


async def test_harbour_house_is_loaded_twice_with_the_same_ids(platform: Platform, tmp_path: Path) -> None:
    ids = set()
    for folder in (tmp_path / "once", tmp_path / "again"):
        folder.mkdir()
        async with _example(folder, "harbour_house", "--gateway", platform.url) as loading:
            assert await loading.ends() == 0, loading.text
            ids.add(tuple(line for line in loading.text.splitlines() if re.fullmatch(r"[A-Z]+=\S+", line)))
    [only] = ids
    assert [line.partition("=")[0] for line in only] == ["HOLDFAST", "VENUE", "SPACE", "PRODUCT"]


async def test_a_folder_that_is_named_counts_before_what_the_shell_remembers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST", "http://127.0.0.1:9")
    async with _example(tmp_path, "harbour_house", "--data", str(tmp_path)) as loading:
        assert await loading.ends() == 1
    assert f"Nothing runs in {tmp_path}" in loading.text


@pytest.mark.parametrize("name", ["watch_events", "another_service", "harbour_house"])
async def test_an_example_without_a_platform_says_how_to_start_one(name: str, tmp_path: Path) -> None:
    async with _example(tmp_path, name, "--data", str(tmp_path)) as alone:
        assert await alone.ends() == 1
    assert "Start the platform with `make up`" in " ".join(alone.text.split())


class Example:
    """An example that runs, and what it printed."""

    def __init__(self, process: asyncio.subprocess.Process, output: Path) -> None:
        self.process, self.output = process, output

    @property
    def text(self) -> str:
        return self.output.read_text()

    async def says(self, words: str) -> None:
        await until(lambda: words in self.text or self.process.returncode is not None)
        assert words in self.text, self.text

    async def ends(self) -> int:
        return await asyncio.wait_for(self.process.wait(), 30)


@contextlib.asynccontextmanager
async def _example(
    folder: Path, name: str, *words: str, ends_with: signal.Signals = signal.SIGTERM
) -> AsyncIterator[Example]:
    output = folder / name
    with output.open("w") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"examples.{name}", *words), cwd=PROJECT, stdout=file, stderr=file
        )
    try:
        yield Example(process, output)
    finally:
        if process.returncode is None:
            process.send_signal(ends_with)
            await process.wait()
