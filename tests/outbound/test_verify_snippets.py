"""The snippets for subscribers, each run by its language, agree with one another and with the libraries others made."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import stripe
import vectors
from standardwebhooks import Webhook, WebhookVerificationError

from examples.webhooks import verify
from services.notifier import signing

ROOT = Path(__file__).parents[2]
SNIPPETS = ROOT / "examples" / "webhooks"
VECTORS = SNIPPETS / "vectors.json"
HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = json.loads(VECTORS.read_text())
VERDICTS = [[each["standard"], each["boseat"]] for each in CASES]


def test_the_vectors_are_those_that_are_written_down() -> None:
    assert vectors.cases() == CASES


def _accepts(check: Any, each: dict[str, Any]) -> bool:
    try:
        check(each["body"].encode(), each["headers"], each["secret"], now=each["now"])
    except verify.InvalidWebhook:
        return False
    return True


@pytest.mark.parametrize("each", CASES, ids=lambda each: each["name"])
def test_python_agrees(each: dict[str, Any]) -> None:
    assert _accepts(verify.verify, each) == each["standard"]
    assert _accepts(verify.verify_boseat, each) == each["boseat"]


def test_node_agrees() -> None:
    if not (node := shutil.which("node")):
        pytest.skip("verify.mjs is not tested: there is no node here")
    said = _said([node, str(HERE / "verify_vectors.mjs"), str(SNIPPETS / "verify.mjs"), str(VECTORS)])
    assert said == VERDICTS


def test_go_agrees(tmp_path: Path) -> None:
    if not (go := shutil.which("go")):
        pytest.skip("verify.go is not tested: there is no go here")
    (tmp_path / "webhooks").mkdir()
    shutil.copy(SNIPPETS / "verify.go", tmp_path / "webhooks")
    shutil.copy(HERE / "verify_vectors.go", tmp_path / "main.go")
    (tmp_path / "go.mod").write_text("module vectors\n\ngo 1.20\n")
    assert _said([go, "run", ".", str(VECTORS)], tmp_path) == VERDICTS


def _said(command: list[str], folder: Path = ROOT) -> list[list[bool]]:
    environment = os.environ | {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"}
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert ended.returncode == 0, ended.stderr
    said: list[list[bool]] = json.loads(ended.stdout)
    return said


def test_the_product_signs_as_the_vectors_say() -> None:
    """Every genuine vector, signed by the product, byte by byte."""
    signed = 0
    for each in CASES:
        if each["standard"] and each["boseat"] and "behind" not in each["name"]:
            secrets = [vectors.SECRET, vectors.OTHER] if "rotating" in each["name"] else [each["secret"]]
            given = each["headers"]
            at, keys = int(given["webhook-timestamp"]), [signing.parsed(secret) for secret in secrets]
            headers = signing.signed(each["body"].encode(), given["webhook-id"], at, keys)
            assert {name.lower(): value for name, value in headers.items()} == given
            signed += 1
    assert signed >= 8


def test_the_example_of_the_specification_is_signed_as_it_says() -> None:
    headers = signing.signed(
        b'{"test": 2432232314}', "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, [signing.parsed(vectors.SPECIFIED)]
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_libraries_of_others_accept_what_the_product_signs() -> None:
    """`standardwebhooks` for one family, Stripe's own verifier for the other; with two secrets either of them is enough."""
    body = vectors.BODY.encode()
    keys = [signing.made(), signing.made()]
    headers = signing.signed(body, "dlv_1", int(time.time()), keys)
    for key in keys:
        secret = signing.written(key)
        assert Webhook(secret).verify(body, headers) == json.loads(body)
        assert stripe.WebhookSignature.verify_header(body.decode(), headers["Boseat-Signature"], secret, tolerance=300)
        verify.verify(body, headers, secret)
        verify.verify_boseat(body, headers, secret)


def test_the_libraries_of_others_refuse_what_was_changed() -> None:
    key = signing.made()
    body, secret, now = vectors.BODY.encode(), signing.written(key), int(time.time())
    headers = signing.signed(body, "dlv_1", now, [key])
    old = signing.signed(body, "dlv_1", now - 301, [key])
    for changed, given in [
        (body + b" ", headers),
        (body, headers | {"webhook-id": "dlv_2"}),
        (body, headers | {"webhook-timestamp": str(now + 1)}),
        (body, old),
    ]:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(changed, given)
    for changed, given in [(body + b" ", headers), (body, old)]:
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.WebhookSignature.verify_header(changed.decode(), given["Boseat-Signature"], secret, tolerance=300)
