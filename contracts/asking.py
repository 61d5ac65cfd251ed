"""What each method of the typed client does with its command: publish it under its key, await the answer."""

import uuid
from abc import ABC, abstractmethod

from contracts.answers import Refused
from contracts.model import Message
from contracts.outcomes import CommandRefused, Reply


class Asking(ABC):
    """Whoever can ask one command; `name` is the client within the organisation that keys belong to."""

    organisation: str
    name: str

    @abstractmethod
    def command_id(self, key: str, organisation: str | None = None, client: str | None = None) -> str:
        """The id that a command with this key has."""

    @abstractmethod
    async def ask(
        self,
        command: Message,
        *,
        command_id: str,
        organisation: str | None = None,
        traceparent: bytes | None = None,
    ) -> Reply:
        """Publish the command and await its answer. Raises NotAccepted or Unanswered; a Refused is an answer."""

    def _draw(self, key: str | None) -> str:
        return self.command_id(key or str(uuid.uuid4()))

    async def _done(self, command: Message, command_id: str) -> Message:
        answer = (await self.ask(command, command_id=command_id)).message
        if isinstance(answer, Refused):
            raise CommandRefused(answer)
        return answer
