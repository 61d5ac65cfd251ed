"""The real platform is asked whatever its OpenAPI document allows, and much that it forbids; it has to keep its word."""

import os
import sys

import pytest
from asking import asked

from embedded.platform import running

SECONDS = int(os.environ.get("CONFORMANCE_SECONDS", "300"))
REQUESTS, ROUNDS = 10_000, 3  # a slow machine makes fewer in a round


@pytest.mark.conformance
@pytest.mark.timeout(ROUNDS * (SECONDS + 120))
async def test_ten_thousand_generated_requests_are_answered_as_documented() -> None:
    requests = rounds = 0
    while requests < REQUESTS and rounds < ROUNDS:
        async with running() as platform:
            outcome = await asked(platform.url, SECONDS)
        sys.stdout.write(outcome.said)  # shown by pytest where something is wrong, and by `make conformance`
        assert outcome.code == 0, "what is wrong is said above"
        requests, rounds = requests + outcome.requests, rounds + 1
    assert requests >= REQUESTS
