"""Requests that a receiver gets, genuine and not, with the verdict of each family: what every language must agree on.

`python tests/outbound/vectors.py > examples/webhooks/vectors.json`, from the project's folder, writes them.
"""

import base64
import hmac
import json
import sys
from typing import Any

SPECIFIED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the example of the Standard Webhooks specification
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(64, 0, -1))).decode()
AT = 1_800_000_000
BODY = '{"id": "evt_1", "type": "booking.created", "sequence": 1, "data": {"customer": {"name": "Zoë 客"}}}'


def headers(body: str = BODY, *secrets: str, at: int | str = AT, message_id: str = "dlv_1") -> dict[str, str]:
    """The headers of a delivery, by the words of the two families, and by no code of the product."""
    secrets = secrets or (SECRET,)
    standard, boseat = [], [f"t={at}"]
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.new(key, f"{message_id}.{at}.{body}".encode(), "sha256").digest()
        standard.append("v1," + base64.b64encode(digest).decode())
        boseat.append("v1=" + hmac.new(secret.encode(), f"{at}.{body}".encode(), "sha256").hexdigest())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(standard),
        "boseat-signature": ",".join(boseat),
    }


def _case(name: str, standard: bool, boseat: bool, **different: Any) -> dict[str, Any]:
    plain = {"secret": SECRET, "now": AT, "body": BODY, "headers": headers()}
    return {"name": name, "standard": standard, "boseat": boseat, **plain, **different}


def _without(*names: str) -> dict[str, str]:
    return {name: value for name, value in headers().items() if name not in names}


def cases() -> list[dict[str, Any]]:
    """Each: name, secret, now, body, headers, and whether it is genuine by `standard` and by `boseat`."""
    good, signature = headers(), headers()["webhook-signature"]
    hexadecimal = good["boseat-signature"].partition("v1=")[2]
    specified = '{"test": 2432232314}'
    example = headers(specified, SPECIFIED, at=1614265330, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek")
    return [
        _case("an event", True, True),
        _case("the specification's example", True, True, secret=SPECIFIED, now=1614265330, body=specified, headers=example),
        _case("an empty body", True, True, body="", headers=headers("")),
        _case("NUL, line ends and spaces", True, True, body="\x00\r\n \t", headers=headers("\x00\r\n \t")),
        _case("a dot in the body", True, True, body=f"{AT}.x", headers=headers(f"{AT}.x")),
        _case("rotating, the old secret", True, True, headers=headers(BODY, SECRET, OTHER)),
        _case("rotating, the new secret", True, True, secret=OTHER, headers=headers(BODY, SECRET, OTHER)),
        _case("300 seconds old", True, True, now=AT + 300),
        _case("300 seconds ahead", True, True, now=AT - 300),
        _case("301 seconds old", False, False, now=AT + 301),
        _case("301 seconds ahead", False, False, now=AT - 301),
        _case("a second replay, a day later", False, False, now=AT + 86_400),
        _case("another secret", False, False, secret=OTHER),
        _case("a changed body", False, False, body=BODY.replace("1", "2")),
        _case("the body, written anew", False, False, body=json.dumps(json.loads(BODY))),
        _case("a body with something behind it", False, False, body=BODY + " "),
        _case("another id", False, True, headers=good | {"webhook-id": "dlv_2"}),
        _case("the id takes from the time", False, True, headers=good | {"webhook-id": f"dlv_1.{AT}", "webhook-timestamp": ""}),
        _case("another time", False, True, headers=good | {"webhook-timestamp": str(AT + 1)}),
        _case("another time in the other family", True, False, headers=good | {"boseat-signature": f"t={AT + 1},v1={hexadecimal}"}),
        _case("no headers", False, False, headers={}),
        _case("no id", False, True, headers=_without("webhook-id")),
        _case("no time", False, True, headers=_without("webhook-timestamp")),
        _case("no signature", False, False, headers=_without("webhook-signature", "boseat-signature")),
        _case("empty signatures", False, False, headers=good | {"webhook-signature": "", "boseat-signature": ""}),
        _case("signatures without value", False, False, headers=good | {"webhook-signature": "v1,", "boseat-signature": f"t={AT},v1="}),
        _case("of a version to come", False, False, headers=good | {"webhook-signature": signature.replace("v1", "v2"), "boseat-signature": f"t={AT},v2={hexadecimal}"}),
        _case("asymmetric, by its name", False, True, headers=good | {"webhook-signature": signature.replace("v1", "v1a")}),
        _case("a signature behind others", True, True, headers=good | {"webhook-signature": f"v1a,x v2,y {signature}", "boseat-signature": f"t={AT},v0=x,v1=y,v1={hexadecimal}"}),
        _case("half a signature", False, False, headers=good | {"webhook-signature": signature[:24], "boseat-signature": f"t={AT},v1={hexadecimal[:32]}"}),
        _case("a signature and more", False, False, headers=good | {"webhook-signature": signature + "A", "boseat-signature": f"t={AT},v1={hexadecimal}0"}),
        _case("signatures in other letters", False, False, headers=good | {"webhook-signature": "v1," + "ü" * 44, "boseat-signature": f"t={AT},v1=" + "ü" * 64}),
        _case("the families exchanged", False, False, headers=good | {"webhook-signature": f"v1,{hexadecimal}", "boseat-signature": f"t={AT},v1={signature[3:]}"}),
        *(
            _case(f"a time that is none: {stamp!r}", False, False, headers=headers(at=stamp))
            for stamp in ("", "now", "-1", "+1800000000", "1.8e9", "1800000000.0", " 1800000000", "0x6b49d200", "1_800_000_000", "٣", "9" * 30)
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    json.dump(cases(), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
