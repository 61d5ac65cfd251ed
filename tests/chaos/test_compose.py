"""The platform in containers: the demo, load on scaled workers, every container killed in turn, and rights that hold."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from composed import SERVICES, Composed, composed, crash, kill, killed, restarted, say, subprocess_of, told_inside
from flows import pressure, street
from paying_customer import pays
from waiting import every_timer_fired, nothing_wrong, resumed, until

from contracts import connecting, topics

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1500)]

SCALED = ("--scale", "booking=3", "--scale", "availability=2")
BACK_WITHIN = 120.0  # seconds until work goes on after a container ended
SECURE = "docker-compose.secure.yml"
# Which folders take a file, who tries, and with which rights.
INSIDE = """
import json, os, pathlib
def takes(folder):
    try:
        (pathlib.Path(folder) / "taken").write_text("")
        (pathlib.Path(folder) / "taken").unlink()
    except OSError:
        return False
    return True
roots = ["/", "/etc", "/home", "/root", "/usr/bin", "/var", "/var/tmp", "/tmp", "/holdfast", "/holdfast/app/services",
    "/holdfast/venv/bin", "/var/lib/holdfast", "/var/lib/holdfast/keys", "/var/lib/holdfast/sandbox"]
lines = [line.split(":") for line in open("/proc/1/status") if line.startswith(("Cap", "NoNew"))]
rights = {name: int(value, 16) for name, value in lines if name in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs")}
print(json.dumps({"uid": os.getuid(), "gid": os.getgid(), "rights": rights, "writable": [each for each in roots if takes(each)]}))
"""


@pytest.fixture(scope="module")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Composed]:
    async with composed(tmp_path_factory.mktemp("compose")) as platform:
        began = time.monotonic()
        await platform.up("--build")
        say(f"up: {time.monotonic() - began:.0f} s")
        yield platform


async def test_each_service_may_do_its_own_work_and_nothing_else(tmp_path_factory: pytest.TempPathFactory) -> None:
    """First of all, for this platform is gone again before the one of the other tests begins."""
    async with composed(tmp_path_factory.mktemp("secure"), SECURE) as platform:
        await platform.up("--build")
        clients = f"scram-sha-512://clients:development-only-clients@{platform.kafka}"
        code, said = await subprocess_of(
            sys.executable, "-m", "embedded.command", "demo", "--url", platform.url, "--kafka", clients
        )
        assert code == 0, said[-3000:]
        assert await writes(platform, "booking", topics.BOOKING_EVENTS.name)
        for other in ("gateway", "availability", "relay", "payment", "notifier", "clients", "operator"):
            assert not await writes(platform, other, topics.BOOKING_EVENTS.name), other
        own = platform.dsn("booking").replace("holdfast:development-only-postgres", "booking:development-only-booking")
        connection = await asyncpg.connect(own)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE mine (id int)")
        await connection.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(own.removesuffix("booking") + "payment")


async def test_the_demo_goes_as_told_and_everything_is_ready(platform: Composed) -> None:
    running = {each["Service"] for each in await platform.containers()}
    assert running == {*SERVICES, "kafka", "postgres"}
    code, said = await subprocess_of(
        sys.executable, "-m", "embedded.command", "demo", "--url", platform.url, "--kafka", platform.kafka
    )
    assert code == 0, said[-3000:]


async def test_services_are_nobody_and_can_write_nowhere_but_to_their_volumes(platform: Composed) -> None:
    ours = [each for each in await platform.containers() if each["Service"] in SERVICES]
    assert len(ours) == len(SERVICES)
    for each in ours:
        told = await asyncio.to_thread(told_inside, each["Name"], INSIDE)
        assert (told["uid"], told["gid"]) == (10001, 10001), each["Service"]
        assert told["rights"] == {"CapEff": 0, "CapPrm": 0, "CapBnd": 0, "NoNewPrivs": 1}, each["Service"]
        volumes = {"gateway": ["/var/lib/holdfast/keys"], "sandbox": ["/var/lib/holdfast/sandbox"]}
        assert sorted(told["writable"]) == sorted(["/tmp", *volumes.get(each["Service"], ())]), each["Service"]


async def test_everybody_is_told_that_the_secrets_are_known(platform: Composed) -> None:
    said = await platform.run("logs", "--no-log-prefix", "provision")
    assert "FOR DEVELOPMENT ONLY" in said
    assert "HOLDFAST_INTERNAL_TOKEN" in said


async def test_nothing_is_lost_while_workers_come_go_and_are_killed(platform: Composed) -> None:
    """Under load all the time; each container once, then the log and the databases are compared."""
    async with street(platform.kafka) as there, pressure(there) as load:
        await resumed(load, 60, BACK_WITHIN)
        await platform.up(*SCALED)
        names = [each["Name"] for each in await platform.containers()]
        assert len(names) == len(SERVICES) + 2 + 3
        await resumed(load, 60, BACK_WITHIN)
        for name in sorted(names):
            began, answered = time.monotonic(), load.answered
            kill(name)
            await until(lambda name=name: killed(name), 20)
            await platform.up(*SCALED)
            await resumed(load, 20, BACK_WITHIN)
            say(
                f"{name}: ready and at work {time.monotonic() - began:.1f} s after the kill, {load.answered - answered} answers meanwhile"
            )
        await platform.up()
        await resumed(load, 60, BACK_WITHIN)
    say(f"{load.answered} answers, {load.finished} bookings")
    await every_timer_fired(platform)
    await nothing_wrong(platform)
    await pays(platform.url)


async def test_what_crashes_comes_back_by_its_restart_policy_alone(platform: Composed) -> None:
    """Nobody starts anything again; payment and the notifier, which the load does without, are asked at the end."""
    async with street(platform.kafka) as there, pressure(there) as load:
        await resumed(load, 60, BACK_WITHIN)
        for name in sorted(each["Name"] for each in await platform.containers()):
            began, before = time.monotonic(), crash(name)

            async def back(name: str = name, before: int = before) -> bool:
                return await asyncio.to_thread(restarted, name, before)

            await until(back, BACK_WITHIN)
            await resumed(load, 20, BACK_WITHIN)
            say(f"{name}: back by itself and at work {time.monotonic() - began:.1f} s after its crash")
    await until(platform.healthy, BACK_WITHIN)
    await nothing_wrong(platform)
    await pays(platform.url)


async def test_secrets_that_everybody_knows_are_refused_outside_development(platform: Composed) -> None:
    with pytest.raises(AssertionError, match="everybody knows them"):
        await platform.run("run", "--rm", "--no-deps", "-e", "HOLDFAST_DEVELOPMENT=0", "provision")


async def writes(platform: Composed, user: str, topic: str) -> bool:
    """Whether Kafka takes a record of this user there. One without a type: whoever reads it puts it aside."""
    where = connecting.address(f"scram-sha-512://{user}:development-only-{user}@{platform.kafka}")
    async with AIOKafkaProducer(**where.options) as producer:
        try:
            await asyncio.wait_for(producer.send_and_wait(topic, b"{}", key=b"nobody"), 20)
        except (KafkaError, TimeoutError):
            return False
        return True
