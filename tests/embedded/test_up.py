"""`holdfast up` as a person meets it: a terminal, a data folder, Ctrl-C, a crash."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiokafka
import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from embedded import folder
from embedded.jars import PROJECT
from tests.embedded.processes import gone, lives, until

ODD = "it's a path, with spaces é"


class Terminal:
    """A running `holdfast` command and what it printed."""

    def __init__(self, process: asyncio.subprocess.Process, output: Path) -> None:
        self.process, self.output = process, output

    @property
    def text(self) -> str:
        return self.output.read_text()

    async def says(self, words: str) -> None:
        await until(lambda: words in self.text or self.process.returncode is not None, 60)
        assert words in self.text, self.text

    async def ends(self) -> int:
        return await asyncio.wait_for(self.process.wait(), 30)


@contextlib.asynccontextmanager
async def holdfast(data: Path, *words: str) -> AsyncIterator[Terminal]:
    output = data.parent / f"terminal-{len(list(data.parent.glob('terminal-*')))}"
    with output.open("w") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.embedded.holdfast", *words, "--data", str(data)),
            cwd=PROJECT,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield Terminal(process, output)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def run_json(data: Path) -> dict:
    return json.loads((data / "run.json").read_text())


async def all_gone(run: dict) -> None:
    await gone([run["supervisor"], *run["processes"].values()])


def holds_lock(pid: int, data: Path) -> bool:
    """Whether a process keeps the data folder occupied (where one can look)."""
    if sys.platform != "linux":
        return True
    return any(entry.samefile(data / "lock") for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.exists())


async def put(run: dict, text: str) -> None:
    """One record into Kafka, one row into Postgres."""
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=run["kafka"], acks="all") as producer:
        await producer.send_and_wait("kept", text.encode(), partition=0)
    connection = await asyncpg.connect(run["databases"]["booking"])
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
    await connection.execute("INSERT INTO kept VALUES ($1)", text)
    await connection.close()


async def kept(run: dict) -> tuple[list[str], list[str]]:
    """What Kafka and Postgres have of it."""
    there = aiokafka.TopicPartition("kept", 0)
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=run["kafka"], auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([there])
    end = (await consumer.end_offsets([there]))[there]
    records = [(await consumer.getone()).value.decode() for _ in range(end)]
    await consumer.stop()
    connection = await asyncpg.connect(run["databases"]["booking"])
    rows = [row["word"] for row in await connection.fetch("SELECT word FROM kept")]
    await connection.close()
    return records, rows


async def make_topic(run: dict) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=run["kafka"])
    await admin.start()
    await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()


@pytest.fixture
def data(tmp_path):
    return tmp_path / ODD / "data"


async def test_up_survives_a_kill_of_everything_and_ctrl_c_leaves_nothing_running(data):
    data.parent.mkdir()
    async with holdfast(data, "up", "--port", "0", "--scale", "booking=2") as first:
        await first.says("Holdfast runs at http://127.0.0.1:")
        await first.says("Clients for development: demo / demo-secret and rival / rival-secret")
        before = run_json(data)
        services = {"availability-1", "relay-1", "booking-1", "booking-2", "notifier-1", "payment-1", "sandbox-1"}
        assert set(before["processes"]) == {"kafka", "postgres", "gateway-1", *services}
        await first.says(f"Payments go to a sandbox at {before['sandbox']}, no money moves")
        assert all(holds_lock(pid, data) for pid in before["processes"].values())
        await make_topic(before)
        await put(before, "said before the crash")

        async with holdfast(data, "up", "--port", "0") as second:
            assert await second.ends() == 1
            assert f"in use: a platform runs there since {before['started']} (pid {first.process.pid}" in second.text
        async with holdfast(data, "status", "--json") as status:
            assert await status.ends() == 1  # the stand-ins answer no probe
            assert json.loads(status.text).items() >= {"running": True, "well": False, **before}.items()
            assert before["state"] == "running"
        async with holdfast(data, "status") as status:
            assert await status.ends() == 1
            assert before["gateway"] in status.text
            assert "booking-2" in status.text
            assert before["sandbox"] in status.text
        async with holdfast(data, "reset") as reset:
            assert await reset.ends() == 1
            assert "in use" in reset.text

        os.kill(before["supervisor"], signal.SIGSTOP)  # else it would start the others again
        for pid in [*before["processes"].values(), before["supervisor"]]:
            os.kill(pid, signal.SIGKILL)
        await first.ends()
        await all_gone(before)

    async with holdfast(data, "status") as status:
        assert await status.ends() == 3

    async with holdfast(data, "up", "--port", "0", "--hold", "20s") as third:
        await third.says("Holdfast runs at")
        after = run_json(data)
        assert after["kafka"] == before["kafka"]
        assert after["sandbox"] == before["sandbox"]  # checkout pages that were open are where they were
        assert await kept(after) == (["said before the crash"], ["said before the crash"])
        assert not set(before["processes"].values()) & set(after["processes"].values())
        third.process.send_signal(signal.SIGINT)
        assert await third.ends() == 0
        assert "everything is stopped" in third.text
        await all_gone(after)
        assert not Path(after["postgres"]).parent.exists()
        assert not (data / "run.json").exists()

    async with holdfast(data, "reset") as reset:
        assert await reset.ends() == 0
    assert not data.exists()
    async with holdfast(data, "reset") as again:
        assert await again.ends() == 0
        assert "nothing to forget" in again.text


async def test_two_platforms_run_side_by_side_and_stop_for_sigterm_alone(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    async with holdfast(a, "up", "--port", "0") as one, holdfast(b, "up", "--port", "0") as other:
        await one.says("Holdfast runs at")
        await other.says("Holdfast runs at")
        runs = run_json(a), run_json(b)
        assert all(
            runs[0][address] != runs[1][address] for address in ("kafka", "postgres", "gateway", "reads", "sandbox")
        )
        one.process.terminate()
        assert await one.ends() == 0
        await all_gone(runs[0])
        assert all(map(lives, runs[1]["processes"].values()))

        # the supervisor alone is killed: its children end by themselves, and a new start waits for that
        os.kill(runs[1]["processes"]["kafka"], signal.SIGSTOP)  # what is left behind may take its time
        other.process.kill()
        await other.ends()
        async with holdfast(b, "status", "--json") as status:
            assert await status.ends() == 3
            assert (json.loads(status.text)["running"], json.loads(status.text)["state"]) == (False, "ended")
        os.kill(runs[1]["processes"]["kafka"], signal.SIGCONT)
        async with holdfast(b, "up", "--port", "0") as again:
            await again.says("Holdfast runs at")
            await all_gone(runs[1])


async def test_ctrl_c_during_the_start_stops_what_has_been_started(data):
    data.parent.mkdir()
    async with holdfast(data, "up", "--port", "0") as terminal:
        await terminal.says("postgres ready")
        assert "postgres made its folder (" in terminal.text
        run = run_json(data)
        async with holdfast(data, "status", "--json") as status:
            assert await status.ends() == 3
            assert (json.loads(status.text)["running"], json.loads(status.text)["state"]) == (False, "starting")
        terminal.process.send_signal(signal.SIGINT)
        assert await terminal.ends() == 0
        await all_gone(run)
        assert folder.running(data) is None


async def test_a_port_in_use_is_named_with_the_way_out(data):
    data.parent.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with holdfast(data, "up", "--port", port) as terminal:
            assert await terminal.ends() == 1
            assert f"port {port} is in use" in terminal.text
            assert "--port" in terminal.text
            assert not data.exists(), "nothing is left of what never began"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("--hold", "soon"), "write 20s, 15m or 1h"),
        (("--hold", "48h"), "a slot is held for 24h at most"),
        (("--scale", "bookings=2"), "there is no service 'bookings' to scale"),
        (("--scale", "booking"), "write booking=2"),
    ],
)
async def test_a_wrong_word_is_answered_before_anything_starts(data, words, answer):
    data.parent.mkdir()
    async with holdfast(data, "up", *words) as terminal:
        assert await terminal.ends() in (1, 2)
        assert answer in terminal.text
        assert not data.exists()
