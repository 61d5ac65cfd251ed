"""The data folder: whose it is, who may enter, and what a refusal says."""

import json
import os
import stat
import subprocess
import sys

import pytest

from embedded import folder
from embedded.problem import Problem


def test_a_second_platform_is_refused_and_told_about_the_first(tmp_path):
    with folder.opened(tmp_path / "data") as mine:
        mine.record({"supervisor": os.getpid(), "started": "today", "gateway": "http://127.0.0.1:8000"})
        with pytest.raises(Problem, match=rf"pid {os.getpid()}, http://127.0.0.1:8000\).*kill {os.getpid()}"):
            folder.opened(tmp_path / "data").__enter__()
        with pytest.raises(Problem, match="in use"):
            folder.forget(tmp_path / "data")
        assert folder.running(tmp_path / "data")["started"] == "today"
    assert folder.running(tmp_path / "data") is None


def test_a_state_is_told_of_every_run():
    me, nobody = os.getpid(), 2**22 + 1  # beyond the largest pid
    told = [None, {}, {"supervisor": me, "state": "running"}, {"supervisor": nobody, "state": "running"}]
    assert [folder.state(run) for run in told] == ["ended", "starting", "running", "ended"]


def test_what_an_earlier_run_left_behind_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "ORPHANS_GRACE", 0.0)
    dead = os.fork()
    if dead == 0:
        os._exit(0)
    os.waitpid(dead, 0)
    with folder.opened(tmp_path / "data") as mine:
        mine.record({"supervisor": dead, "processes": {"kafka": os.getpid(), "postgres": dead}})
        with pytest.raises(Problem, match=f"kill -9 {os.getpid()}`"):
            folder.opened(tmp_path / "data").__enter__()


HOLD = "import fcntl, sys, time; f = open(sys.argv[1]); fcntl.flock(f, 2); print(flush=True); time.sleep(1)"


def test_a_new_start_waits_for_what_a_killed_supervisor_left_to_end(tmp_path):
    with folder.opened(tmp_path / "data"):
        pass
    (tmp_path / "data" / "run.json").write_text(json.dumps({"supervisor": None}))
    argv = [sys.executable, "-c", HOLD, str(tmp_path / "data" / "lock")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as orphan:
        orphan.stdout.readline()
        with folder.opened(tmp_path / "data"):
            assert orphan.wait(5) == 0


def test_a_folder_is_free_again_and_its_secret_stays(tmp_path):
    with folder.opened(tmp_path / "data") as mine:
        secret, runtime = mine.token(), mine.runtime
        assert stat.S_IMODE((mine.path / "token").stat().st_mode) == 0o600
        assert stat.S_IMODE(runtime.stat().st_mode) == 0o700
    assert not runtime.exists()
    assert not (tmp_path / "data" / "run.json").exists()
    with folder.opened(tmp_path / "data") as mine:
        assert mine.token() == secret


def test_temporary_folders_of_killed_runs_are_swept_and_those_in_use_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(folder.tempfile, "gettempdir", lambda: str(tmp_path))
    names = ["killed", "in-use", "just-made"]
    killed, in_use, just_made = (tmp_path / f"{folder.TEMPORARY}{name}" for name in names)
    asked_for = tmp_path / "holdfast-mine"
    for path in killed, asked_for:
        with folder.opened(path):
            pass
    just_made.mkdir()
    with folder.opened(in_use):
        folder.sweep()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([asked_for.name, in_use.name, just_made.name])


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("two years of work")
    for way in folder.forget, lambda path: folder.opened(path).__enter__():
        with pytest.raises(Problem, match=r"holds other files \(thesis.txt\).*--data"):
            way(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "two years of work"


def test_a_folder_of_another_version_is_refused_with_the_way_out(tmp_path):
    with folder.opened(tmp_path / "data"):
        pass
    (tmp_path / "data" / "holdfast.json").write_text(json.dumps({**folder.VERSION, "postgres": 17}))
    with pytest.raises(Problem, match=r"another version.*holdfast reset --data"):
        folder.opened(tmp_path / "data").__enter__()
    folder.forget(tmp_path / "data")
    with folder.opened(tmp_path / "data"):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", 54321, 54321)
    with pytest.raises(Problem, match=r"belongs to user 54321, you are root: start as user 54321, or .*--data"):
        folder.opened(tmp_path / "data").__enter__()


def test_the_runtime_folder_is_short_at_any_depth(tmp_path):
    deep = tmp_path.joinpath(*["a rather long name"] * 12)
    with folder.opened(deep) as mine:
        assert len(os.fsencode(mine.runtime / "availability-10.notify")) <= folder.SOCKET_PATH_LIMIT
