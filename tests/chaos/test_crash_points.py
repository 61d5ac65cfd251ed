"""A worker dies at each point of its work, under load: work goes on within 15 s, nothing is lost, nothing happens twice."""

import pytest
from flows import pressure
from scenes import Scene
from waiting import died, nothing_wrong, resumed

from chassis.failpoints import POINTS, RELAY_POINTS

pytestmark = pytest.mark.chaos

CRASHES = [(service, point) for service in ("booking", "availability") for point in POINTS]
CRASHES += [("relay", point) for point in RELAY_POINTS]


@pytest.mark.parametrize("passage", [1, 10])
@pytest.mark.parametrize(("service", "point"), CRASHES)
async def test_crash_loses_nothing(scene: Scene, service: str, point: str, passage: int) -> None:
    platform, name = scene.platform, f"{service}-1"
    async with pressure(scene.street) as load:
        await resumed(load)
        await platform.stop_process(name)
        pid = await platform.start_process(name, {"HOLDFAST_FAILPOINT": f"{point}:{passage}"})
        await died(platform, name, pid)
        await resumed(load)
        await platform.restarted(name, pid)
    await nothing_wrong(platform)
