"""The Idempotency-Key: one key names one effect of one client."""

import re
import uuid
from typing import NamedTuple

from services.gateway.errors import malformed

NAMES = (b"idempotency-key", b"x-idempotency-key")
LONGEST = 255

# The IETF's form is a quoted string in which only the quote and the backslash are escaped.
_quoted = re.compile(r'"((?:[^"\\]|\\["\\])*)"').fullmatch
_escape = re.compile(r"\\(.)").sub
_control = re.compile(r"[\x00-\x1f\x7f-\x9f]").search


class Key(NamedTuple):
    """`sent` is returned to the client as it came; `value` is what counts: quoted and bare are the same key."""

    sent: bytes
    value: str


def read(headers: list[tuple[bytes, bytes]]) -> Key:
    """The request's key, or a new one when it has none. Raises Problem (400)."""
    keys = {_read(sent) for name, sent in headers if name in NAMES}
    if not keys:
        drawn = str(uuid.uuid4())
        return Key(drawn.encode(), drawn)
    if len({key.value for key in keys}) > 1:
        raise _unfit("was given twice, with different values")
    return min(keys)  # whichever form: the same one each time


def _read(sent: bytes) -> Key:
    sent = sent.strip(b" \t")
    try:
        value = sent.decode()
    except UnicodeDecodeError:
        raise _unfit("is not UTF-8") from None
    if value.startswith('"'):
        quoted = _quoted(value)
        if not quoted:
            raise _unfit("begins with a quote but is not a quoted string")
        value = _escape(r"\1", quoted[1])
    if not value:
        raise _unfit("is empty")
    if len(value) > LONGEST:
        raise _unfit(f"is longer than {LONGEST} characters")
    if _control(value):
        raise _unfit("has control characters")
    return Key(sent, value)


def _unfit(issue: str) -> Exception:
    return malformed("The Idempotency-Key cannot be used.", ("Idempotency-Key", issue))
