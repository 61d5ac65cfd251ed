"""Forms of what clients write about webhooks, and how each is named to who wrote something else."""

from typing import Annotated

from pydantic import StringConstraints

Secret = Annotated[str, StringConstraints(pattern=r"^whsec_[A-Za-z0-9+/]{32,88}={0,2}$", max_length=120)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[!-~]+$", max_length=2000)]
Cursor = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]

SECRET = "is not whsec_ and the base64 of 24 to 64 random bytes"  # noqa: S105 - words about one
URL = "is not a URL such as https://shop.example/, all in ASCII"
CURSOR = "is no cursor: take it from the answer before"
