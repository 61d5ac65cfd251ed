"""What a route's function gets: the request, who sent it, and the one thing it may do with it."""

import logging
import re
import uuid
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from contracts.answers import Refused
from contracts.client import NotAccepted, Unanswered
from contracts.model import Message
from services.gateway import conditions, measures
from services.gateway.auth import Identity
from services.gateway.errors import Problem, malformed, refused
from services.gateway.reads import Parameters, Reads, Service
from services.gateway.replies import Replies

log = logging.getLogger(__name__)

Answer = TypeVar("Answer", bound=Message)
_traceparent = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch


def trace_of(given: bytes | None) -> bytes | None:
    """A `traceparent` that may go on."""
    return given if given and _traceparent(given) else None


class Call(Request):
    """`id` is what X-Correlation-Id says, empty until it is known; `given` are the request's headers."""

    id = ""
    identity: Identity
    given: Mapping[bytes, bytes]

    def named(self) -> str:
        """Its id, a fresh one if nothing has given it one."""
        self.id = self.id or str(uuid.uuid4())
        return self.id

    @property
    def traceparent(self) -> bytes | None:
        """The trace that the request is part of: the client's, or with tracing on ours."""
        return trace_of(self.given.get(b"traceparent"))


class Reading(Call):
    """A call that changes nothing."""

    async def passed_on(self, service: Service, path: str, parameters: Parameters = ()) -> bytes:
        """What the service that owns the matter says. Raises Problem."""
        reads = cast("Reads", self.app.state.reads)
        return await reads.get(service, path, self.identity.organisation, parameters, self.traceparent)

    async def passed_on_if_new(self, service: Service, path: str, related: str | None = None) -> Response:
        """The same with its version as the ETag, or the 304 if the client has it. `related`: what its version does not cover."""
        body = await self.passed_on(service, path)
        entry = orjson.loads(body)
        tagged = conditions.tag(entry["version"], entry[related] if related else ())
        if conditions.is_known(self.given, tagged):
            return Response(status_code=304, headers=tagged)
        return Response(body, headers=tagged, media_type="application/json")


class Command(Call):
    """A call that changes something; `id` is the id of the command it becomes."""

    replayed = False
    condition: int | None = None
    _looked_at = False

    @property
    def if_match(self) -> int | None:
        """The version that the client's If-Match names. Whoever reads it takes it upon them to honour it."""
        self._looked_at = True
        return self.condition

    async def answered(
        self, command: Message, expects: type[Answer], late: Mapping[str, Any], location: str | None = None
    ) -> Answer | Response:
        """The service's answer; the 202 with the body `late` when there is none in time. Raises Problem."""
        if self.condition is not None and not self._looked_at:
            # To do as if the condition were met would be worse than to refuse it.
            raise malformed("This has no version that a condition could name.", ("If-Match", "is not supported here"))
        replies = cast("Replies", self.app.state.replies)
        try:
            reply = await replies.ask(command, self.id, self.identity.organisation, self.traceparent)
        except Unanswered:
            measures.LATE.inc()
            headers = {"Retry-After": "1"} | ({"Location": location} if location else {})
            return Response(orjson.dumps(late), 202, headers, "application/json")
        except NotAccepted:
            measures.NOT_TAKEN.inc()
            raise Problem(
                "SERVICE_UNAVAILABLE", "The command was not accepted. Repeat it with the same Idempotency-Key."
            ) from None
        self.replayed = reply.replayed
        if isinstance(reply.message, Refused):
            raise refused(reply.message)
        if not isinstance(reply.message, expects):
            log.error("%s was answered with %s", type(command).type, type(reply.message).type)
            raise Problem("SERVER_ERROR", "Something went wrong on our side.")
        return reply.message


def shown(value: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The value as the client sees it."""
    return Response(value.__pydantic_serializer__.to_json(value), status, headers, "application/json")
