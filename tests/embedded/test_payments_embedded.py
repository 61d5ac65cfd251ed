"""To whom the platform's services are told to send the money."""

import json
from datetime import timedelta

import pytest

from embedded import folder, money, platform
from embedded.platform import Platform
from embedded.problem import Problem

LIVE = {money.KEY: "sk_live_ours"}


def made(tmp_path, **settings: str) -> tuple[Platform, dict]:
    """A platform that is not started, and what its payment service is told."""
    plan = platform.Plan(0, timedelta(minutes=15), {}, settings)
    with folder.opened(tmp_path / "data") as data:
        running = Platform(data, platform.silent, False, plan)
        told = dict(running._service("payment", "services.payment", 1).env)
        for port in running._ports:
            port.release()
        return running, told


def test_the_sandbox_and_its_users_share_secrets_that_are_this_folder_s(tmp_path):
    running, told = made(tmp_path)
    assert told[money.URL] == running.money.sandbox == f"http://127.0.0.1:{told['HOLDFAST_SANDBOX_PORT']}"
    assert json.loads(told["HOLDFAST_SANDBOX_SECRET_KEYS"]) == [told[money.KEY]]
    assert told["HOLDFAST_SANDBOX_WEBHOOK_SECRETS"] == told["HOLDFAST_GATEWAY_STRIPE_WEBHOOK_SECRETS"]
    assert told["HOLDFAST_SANDBOX_WEBHOOK_URL"] == f"{running.url}/v1/payments/webhooks/stripe"
    assert told[money.KEY].startswith("sk_test_")
    for secret in ("key", "webhook-secret"):
        assert (tmp_path / "data" / "sandbox" / secret).stat().st_mode & 0o077 == 0
    again, told_again = made(tmp_path)
    assert {name: told[name] for name in running.money.environment} == {
        name: told_again[name] for name in again.money.environment
    } | {"HOLDFAST_SANDBOX_WEBHOOK_URL": told["HOLDFAST_SANDBOX_WEBHOOK_URL"]}
    _, elsewhere = made(tmp_path / "other")
    assert elsewhere[money.KEY] != told[money.KEY]


@pytest.mark.parametrize("from_environment", [True, False])
def test_whoever_names_a_provider_gets_it_and_no_sandbox(tmp_path, monkeypatch, from_environment):
    settings = {money.URL: "https://api.stripe.example", money.KEY: "sk_test_ours"}
    for name, value in settings.items() if from_environment else ():
        monkeypatch.setenv(name, value)
    running, told = made(tmp_path, **({} if from_environment else settings))
    assert settings.items() <= told.items()
    assert (running.money.sandbox, running._replicas("sandbox"), running._replicas("payment")) == (None, 0, 1)
    assert "sandbox" not in running._run()
    assert running.money.about == "Payments go to https://api.stripe.example with a test key."
    assert not [name for name in told if name.startswith("HOLDFAST_SANDBOX")]


def test_a_live_key_is_said_aloud_and_told_to_the_gateway(tmp_path):
    running, told = made(tmp_path, **LIVE)
    assert told["HOLDFAST_GATEWAY_STRIPE_LIVE"] == "1"
    assert running.money.about == "Payments go to https://api.stripe.com with its live key: REAL MONEY MOVES."
    assert money.URL not in told


def test_an_address_without_a_key_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(Problem, match="say the key too, or leave both out"):
        made(tmp_path, **{money.URL: "https://api.stripe.example"})
