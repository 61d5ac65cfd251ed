"""The rules of answers, for one batch (architecture.md, mechanism 1; reliability.md, R16-R18). Pure: nothing here touches the outside.

A command is answered only by the service that received it; its answer, and who asked, live on its own row of the inbox. A
message that is met again is (a) at its own place and not yet published: its stored outputs go out again; (b) at its own place
and published: nothing; (c) at any other place, a retry: with another hash it is refused, with an answer it is answered, else
its reply topic joins those who wait.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from chassis import dead_letters
from chassis.entries import Asked, AskedRow, Decided, OutputTooLarge, Place, Send, stored, to_json
from chassis.inbox import Remembered, Stored, pack, unpack
from chassis.messages import DeadRecord, Incoming, Output
from contracts.answers import Refused
from contracts.envelope import output_id, request_hash, stamp, write

MOST_OUTPUTS = 64

_REUSED = Refused(
    code="IDEMPOTENCY_KEY_REUSED",
    message="This key was used for another request before. Use a new key for a new request.",
)
_DEAD = Refused(
    code="SERVER_ERROR",
    message="The command could not be handled and had no effect. It is kept for the operators; a repeat is handled afresh.",
)


Rows = dict[str, AskedRow]
Late = Callable[[Rows], list[Send]]  # what is sent depends on the rows of commands handled earlier


@dataclass(slots=True)
class Ledger:
    """What one batch leaves in the inbox, and what it sends once that is written."""

    service: str
    dead_topic: str
    now: datetime
    known: dict[str, Remembered]
    published: Callable[[str, int], int]
    decided: dict[str, Decided] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    replays: int = 0
    _steps: list[Callable[[], list[Send | Late]]] = field(default_factory=list)
    _prepared: list[Send | Late] = field(default_factory=list)

    def is_new(self, message: Incoming | DeadRecord) -> bool:
        """Whether it has to be decided."""
        return message.id not in self.known and message.id not in self.decided

    def decide(self, message: Incoming, outputs: Sequence[Output]) -> None:
        """Enter a new message with what the service decided. Raises OutputTooLarge."""
        if len(outputs) > MOST_OUTPUTS:
            raise OutputTooLarge(f"{len(outputs)} outputs of one message, {MOST_OUTPUTS} are allowed")
        remembered = [stored(output) for output in outputs]
        envelope, record = message.envelope, message.record
        # Only the edge repeats a command in other words: inside, the same id always means the same bytes.
        hashed = request_hash(envelope.organisation, message.body) if envelope.causation is None else None
        decided = Decided(
            Place(record.topic, record.partition, record.offset),
            [output if output.topic else output.unsaid for output in remembered],
            hashed,
            [envelope.reply_to] if envelope.reply_to else [],
        )
        self.decided[message.id] = decided
        for output in remembered:
            if not output.topic:
                self._answer(output)
        self._steps.append(lambda: self._outputs(message, decided.outputs, self.now))

    def bury(self, dead: DeadRecord, refusals: Sequence[Output] = ()) -> None:
        """Enter a record that cannot be handled; `refusals` is what those who wait for its outcome are told instead."""
        record = dead.record
        outputs = [dead_letters.letter(dead, self.dead_topic), *map(stored, refusals)]
        decided = Decided(Place(record.topic, record.partition, record.offset), outputs, None, [], dead=True)
        self.decided[dead.id] = decided
        self._steps.append(lambda: self._outputs(dead, decided.outputs, self.now))

    def meet_again(self, message: Incoming | DeadRecord) -> None:
        """Enter a message that was handled before, in this batch or an earlier one."""
        record = message.record
        self.replays += 1
        known = self.known.get(message.id)
        if known and known.is_at(record):
            if record.offset >= self.published(record.topic, record.partition):  # (a)
                self._publish_again(message, known)
            return  # (b)
        if isinstance(message, Incoming) and message.envelope.reply_to:  # (c)
            self._retry(message, message.envelope.reply_to, known)

    def _publish_again(self, message: Incoming | DeadRecord, known: Remembered) -> None:
        outputs = unpack(known.outputs)
        for output in outputs:
            if not output.topic:
                self.asked.setdefault(output.key, Asked())  # its askers are read with the write
        self._steps.append(lambda: self._outputs(message, outputs, known.handled_at))

    def _retry(self, message: Incoming, reply_to: str, known: Remembered | None) -> None:
        here = self.decided.get(message.id)
        first_hash = known.request_hash if known else here.hash if here else None
        asked_hash = request_hash(message.organisation, message.body)
        if first_hash is not None and first_hash != asked_hash:
            self._steps.append(lambda: [self._refusal(message, reply_to, _REUSED, asked_hash)])
            return
        if here is not None:
            if here.answer is None:
                if reply_to not in here.asked_by:
                    here.asked_by.append(reply_to)
                return
            answer = here.answer
            self._steps.append(lambda: [self._reply(message.id, message, answer, reply_to, self.now, asked_hash, True)])
            return
        asked = self.asked.setdefault(message.id, Asked())
        answered_here = asked.answer is not None
        if not answered_here and reply_to not in asked.asked_by:
            asked.asked_by.append(reply_to)

        def replay(rows: Rows) -> list[Send]:
            row = rows[message.id]
            if asked.answer is not None and not answered_here and reply_to in row.asked_by:
                return []  # the answer that comes later in this batch goes to it too
            answer = self._given(message.id, row)
            if answer is None:
                return []  # it waits
            return [self._reply(message.id, message, answer, reply_to, row.answered_at or self.now, asked_hash, True)]

        self._steps.append(lambda: [replay])

    def _answer(self, answer: Stored) -> None:
        """The first answer to a command is the answer."""
        here = self.decided.get(answer.key)
        target = here if here is not None else self.asked.setdefault(answer.key, Asked())
        if target.answer is None:
            target.answer = answer

    def _outputs(self, message: Incoming | DeadRecord, outputs: list[Stored], at: datetime) -> list[Send | Late]:
        created = stamp(at)
        sends: list[Send | Late] = []
        for index, output in enumerate(outputs):
            if output.topic == self.dead_topic:
                letter = dead_letters.headers(message.record, output, self.service)
                value = message.record.value or b""
                sends.append(Send(output.topic, message.record.key, value, letter, None))
                if isinstance(message, DeadRecord) and message.envelope and message.envelope.reply_to:
                    hashed = request_hash(message.envelope.organisation, message.body) if message.body else ""
                    dead = _DEAD.model_copy(update={"details": dead_letters.told(output)})
                    sends.append(self._refusal(message, message.envelope.reply_to, dead, hashed))
            elif output.topic:
                sends.append(self._output(message, index, output, created))
            else:
                sends.append(partial(self._to_all_who_asked, message, output))
        return sends

    def _output(self, message: Incoming | DeadRecord, index: int, output: Stored, created: bytes) -> Send:
        envelope, record, key = message.envelope, message.record, output.key.encode()
        assert envelope is not None
        headers = write(
            self.service.encode(),
            output_id(message.id, self.service, index),
            output.type,
            envelope.organisation,
            envelope.correlation,
            created,
            output.key,
            causation=message.id,
            traceparent=envelope.traceparent,
            due_at=output.due_at,
        )
        # The input's own key, and by contract the same number of partitions: spares a murmur2 in Python.
        return Send(output.topic, key, output.value, headers, record.partition if key == record.key else None)

    def _to_all_who_asked(self, message: Incoming | DeadRecord, answer: Stored, rows: Rows) -> list[Send]:
        here = self.decided.get(answer.key)
        if here is not None:
            return [
                self._reply(answer.key, message, here.answer or answer, to, self.now, here.hash or "", False)
                for to in here.asked_by
            ]
        row = rows.get(answer.key)
        given = self._given(answer.key, row) if row else None
        if row is None or given is None:
            return []  # nobody of ours received that command
        at = row.answered_at or self.now
        return [self._reply(answer.key, message, given, to, at, row.request_hash or "", False) for to in row.asked_by]

    def _given(self, command_id: str, row: AskedRow) -> Stored | None:
        """The answer that the command has; the write tells it only if it is another than this batch's."""
        if row.answer is None:
            return self.asked[command_id].answer
        [answer] = unpack(row.answer)
        return answer

    def _refusal(self, message: Incoming | DeadRecord, to: str, refused: Refused, hashed: str) -> Send:
        envelope = message.envelope
        assert envelope is not None
        answer = Stored("", envelope.id, Refused.type, "", to_json(refused))
        return self._reply(envelope.id, message, answer, to, self.now, hashed, False)

    def _reply(
        self,
        command_id: str,
        message: Incoming | DeadRecord,
        answer: Stored,
        to: str,
        at: datetime,
        hashed: str,
        replayed: bool,
    ) -> Send:
        envelope = message.envelope
        assert envelope is not None
        headers = write(
            self.service.encode(),
            output_id(command_id, self.service, "answer"),
            answer.type,
            envelope.organisation,
            command_id,
            stamp(at),
            command_id,
            causation=command_id,
        )
        headers.append(("ce_requesthash", hashed.encode()))
        if replayed:
            headers.append(("ce_replayed", b"true"))
        return Send(to, None, answer.value, headers, None, answers=True)

    def columns(self) -> tuple[Sequence[object], ...]:
        """The inbox's part of the write: its parameters $1 to $13, in order."""
        decided = self.decided.values()
        return (
            list(self.decided),
            [entry.place.topic for entry in decided],
            [entry.place.partition for entry in decided],
            [entry.place.position for entry in decided],
            [pack(entry.outputs) for entry in decided],
            [entry.hash for entry in decided],
            self.now,  # type: ignore[return-value]
            [" ".join(entry.asked_by) or None for entry in decided],
            [entry.answer and pack([entry.answer]) for entry in decided],
            [entry.dead for entry in decided],
            list(self.asked),
            [" ".join(entry.asked_by) or None for entry in self.asked.values()],
            [entry.answer and pack([entry.answer]) for entry in self.asked.values()],
        )

    def prepare(self) -> None:
        """Make what has to be published, as far as it does not depend on the write: work to be done while it lasts."""
        self._prepared = [send for step in self._steps for send in step()]

    def sends(self, rows: Rows) -> list[Send]:
        """Everything to publish, in order, once the batch is written; `rows` are the commands that the write updated."""
        sends: list[Send] = []
        for each in self._prepared:
            if isinstance(each, Send):
                sends.append(each)
            else:
                sends += each(rows)
        return sends
