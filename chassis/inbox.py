"""The remembering inbox: what has been handled and what came of it. SQL, rows, and the form in which outputs are stored."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from aiokafka import ConsumerRecord

from chassis.messages import Save

# Round trip 1: the progress of all partitions that the worker owns, what is known of these ids, and the decision's time.
_KNOWN = """
SELECT p.topic, p.partition, p.processed AS position, p.published, NULL::text AS id, NULL::bytea AS outputs,
  NULL::text AS request_hash, NULL::bytea AS answer, NULL::timestamptz AS answered_at, clock_timestamp() AS handled_at,
  NULL::int AS ordinal
FROM progress p
JOIN unnest(${0}::text[], ${1}::int[]) u(topic, partition) USING (topic, partition)
UNION ALL
SELECT topic, partition, position, NULL, id::text, outputs, request_hash, answer, answered_at, handled_at, ordinal
FROM inbox
WHERE id = ANY(${2}::uuid[])
"""
KNOWN = _KNOWN.format(1, 2, 3)
WIDTH, HANDLED_AT = 11, 9  # how many columns it has, and where the decision's time stands

# Round trip 2: the whole batch in one statement. It raises 40001, naming the rule, unless `processed` is still what round
# trip 1 read and every part changed as many rows as it must; then the batch begins again.
#
# Of the worker's other partitions `processed` is read without a lock. Whoever decides there about one of our entities either
# was committed when this statement began, then it is seen here; or was not when the states were loaded either, for that was
# earlier, then the entity's revision has moved, or theirs fails. What has no entity in common needs no order.
_WRITE = """
WITH {saves}
remembered AS (
  INSERT INTO inbox (id, topic, partition, position, handled_at, ordinal, outputs, request_hash, asked_by, answer,
    answered_at, dead)
  SELECT u.id, u.topic, u.partition, u.position, $7::timestamptz, u.ordinal, u.outputs, u.hash,
    coalesce(string_to_array(u.asked, ' '), '{{}}'), u.answer, CASE WHEN u.answer IS NOT NULL THEN $7::timestamptz END, u.dead
  FROM unnest($1::uuid[], $2::text[], $3::int[], $4::bigint[], $5::bytea[], $6::text[], $8::text[], $9::bytea[], $10::bool[])
    WITH ORDINALITY u(id, topic, partition, position, outputs, hash, asked, answer, dead, ordinal)),
asked AS (
  UPDATE inbox i
  SET asked_by = CASE WHEN i.answer IS NOT NULL OR i.asked_by @> u.asked THEN i.asked_by
      ELSE ARRAY(SELECT DISTINCT unnest(i.asked_by || u.asked) ORDER BY 1) END,
    answer = coalesce(i.answer, u.answer),
    answered_at = CASE WHEN i.answer IS NULL AND u.answer IS NOT NULL THEN $7::timestamptz ELSE i.answered_at END
  FROM (SELECT id, coalesce(string_to_array(asked, ' '), '{{}}') AS asked, answer
    FROM unnest($11::uuid[], $12::text[], $13::bytea[]) t(id, asked, answer)) u
  WHERE i.id = u.id
  RETURNING i.id::text, i.asked_by, -- the words of an answer come back only if they are not those just written
    CASE WHEN i.answer IS DISTINCT FROM u.answer THEN i.answer END AS answer, i.answered_at, i.request_hash),
