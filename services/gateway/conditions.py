"""Conditions on a version: `If-Match` before a change, `If-None-Match` before a read (RFC 9110, 13.1). A version's ETag is `"7"`.

Which products a space has may change from the products' side, without a version of the space, and so the other way round: its
ETag says that too, `"7.0f3a92c1"`. A change counts for the version alone.
"""

import re
import zlib
from collections.abc import Iterable, Mapping

from services.gateway.errors import malformed

_version = re.compile(rb'"([1-9][0-9]{0,9})([.][0-9a-f]{8})?"').fullmatch


def tag(version: int, related: Iterable[str] = ()) -> dict[str, str]:
    """The ETag of a version, as a header; `related` are the ids that the entry shows and its version does not cover."""
    ids = " ".join(related)
    return {"ETag": f'"{version}.{zlib.crc32(ids.encode()):08x}"' if ids else f'"{version}"'}


def if_match(headers: Mapping[bytes, bytes]) -> int | None:
    """The version that must be the current one; None if there is no condition. `*` is none: what is not there is a 404 anyway.

    Raises Problem (400) for anything else.
    """
    given = headers.get(b"if-match")
    if given is None:
        return None
    given = given.strip(b" \t")
    if given == b"*":
        return None
    if found := _version(given):
        return int(found[1])
    if given.startswith(b"W/"):
        issue = "is weak: a change needs a strong ETag"
    elif b"," in given:
        issue = "names more than one ETag"
    else:
        issue = 'is neither an ETag of ours, such as "7", nor *'
    raise malformed("The condition cannot be honoured.", ("If-Match", issue))


def is_known(headers: Mapping[bytes, bytes], tagged: Mapping[str, str]) -> bool:
    """Whether the client says with `If-None-Match` that it has what is so tagged already."""
    given = headers.get(b"if-none-match")
    if given is None:
        return False
    known = {each.strip(b" \t").removeprefix(b"W/") for each in given.split(b",")}
    return b"*" in known or tagged["ETag"].encode() in known
