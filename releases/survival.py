"""The rule of migrations: builds of the release before go on beside them, and no table is locked for long.

Expand first: a new table, a column that may be missing. Contract a release later: what no build of the release before uses.
What the rule does not know to be harmless is refused, unless the file says on a line of its own why it is:

    -- contract: not used since 0.2. <why>       builds before 0.2 do not survive it; `chassis.migrations` remembers that
    -- locks bookings: <why that does not last>  a rewrite, a scan or an index of a table that has rows
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

BREAKS, LOCKS = "breaks", "locks"

_CONTRACT = re.compile(r"^-- contract: not used since (\d+\.\d+)\. \S", re.MULTILINE)
_LOCK = re.compile(r"^-- locks ([a-z_]+): \S", re.MULTILINE)
_NAME = r"(?:IF NOT EXISTS |IF EXISTS |ONLY )*([a-z_0-9]+)"
_MADE = re.compile(rf"CREATE TABLE {_NAME}", re.IGNORECASE)
_HARMLESS = re.compile(r"CREATE (TABLE|EXTENSION|FUNCTION|TYPE|SEQUENCE) |COMMENT ON |SELECT ", re.IGNORECASE)
_INDEX = re.compile(rf"CREATE (UNIQUE )?INDEX (?:{_NAME} )?ON {_NAME}", re.IGNORECASE)
_TRIGGER = re.compile(rf"CREATE TRIGGER .*? ON {_NAME}", re.IGNORECASE)
_ROWS = re.compile(rf"(?:INSERT INTO|UPDATE|DELETE FROM) {_NAME}", re.IGNORECASE)
_ALTER = re.compile(rf"ALTER TABLE {_NAME} (.*)", re.IGNORECASE)
_ADD = re.compile(
    r"ADD (?:COLUMN )?(?:IF NOT EXISTS )?(?!CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)[a-z_]+ (.*)", re.IGNORECASE
)
_WIDER = re.compile(r"SET \(|ALTER (?:COLUMN )?[a-z_]+ SET (?:DEFAULT|STATISTICS)", re.IGNORECASE)
_CONSTANT = re.compile(r"DEFAULT ('(?:[^']|'')*'(?:::[a-z\[\]]+)?|-?\d+|true|false|NULL|now\(\))(?= |$)", re.IGNORECASE)


@dataclass(frozen=True)
class Danger:
    """A statement that needs a word: of which kind, about which table, and what it would do."""

    kind: str
    table: str
    what: str
    statement: str

    def __str__(self) -> str:
        return f"{self.kind} {self.table or 'builds'}: {self.what}: {self.statement[:120]}"


def dangers(sql: str) -> list[Danger]:
    """What of a migration is not excused by a word in it."""
    contracts, locked = contracted(sql) is not None, set(_LOCK.findall(sql))
    return [each for each in _found(sql) if not (contracts if each.kind == BREAKS else each.table in locked)]


def contracted(sql: str) -> str | None:
    """The first release whose builds survive this migration, if it says so."""
    said = _CONTRACT.search(sql)
    return said[1] if said else None


def statements(sql: str) -> list[str]:
    """One after the other, without remarks, on one line each."""
    bare = re.sub(r"--[^\n]*", "", sql)
    parts, within = [""], False
    for piece in re.split(r"(\$\$|;)", bare):
        within ^= piece == "$$"
        if piece == ";" and not within:
            parts.append("")
        else:
            parts[-1] += piece
    return [" ".join(part.split()) for part in parts if part.strip()]


def _found(sql: str) -> Iterator[Danger]:
    every = statements(sql)
    new = {made[1] for each in every if (made := _MADE.match(each))}
    for each in every:
        if _HARMLESS.match(each):
            continue
        if index := _INDEX.match(each):
            if index[3] not in new:
                yield Danger(LOCKS, index[3], "nobody can write the table until the index is built", each)
            if index[1] and index[3] not in new:
                yield Danger(BREAKS, index[3], "builds of the release before may write what it refuses", each)
        elif trigger := _TRIGGER.match(each):
            if trigger[1] not in new:
                yield Danger(BREAKS, trigger[1], "acts on what builds of the release before write", each)
        elif rows := _ROWS.match(each):
            if rows[1] not in new:
                yield Danger(
                    LOCKS, rows[1], "rows of a table in use are changed by a statement that nothing bounds", each
                )
        elif (altered := _ALTER.match(each)) and altered[1] not in new:
            for action in re.split(r",\s*(?=(?:ADD|DROP|ALTER|RENAME|SET|VALIDATE)\b)", altered[2]):
                yield from _action(altered[1], action, each)
        elif not altered:
            yield Danger(BREAKS, "", "the rule does not know it", each)


def _action(table: str, action: str, statement: str) -> Iterator[Danger]:
    added = _ADD.match(action)
    if added is None:
        if not _WIDER.match(action):
            yield Danger(BREAKS, table, "the release before may need it as it is", statement)
        return
    rule = added[1]
    if re.search(r"\b(GENERATED ALWAYS AS|SERIAL|BIGSERIAL)\b", rule, re.IGNORECASE):
        yield Danger(LOCKS, table, "the table is rewritten, and nobody reads it meanwhile", statement)
    elif re.search(r"\bDEFAULT\b", rule, re.IGNORECASE) and not _CONSTANT.search(rule):
        yield Danger(LOCKS, table, "a default that is no constant: the table is rewritten", statement)
    elif re.search(r"\bNOT NULL\b", rule, re.IGNORECASE) and not re.search(r"\bDEFAULT\b", rule, re.IGNORECASE):
        yield Danger(BREAKS, table, "the release before does not know the column, and cannot fill it", statement)
    if re.search(r"\b(UNIQUE|CHECK|REFERENCES|PRIMARY KEY)\b", rule, re.IGNORECASE):
        yield Danger(BREAKS, table, "the release before may write what it refuses", statement)
