"""Every order of steps and faults in small worlds: nothing is lost, nothing happens twice, everything comes to rest."""

from pathlib import Path

import pytest
from protocol import STEPS, Step
from search import search
from world import Faults, World
from worlds import ANSWERS, ONE_TOPIC, QUESTION, TWO_PARTITIONS, TWO_TOPICS

CHASSIS = Path(__file__).parents[2] / "chassis"
WORLDS = [
    pytest.param(world, id=f"{group}: {name}")
    for group, worlds in (("one topic", ONE_TOPIC), ("answers", ANSWERS), ("two topics", TWO_PARTITIONS))
    for name, world in worlds.items()
]


@pytest.mark.parametrize("world", WORLDS)
def test_nothing_breaks_in_any_order(world: World) -> None:
    found = search(world)
    assert found.rule is None, str(found)
    assert found.quiet


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.does.__name__)
def test_the_step_is_what_the_code_does(step: Step) -> None:
    """Whoever changes that line looks whether the model still says the same."""
    assert (CHASSIS / step.file).read_text().count(step.line) == 1


@pytest.mark.parametrize("faults", [Faults(crashes=1), Faults(rebalances=1)], ids=["crash", "zombie"])
def test_events_of_one_entity_come_in_the_order_of_its_versions(faults: Faults) -> None:
    """Over two input topics too: what is decided and perhaps not sent goes first, in the order of the decisions."""
    found = search(World(TWO_TOPICS, faults))
    assert found.rule is None, str(found)


def test_the_limit_a_database_that_loses_a_decision_may_meet_what_came_of_it_first() -> None:
    """Kafka keeps the question's event and its consequence. So a database that loses transactions when it fails over is not
    for production: that runs a synchronous standby."""
    found = search(World(QUESTION, Faults(failovers=1)))
    assert found.rule is not None
    assert any("FAILOVER loses" in step for step in found.way), str(found)
