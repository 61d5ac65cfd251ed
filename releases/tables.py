"""A database's tables before and after migrations: whatever a statement of the release before could do, it still can."""

from collections.abc import Mapping
from typing import NamedTuple

import asyncpg

_COLUMNS = """
SELECT c.relname AS owner, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS filled,
  coalesce(pg_get_expr(d.adbin, d.adrelid), '') AS rule
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped
"""
_RULES = """
SELECT conrelid::regclass::text AS owner, conname AS name, pg_get_constraintdef(oid) AS says
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND contype <> 'n' -- not null is told by its column
UNION ALL
SELECT tablename, indexname, regexp_replace(indexdef, ' INDEX .* ON ', ' INDEX ON ')
FROM pg_indexes
WHERE schemaname = 'public'
UNION ALL
SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
FROM pg_trigger
WHERE NOT tgisinternal
"""
_FUNCTIONS = """
SELECT p.oid::regprocedure::text AS name, p.prosrc AS says
FROM pg_proc p
LEFT JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e' -- of an extension
WHERE p.pronamespace = 'public'::regnamespace AND d.objid IS NULL
"""


class Column(NamedTuple):
    """`filled` is NOT NULL; `rule` its default, or what it is computed by."""

    type: str
    filled: bool
    rule: str


class Tables(NamedTuple):
    """`rules` are constraints, indexes and triggers, by table and name."""

    columns: Mapping[tuple[str, str], Column]
    rules: Mapping[tuple[str, str], str]
    functions: Mapping[str, str]


async def seen(connection: asyncpg.Connection) -> Tables:
    """What a service's database has."""
    columns = {(row["owner"], row["name"]): Column(*row[2:]) for row in await connection.fetch(_COLUMNS)}
    rules = {(row["owner"], row["name"]): row["says"] for row in await connection.fetch(_RULES)}
    functions = {row["name"]: row["says"] for row in await connection.fetch(_FUNCTIONS)}
    return Tables(columns, rules, functions)


def narrowed(old: Tables, new: Tables) -> list[str]:
    """What a build that was made for the old tables could not do any more; empty if it does not notice the new ones."""
    tables = {table for table, _ in old.columns}
    found = []
    for (table, name), was in old.columns.items():
        now = new.columns.get((table, name))
        if now is None:
            found.append(f"{table}.{name} is gone")
        elif now != was:
            found.append(f"{table}.{name} was {_told(was)} and is {_told(now)}")
    for (table, name), now in new.columns.items():
        if table in tables and (table, name) not in old.columns and now.filled and not now.rule:
            found.append(f"{table}.{name} must be filled, and the old build does not know it")
    for (table, name), said in old.rules.items():
        if new.rules.get((table, name)) != said:
            found.append(f"{table}: {name} was {said} and is {new.rules.get((table, name), 'gone')}")
    for (table, name), says in new.rules.items():
        harmless = says.startswith("CREATE INDEX")
        if table in tables and (table, name) not in old.rules and not harmless:
            found.append(f"{table}: {name} is new: {says}")
    for name, said in old.functions.items():
        if new.functions.get(name) != said:
            found.append(f"{name} is {'another' if name in new.functions else 'gone'}")
    return found


def _told(column: Column) -> str:
    return " ".join([column.type, *(["NOT NULL"] if column.filled else []), *([column.rule] if column.rule else [])])
