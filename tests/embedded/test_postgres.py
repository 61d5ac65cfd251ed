"""Postgres for root where user namespaces are forbidden, and databases made and dropped."""

import asyncio
import os
import pwd
from pathlib import Path

import asyncpg
import pytest

from embedded import folder, postgres
from embedded.problem import Problem
from embedded.supervisor import Supervisor


@pytest.fixture
def nobody(monkeypatch):
    """Root on a machine without user namespaces."""
    if os.geteuid() != 0:
        pytest.skip("only root has to become somebody else")
    entry = pwd.getpwnam("nobody")
    monkeypatch.setattr(postgres, "_identity", lambda: f"{entry.pw_uid}:{entry.pw_gid}")
    return entry


async def test_root_without_namespaces_runs_postgres_as_nobody(nobody, tmp_path_factory):
    path = tmp_path_factory.mktemp("p")
    for parent in path, *path.parents:  # pytest closes them
        if parent.stat().st_mode & 0o777 == 0o700:
            parent.chmod(0o711)
    with folder.opened(path / "data") as data:
        await postgres.prepare(data)
        supervisor = Supervisor(lambda: None, lambda _: None)
        await supervisor.start([postgres.program(data)])
        try:
            address = await postgres.create_database(data.runtime / "pg", "booking")
            assert await postgres.create_database(data.runtime / "pg", "booking") == address
            connection = await asyncpg.connect(address)
            assert await connection.fetchval("SELECT count(*) FROM pg_available_extensions WHERE name = 'btree_gist'")
            await postgres.drop_database(data.runtime / "pg", "booking")
            with pytest.raises(asyncpg.InvalidCatalogNameError):
                await asyncpg.connect(address)
            assert Path(f"/proc/{supervisor.pids['postgres']}").stat().st_uid == nobody.pw_uid
        finally:
            await supervisor.stop_all()


async def test_stale_files_that_name_a_living_process_do_not_stop_the_start(tmp_path):
    # not our own pid: the server's parent is above suspicion
    other = await asyncio.create_subprocess_exec("sleep", "600")
    with folder.opened(tmp_path / "data") as data:
        await postgres.prepare(data)
        stale = f"{other.pid}\n{data.path}/pg\n1\n5432\n\n"
        (data.path / "pg" / "postmaster.pid").write_text(stale)
        (data.runtime / "pg" / ".s.PGSQL.5432.lock").write_text(stale)
        await postgres.prepare(data)
        supervisor = Supervisor(lambda: None, lambda _: None)
        try:
            await supervisor.start([postgres.program(data)])
        finally:
            await supervisor.stop_all()
            other.kill()
            await other.wait()


async def test_a_folder_that_nobody_may_reach_is_refused_with_the_way_out(nobody, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o700)
    opened = folder.opened(tmp_path / "closed" / "data")
    with opened as data, pytest.raises(Problem, match=r"may not pass .*--data /var/tmp/holdfast"):
        await postgres.prepare(data)
