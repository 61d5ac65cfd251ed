"""The gateways that the domain's tests share."""

from collections.abc import AsyncIterator

import pytest
from gateway_alone import Lonely, alone

from examples import tokens


@pytest.fixture(scope="session")
async def lonely(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lonely]:
    """The gateway as its users start it."""
    async with alone(tmp_path_factory.mktemp("lonely") / "keys") as gateway:
        gateway.session.headers.update(await tokens.authorization(gateway.url))
        yield gateway


@pytest.fixture(scope="session")
async def strict(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lonely]:
    """One that gives a client little, and pages of one origin all."""
    folder = tmp_path_factory.mktemp("strict") / "keys"
    settings = {"READS_A_MINUTE": "5", "WRITES_A_MINUTE": "3", "ORIGINS": '["https://shop.example"]'}
    async with alone(folder, **settings) as gateway:
        yield gateway
