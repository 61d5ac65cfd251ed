"""Where the platform's money goes: to the sandbox, which the platform starts itself, or to the provider that its user names."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from embedded import ports
from embedded.folder import DataFolder
from embedded.problem import Problem

URL, KEY = "HOLDFAST_PAYMENT_PROVIDER_URL", "HOLDFAST_PAYMENT_PROVIDER_KEY"
WEBHOOKS = "/v1/payments/webhooks/stripe"
LIVE = ("sk_live_", "rk_live_")


@dataclass(frozen=True)
class Money:
    """The provider: `sandbox` is the address of ours, None where it is somebody else's; `environment` tells the services."""

    sandbox: str | None
    environment: Mapping[str, str]
    about: str  # for whoever starts the platform


def provider(data: DataFolder, gateway: str, settings: Mapping[str, str], port: Callable[[int], int]) -> Money:
    """The provider that the user's settings name, or else the sandbox of this data folder. Raises Problem."""
    said = {name: value for name, value in {**os.environ, **settings}.items() if name in (URL, KEY)}
    return _named(said) if said else _sandbox(data, gateway, port)


def _named(said: Mapping[str, str]) -> Money:
    if KEY not in said:
        raise Problem(f"{URL} is set and {KEY} is not: say the key too, or leave both out to use the sandbox")
    live = said[KEY].startswith(LIVE)
    host = said.get(URL, "https://api.stripe.com")
    mode = "with its live key: REAL MONEY MOVES" if live else "with a test key"
    return Money(None, {"HOLDFAST_GATEWAY_STRIPE_LIVE": "1" if live else "0"}, f"Payments go to {host} {mode}.")


def _sandbox(data: DataFolder, gateway: str, port: Callable[[int], int]) -> Money:
    folder = data.path / "sandbox"
    folder.mkdir(mode=0o700, exist_ok=True)
    number = _port(folder / "port", port)
    url = f"http://{ports.HOST}:{number}"
    key = data.secret("sandbox/key", "sk_test_")
    signing = json.dumps([data.secret("sandbox/webhook-secret", "whsec_")])
    environment = {
        "HOLDFAST_SANDBOX_DATA": str(folder),
        "HOLDFAST_SANDBOX_PORT": str(number),
        "HOLDFAST_SANDBOX_SECRET_KEYS": json.dumps([key]),
        "HOLDFAST_SANDBOX_WEBHOOK_SECRETS": signing,
        "HOLDFAST_SANDBOX_WEBHOOK_URL": gateway + WEBHOOKS,
        "HOLDFAST_GATEWAY_STRIPE_WEBHOOK_SECRETS": signing,
        "HOLDFAST_GATEWAY_STRIPE_LIVE": "0",
        URL: url,
        KEY: key,
    }
    about = (
        f"Payments go to a sandbox at {url}, no money moves: its checkout pages are there, {url}/_sandbox/ledger is all\n"
        "it knows, /_sandbox/faults switches its faults (services/payment/sandbox/README.md)."
    )
    return Money(url, environment, about)


def _port(last: Path, port: Callable[[int], int]) -> int:
    """The one it had last, which open checkout pages name; else a free one."""
    number = 0
    if last.exists():
        with suppress(Problem):
            number = port(int(last.read_text()))
    number = number or port(0)
    last.write_text(f"{number}\n")
    return number
