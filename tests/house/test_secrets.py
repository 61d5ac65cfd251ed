"""No secret is in a file of the project, nor in what its files once were: known by the shapes that issuers give them.

Security item 34. What looks like one and is none is listed here with its reason, by its text: a new one is looked at.
"""

import math
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Each with one group: the secret. Beginnings that an issuer reserved need no more than that.
SHAPES = {
    "a private key": r"(-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----\s+[A-Za-z0-9+/]{16})",
    "a key of AWS": r"\b((?:AKIA|ASIA)[0-9A-Z]{16})\b",
    "a token of GitHub": r"\b((?:gh[pousr]|github_pat)_[A-Za-z0-9_]{30,})",
    "a token of GitLab": r"\b(glpat-[\w-]{20,})",
    "a token of Slack": r"\b(xox[abeoprs]-[\w-]{10,})",
    "a key of Google": r"\b(AIza[\w-]{35})",
    "a token of a package index": r"\b(pypi-[\w-]{50,}|npm_[A-Za-z0-9]{36})",
    "a key of Stripe": r"\b((?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,})",
    "a secret that signs webhooks": r"\b(whsec_[A-Za-z0-9+/]{24,}={0,2})",
    "a signed token": r"\b(eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,})",
    "a password in an address": r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"'`{}$<>]+:([^\s/@\"'`{}$<>#]{6,})@",
    "a random text that is called a secret": (
        r"(?i)(?:passw(?:or)?d|secret|token|api_?key|credential)s?[\"']?\s*[:=]{1,2}\s*[\"']([A-Za-z0-9+/_=-]{20,})[\"']"
    ),
}
RANDOM = 3.6  # bits a character: words and sentences have less

NO_SECRETS = {
    r"password|secret|s3cret|hidden|guessed|c%3A%2F": "how an address is written, and how it is refused",
    r".*development-?only.*": "what everybody knows; where it counts the one-shot refuses it (services/provision)",
    r"holdfast": "of a PostgreSQL that a test has for itself, on loopback",
    r"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw(Zm9vYmFy)?": "the example of the specification of standard webhooks, and a longer one",
    r"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=": "a vector: the bytes from 0 to 31",
    r"whsec_QD8\+PTw7Ojk4NzY1NDMyMTAvLi0sKyopKCcmJSQjIiEgHx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQ==": "a vector: 64 to 1",
    r"AQID_sealed-by-whoever-took-it": "stands for a sealed secret in samples",
}


def randomness(text: str) -> float:
    """Shannon's entropy of the characters, in bits."""
    counted = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counted.values())


def found(text: str) -> Iterator[tuple[str, str]]:
    """What looks like a secret: its shape, and itself."""
    for shape, pattern in SHAPES.items():
        for match in re.finditer(pattern, text):
            secret = match[1]
            if "random" in shape and not (randomness(secret) >= RANDOM and re.search(r"\d", secret)):
                continue
            if not any(re.fullmatch(known, secret, re.DOTALL) for known in NO_SECRETS):
                yield shape, secret


def git(*words: str, given: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", str(ROOT), *words], input=given, capture_output=True, check=True
    ).stdout


def blobs() -> Iterator[tuple[str, bytes]]:
    """Each content that a file ever had, under one of its names."""
    names: dict[str, str] = {}
    for line in git("rev-list", "--objects", "--all").decode(errors="replace").splitlines():
        name, _, path = line.partition(" ")
        if path:
            names.setdefault(name, path)
    told = git("cat-file", "--batch", given="\n".join(names).encode())
    at = 0
    while at < len(told):
        head, _, _ = told[at : at + 200].partition(b"\n")
        name, kind, size = head.decode().split()
        begin = at + len(head) + 1
        at = begin + int(size) + 1
        if kind == "blob":
            yield names[name], told[begin : at - 1]


def told(where: str, text: str) -> list[str]:
    """A finding names the place and begins the secret: whoever reads a run's log does not get it."""
    return [f"{where}: {shape}, {secret[:8]}…" for shape, secret in found(text)]


@pytest.fixture(scope="module", autouse=True)
def _repository() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone: what its files are and were is not known")


def test_no_file_holds_a_secret() -> None:
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0")
    files = [ROOT / name for name in names if name]
    assert len(files) > 100
    texts = ((path, path.read_bytes().decode(errors="replace")) for path in files if path.is_file())
    assert [line for path, text in texts for line in told(path.relative_to(ROOT).as_posix(), text)] == []


def test_no_file_ever_held_a_secret() -> None:
    held = [line for path, content in blobs() for line in told(path, content.decode(errors="replace"))]
    assert held == [], "withdraw the secret at whoever issued it: taking it out of the file does not take it back"


RANDOM_TEXT = "q8ZkV3nT0aLw7RfYx2JdUe5GhB1sCmP9"
PLANTED = {
    "a private key": "-----BEGIN RSA PRIVATE " f"KEY-----\nMIIEowIBAAKCAQEA{RANDOM_TEXT}",
    "a key of AWS": "AKIA" "Z7Q2M4N8B5V1C3X9",
    "a token of GitHub": "ghp_" f"{RANDOM_TEXT}1234",
    "a token of GitLab": "glpat-" f"{RANDOM_TEXT}",
    "a token of Slack": "xoxb-" "1234567890-abcdef",
    "a key of Google": "AIza" f"Sy{RANDOM_TEXT}9",
    "a token of a package index": "pypi-" f"AgEIcHlwaS5v{RANDOM_TEXT}{RANDOM_TEXT}",
    "a key of Stripe": "sk_live_" f"{RANDOM_TEXT}",
    "a secret that signs webhooks": "whsec_" f"{RANDOM_TEXT}",
    "a signed token": "eyJhbGciOiJFUzI1NiJ9." f"eyJzdWIiOiJkZW1vIn0.{RANDOM_TEXT}",
    "a password in an address": "postgresql://booking:" f"{RANDOM_TEXT}@db.example/booking",
    "a random text that is called a secret": "client_secret = " f'"{RANDOM_TEXT}"',
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_secret_of_this_shape_is_found(shape: str) -> None:
    assert shape in {seen for seen, _ in found(f"one line\n  {PLANTED[shape]}\nanother")}


@pytest.mark.parametrize(
    "line",
    [
        'token = "the-name-of-a-very-long-thing"',
        "HOLDFAST_KAFKA: scram-sha-512://booking:${BOOKING_SECRET:-development-only-booking}@kafka:29092",
        "HOLDFAST_KAFKA=scram-sha-512+tls://user:password@host:port",
        "sk_test_holdfast_development-only",
        "https://user@example.org/path",
    ],
)
def test_words_and_variables_are_no_secrets(line: str) -> None:
    assert list(found(line)) == []
