"""A batch that takes longer than a statement may is decided in smaller parts, not for ever again."""

from pathlib import Path

import asyncpg
from bus import Bus, until
from calling import scene

SLOW = """
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END $$;
CREATE TRIGGER slowly BEFORE INSERT ON heard FOR EACH ROW EXECUTE FUNCTION slowly();
"""
MESSAGES = 20  # 2 s together, of half a second that there is


async def test_messages_that_take_too_long_together_are_decided_one_by_one(whole_bus: Bus, tmp_path: Path) -> None:
    async with scene(whole_bus, tmp_path) as toy:
        await toy.pool.execute(SLOW)
        told = [await toy.tell("a word") for _ in range(MESSAGES)]
        async with asyncpg.create_pool(toy.url, min_size=1, max_size=3, command_timeout=0.5) as impatient:
            whole, toy.pool = toy.pool, impatient
            async with toy.deciding():
                await until(lambda: whole.fetchval("SELECT count(*) >= $1 FROM heard", MESSAGES), 60)
            toy.pool = whole
        rows = await whole.fetch("SELECT call_id::text FROM heard")
        assert sorted(row[0] for row in rows) == sorted(told)