moved AS (
  UPDATE progress p
  SET processed = greatest(p.processed, u.upto),
    published = CASE WHEN p.published >= u.sent_from AND p.processed >= u.sent_to THEN greatest(p.published, u.sent_to)
      ELSE p.published END
  FROM unnest($14::text[], $15::int[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[])
    u(topic, partition, was, upto, sent_from, sent_to)
  WHERE p.topic = u.topic AND p.partition = u.partition AND p.processed = u.was
  RETURNING 1)
SELECT asked.*, must((SELECT count(*) FROM moved) = cardinality($14), 'one_worker_at_a_time'),
  must((SELECT count(*) FROM progress p
    JOIN unnest($20::text[], $21::int[], $22::bigint[]) u(topic, partition, was) USING (topic, partition)
    WHERE p.processed = u.was) = cardinality($20), 'nothing_decided_beside_it'){guards}
FROM (SELECT 1) one
LEFT JOIN asked ON true
"""
_PARAMETERS = 22

# R5: a mark never covers what the database does not have, nor what somebody else still has to send.
MARK = """
UPDATE progress p
SET published = greatest(p.published, u.sent_to)
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) u(topic, partition, sent_from, sent_to)
WHERE p.topic = u.topic AND p.partition = u.partition AND p.published >= u.sent_from AND p.processed >= u.sent_to
"""

MAKE_PROGRESS_ROWS = """
INSERT INTO progress (topic, partition)
SELECT * FROM unnest($1::text[], $2::int[])
ON CONFLICT DO NOTHING
"""

MARKS = """
SELECT p.topic, p.partition, p.processed, p.published
FROM progress p
JOIN unnest($1::text[], $2::int[]) u(topic, partition) USING (topic, partition)
"""

PRUNE_ROWS = 1000
# A day longer than a topic keeps its records, and than the fence lets any in.
PRUNE = f"""
DELETE FROM inbox
WHERE id IN (SELECT id FROM inbox WHERE handled_at < statement_timestamp() - interval '8 days' LIMIT {PRUNE_ROWS})
"""  # noqa: S608 - a number of our own


class Remembered(NamedTuple):
    """A row of the inbox: where the message stood, and what came of it."""

    topic: str
    partition: int
    position: int
    handled_at: datetime
    ordinal: int
    outputs: bytes
    request_hash: str | None
    answer: bytes | None
    answered_at: datetime | None

    def is_at(self, record: "ConsumerRecord[bytes, bytes]") -> bool:
        """Whether it is this very record that was handled, not another with the same id."""
        return (self.topic, self.partition, self.position) == (record.topic, record.partition, record.offset)


class Stored(NamedTuple):
    """One output as it is remembered. Its id is derived from its cause and place, so it is not stored.

    An answer has no topic; its key is the id of the command that it answers.
    """

    topic: str
    key: str
    type: str
    due_at: str
    value: bytes

    @property
    def unsaid(self) -> "Stored":
        """That this command is answered, without the words: they stand on its own row, once."""
        return Stored("", self.key, "", "", b"")


def pack(outputs: Iterable[Stored]) -> bytes:
    """Length-prefixed parts: half the CPU of jsonb in Postgres, and the bytes come back as they were."""
    parts = [
        part
        for output in outputs
        for part in (
            output.topic.encode(),
            output.key.encode(),
            output.type.encode(),
            output.due_at.encode(),
            output.value,
        )
    ]
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])


def unpack(blob: bytes) -> list[Stored]:
    parts: list[bytes] = []
    at = 0
    while at < len(blob):
        end = at + 4 + int.from_bytes(blob[at : at + 4], "big")
        parts.append(blob[at + 4 : end])
        at = end
    fields = iter(parts)
    return [
        Stored(topic.decode(), key.decode(), kind.decode(), due.decode(), value)
        for topic, key, kind, due, value in zip(fields, fields, fields, fields, fields, strict=True)
    ]


@lru_cache(maxsize=64)
def known_and(load: str, parameters: int) -> str:
    """What is known and what a service loads, seen at one moment: `WIDTH` columns of the one, then the columns of the other.

    A row is of the one or of the other. The parameters of the service's own statement come first.
    """
    known = _KNOWN.format(parameters + 1, parameters + 2, parameters + 3)
    return f"SELECT * FROM ({known}) known FULL JOIN ({load}) loaded ON false"  # noqa: S608 - statements of our own


def write_statement(saves: Sequence[Save]) -> str:
    """The statement that writes a batch with these parts of the service's own. Their arrays follow the chassis' parameters:
    first how many rows each must change, then the arrays, in order."""
    return _write_statement(tuple((save.name, save.sql, len(save.arrays)) for save in saves))


@lru_cache(maxsize=64)
def _write_statement(saves: tuple[tuple[str, str, int], ...]) -> str:
    parts, guards, parameter = [], [], _PARAMETERS + len(saves) + 1
    for place, (name, sql, arrays) in enumerate(saves, start=_PARAMETERS + 1):
        placeholders = [f"${parameter + index}" for index in range(arrays)]
        parts.append(f"{name} AS ({sql.format(*placeholders)}),\n")
        guards.append(f", must((SELECT count(*) FROM {name}) = ${place}::int, '{name}')")  # noqa: S608 - names and numbers of our own
        parameter += arrays
    return _WRITE.format(saves="".join(parts), guards="".join(guards))
