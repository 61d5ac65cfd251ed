"""The sandbox killed and started again: it remembers everything, and goes on where it was."""

import asyncio
import contextlib
import signal
import time
from pathlib import Path

import pytest
import stripe
from sandboxed import receiver, sandbox, until


async def test_a_killed_sandbox_remembers_sessions_payments_keys_events_and_faults(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as mine:
        session = await mine.opened("key-1")
        await mine.post(session.id)
        await mine.fault("rate_limited", operation="refunds.create", times=None)
        before = await mine.ledger()
        await mine.stop(signal.SIGKILL)
        await mine.start()
        assert await mine.ledger() == before
        assert len(before["events"]) == 4
        assert (await mine.opened("key-1")).last_response.headers["idempotent-replayed"] == "true"
        paid = await mine.client.v1.checkout.sessions.retrieve_async(session.id)
        with pytest.raises(stripe.RateLimitError):
            await mine.client.v1.refunds.create_async({"payment_intent": str(paid.payment_intent)})


async def test_what_came_due_while_it_was_down_happens_at_the_start(tmp_path: Path) -> None:
    async with (
        receiver() as hook,
        sandbox(tmp_path, hook.url, shortest_session="0", webhook_retries="[0.5, 0.1, 0.1]") as mine,
    ):
        hook.answers[:] = [500]
        session = await mine.opened(expires_at=int(time.time()) + 3)
        other = await mine.opened()
        await mine.client.v1.checkout.sessions.expire_async(other.id)
        await hook.awaited("checkout.session.expired")
        await mine.stop(signal.SIGKILL)
        await mine.start()
        told = await hook.awaited("checkout.session.expired", 3)
        assert [event.data.object["id"] for event in told] == [other.id, other.id, session.id]


async def test_a_request_that_was_under_way_when_it_was_killed_had_no_effect_and_its_key_is_free(
    tmp_path: Path,
) -> None:
    async with sandbox(tmp_path) as mine:
        await mine.fault("slow", seconds=30)
        lost = asyncio.create_task(mine.opened("key-1"))
        await until(mine.struck)
        await mine.stop(signal.SIGKILL)
        with pytest.raises(stripe.APIConnectionError):
            await lost
        await mine.start()
        assert (await mine.ledger())["checkout_sessions"] == []
        assert (await mine.opened("key-1")).status == "open"


async def test_a_stopped_sandbox_ends_well_also_in_the_middle_of_a_fault(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as mine:
        await mine.fault("slow", seconds=30)
        held = asyncio.create_task(mine.opened())
        await until(mine.struck)
        assert await mine.stop() == 0
        with contextlib.suppress(stripe.StripeError):
            await held


async def test_a_second_sandbox_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as mine:
        port, first = mine.url, mine.process
        mine.url = "http://127.0.0.1:0"
        with pytest.raises(AssertionError, match="has ended"):
            await mine.start()
        mine.url, mine.process = port, first
        assert "another sandbox uses this data folder" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("key", ["sk_live_1", "pk_test_1"])
async def test_a_key_that_is_no_secret_test_key_keeps_it_from_starting(tmp_path: Path, key: str) -> None:
    with pytest.raises(AssertionError, match="has ended"):
        async with sandbox(tmp_path, secret_keys=f'["{key}"]'):
            pass
    assert "sk_test_" in (tmp_path / "log").read_text()
