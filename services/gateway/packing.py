"""gzip for large answers."""

import gzip
from collections.abc import Mapping

from starlette.responses import Response

WORTH_IT = 4096  # bytes; below it the client gains less than we spend
LEVEL = 4


def pack(response: Response, headers: Mapping[bytes, bytes]) -> None:
    """Compress the body in place, if it is large and the client takes gzip. What has an ETag stays as it is: that names bytes."""
    body = response.body
    if len(body) < WORTH_IT or "etag" in response.headers:
        return
    response.headers["Vary"] = "Accept-Encoding"
    if not _taken(headers.get(b"accept-encoding", b"")):
        return
    response.body = gzip.compress(bytes(body), LEVEL, mtime=0)
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Length"] = str(len(response.body))


def _taken(accepted: bytes) -> bool:
    for each in accepted.lower().split(b","):
        coding, _, quality = each.partition(b";")
        if coding.strip() == b"gzip":
            return quality.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False
