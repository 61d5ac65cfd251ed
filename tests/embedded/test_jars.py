"""Kafka's jars: the locked bytes or none, and a clear word without a network."""

import hashlib
import re
import shutil

import pytest

from embedded import jars
from embedded.jars import Jar
from embedded.problem import Problem


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A cache that holds one locked jar."""
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "a cache"))
    jar = Jar("org.example:thing:1.0", hashlib.sha256(b"thing").hexdigest())
    monkeypatch.setattr(jars, "locked", lambda: ("4.3.1", [jar]))
    folder = jars.cache() / "4.3.1"
    folder.mkdir(parents=True)
    (folder / "thing-1.0.jar").write_bytes(b"thing")
    return folder


def test_the_lock_names_every_jar_by_coordinate_and_hash_and_no_address():
    version, locked = jars.locked()
    assert version == "4.3.1"
    assert len(locked) == len({jar.filename for jar in locked}) == 46
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in locked)
    assert "://" not in jars.LOCK.read_text()


def test_a_complete_cache_is_used_as_it_is(shelf):
    assert jars.library() == shelf


@pytest.mark.parametrize("damage", ["half a download", "another jar on the class path", "missing"])
def test_a_damaged_cache_is_not_used(shelf, damage):
    if damage == "half a download":
        (shelf / "thing-1.0.jar").write_bytes(b"thi")
    elif damage == "missing":
        (shelf / "thing-1.0.jar").unlink()
    else:
        (shelf / "other-2.0.jar").write_bytes(b"other")
    assert jars.library() is None


def test_what_a_killed_fetch_or_an_older_lock_left_is_removed(shelf):
    (shelf / "other-2.0.jar").write_bytes(b"other")
    (shelf / ".fetch-abc").mkdir()
    jars.fetch(lambda _: None)
    assert sorted(path.name for path in shelf.iterdir()) == [".lock", "thing-1.0.jar"]


def test_without_a_network_the_error_says_what_why_and_the_way_out(shelf, monkeypatch):
    shutil.rmtree(shelf)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    said = []
    with pytest.raises(Problem, match=r"(?s)could not fetch org\.example:thing:1\.0: .*copy .cache/kafka"):
        jars.fetch(said.append)
    assert said == ["fetching Apache Kafka 4.3.1: 1 jars, once"]


def test_a_jar_with_other_bytes_than_the_locked_ones_is_refused(shelf, monkeypatch):
    (shelf / "thing-1.0.jar").unlink()

    def download(artifact):
        path = artifact.cached_path
        path.parent.mkdir(parents=True)
        path.write_bytes(b"a surprise")
        return path

    monkeypatch.setattr("jgo.maven.Artifact.resolve", download)
    with pytest.raises(Problem, match=r"thing:1\.0 came with sha256 .*It is not used"):
        jars.fetch(lambda _: None)
    assert jars.library() is None
    assert not (shelf / "thing-1.0.jar").exists()
