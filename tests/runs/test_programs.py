"""Compiled programs are kept for the next start: where, whose, for how long, without changing a bit of a run."""

import errno
import itertools
import os
import subprocess
import sys
import time
from importlib.metadata import version

import jax
import jax.numpy as jnp
import pytest
from jax.experimental.compilation_cache import compilation_cache

import accumbens
from accumbens.cli.main import main
from accumbens.credit.kind import FITS
from accumbens.errors import AccumbensError
from accumbens.runs.programs import MOST_DAYS, VARIABLE, ProgramCache, kept_programs, prune

constants = itertools.count()


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """A user's cache folder, where JAX's own cache is not configured."""
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield tmp_path / "cache" / "accumbens" / "programs"
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


@pytest.fixture
def hits():
    """The programs that JAX took from its cache."""
    found = []

    def listen(event, **_):
        if event == "/jax/compilation_cache/cache_hits":
            found.append(event)

    jax.monitoring.register_event_listener(listen)
    yield found
    jax.monitoring.unregister_event_listener(listen)


def compiled(constant):
    """Compile a program anew, as a process that has just started does."""
    return float(jax.jit(lambda x: jnp.sin(x) * (7.25 + constant))(1.0))


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def no_note(text):
    raise AssertionError(text)


def test_programs_are_kept_in_the_users_cache_folder_by_version(folder, hits):
    constant, before = next(constants), dict(jax.config.values)
    with kept_programs(no_note):
        first = compiled(constant)
        assert not hits
    assert dict(jax.config.values) == before
    (kept,) = {file.parent for file in files(folder)}
    assert kept.parent == folder
    assert kept.name.startswith(f"accumbens-{version('accumbens')}-jax-{version('jax')}-jaxlib-{version('jaxlib')}-")
    compiled(constant)
    assert not hits  # the user's own programs, after a run
    with kept_programs(no_note):
        assert compiled(constant) == first
    assert hits


def test_programs_are_of_one_kind_of_machine(folder, monkeypatch):
    one = ProgramCache(folder, no_note).folder
    monkeypatch.setattr("platform.machine", lambda: "another")
    assert ProgramCache(folder, no_note).folder != one


def test_a_folder_can_be_named(folder, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine"))
    with kept_programs(no_note):
        compiled(next(constants))
    assert files(tmp_path / "mine")
    assert not folder.exists()


@pytest.mark.parametrize("how", ["off", "own folder", "disabled"])
def test_the_user_decides(folder, tmp_path, monkeypatch, how):
    if how == "off":
        monkeypatch.setenv(VARIABLE, "off")
    elif how == "own folder":
        jax.config.update("jax_compilation_cache_dir", str(tmp_path / "own"))
    else:
        jax.config.update("jax_enable_compilation_cache", False)
    before = dict(jax.config.values)
    try:
        with kept_programs(no_note):
            assert dict(jax.config.values) == before
            compiled(next(constants))
    finally:
        jax.config.update("jax_enable_compilation_cache", True)
    assert not folder.exists()
    assert (how == "own folder") == (tmp_path / "own").exists()


@pytest.mark.parametrize(
    ("value", "message"), [("of", r"it must be on, off or .*; did you mean off\?"), ("no", "it must be on, off or")]
)
def test_a_setting_that_is_none_is_refused(value, message, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(AccumbensError, match=f"{VARIABLE}={value} cannot be used: {message}"), kept_programs(no_note):
        pass
    with pytest.raises(SystemExit) as end:
        main(["train", "CartPole-v1", "ad_pqn", "--output", str(tmp_path / "runs")])
    assert end.value.code == 2
    assert f"error: {VARIABLE}={value}" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_file_is_no_folder(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    with pytest.raises(AccumbensError, match="and this is a file"), kept_programs(no_note):
        pass


def test_without_a_folder_there_is_one_note(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    told = []
    with kept_programs(told.append):
        compiled(next(constants))
        compiled(next(constants))
    (note,) = told
    assert note.startswith("compiled programs cannot be kept in ")
    assert note.endswith(f": Not a directory; {VARIABLE}=FOLDER names another folder, {VARIABLE}=off keeps none")


def test_a_full_disk_is_one_note_and_leaves_nothing(folder, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", fail)
    told = []
    with kept_programs(told.append):
        compiled(next(constants))
        compiled(next(constants))
    assert len(told) == 1
    assert "No space left on device" in told[0]
    assert not files(folder)


@pytest.mark.filterwarnings("error")  # the other tests share a folder in which JAX writes
def test_half_a_program_is_none_and_is_replaced(folder, hits):
    constant = next(constants)
    with kept_programs(no_note):
        compiled(constant)
    for file in files(folder):
        file.write_bytes(file.read_bytes()[:-9])
    with kept_programs(no_note):
        compiled(constant)
        assert not hits
    with kept_programs(no_note):
        compiled(constant)
    assert hits


def test_a_program_is_seen_whole_or_not_at_all(folder, monkeypatch):
    reader, writer = (ProgramCache(folder, no_note) for _ in range(2))
    replace, seen = os.replace, []

    def watched(*names):
        seen.append(reader.get("key"))
        replace(*names)
        seen.append(reader.get("key"))

    monkeypatch.setattr(os, "replace", watched)
    writer.put("key", b"program")
    assert seen == [None, b"program"]


PROCESS = """
import sys, time
import jax, jax.numpy as jnp
from accumbens.runs.programs import kept_programs
while time.time() < float(sys.argv[1]): pass  # all at once
with kept_programs(sys.exit):
    for n in range(12): jax.jit(lambda x: jnp.sin(x) * (n + 0.5))(1.0)
"""


def test_processes_that_compile_the_same_at_once_do_not_disturb_each_other(folder):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMPILATION")}
    command = [sys.executable, "-W", "error", "-c", PROCESS, str(time.time() + 3)]
    processes = [subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[1] for process in processes] == ["", "", ""]
    assert not [process.returncode for process in processes if process.returncode]
    assert len(files(folder)) >= 12
    assert not [file for file in files(folder) if file.name.startswith("new-")]


def test_the_least_recently_used_go_first_and_nothing_of_others(folder):
    cache = ProgramCache(folder, no_note)
    now = time.time()
    for key, minutes in {"a": 40, "b": 30, "c": 20, "d": 10}.items():
        cache.put(key, bytes(68))  # and its digest of 32
        used_before(cache._file(key), minutes * 60)
    assert cache.get("a")
    others = [folder / "notes.program", folder / "mine" / "a.program", cache.folder / "notes"]
    for other in others:
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(bytes(1000))
        used_before(other, now)
    prune(folder, 250)
    assert [cache.get(key) is not None for key in "abcd"] == [True, False, False, True]
    assert all(other.exists() for other in others)


def used_before(file, seconds):
    os.utime(file, (time.time() - seconds,) * 2)


def test_old_versions_go_when_a_program_is_kept(folder):
    old = folder / "accumbens-0.0.1-jax-0.8.0" / "old.program"
    old.parent.mkdir(parents=True)
    old.touch()
    used_before(old, (MOST_DAYS + 1) * 24 * 3600)
    with kept_programs(no_note):
        compiled(next(constants))
    assert not old.parent.exists()


def fitted(folder, name, **options):
    return accumbens.fit("digits", "backprop", layers=[4], epochs=2, out=folder, name=name, **options)


def learned(run):
    """The files of what a run came to."""
    ends = (max((run.path / kind).iterdir()) for kind in ("checkpoints", "snapshots"))
    return [(end.name, end.read_bytes()) for end in ends]


class StopError(Exception):
    """Ends a run."""


def stop(progress):
    assert progress.step < progress.total
    raise StopError


def test_no_bit_of_a_run_depends_on_the_programs_that_were_kept(folder, tmp_path, monkeypatch, hits):
    monkeypatch.setattr(FITS, "draw", lambda *_: None)
    monkeypatch.setenv(VARIABLE, "off")
    with pytest.raises(StopError):
        fitted(tmp_path, "resumed", callback=stop)
    monkeypatch.delenv(VARIABLE)
    cold = fitted(tmp_path, "cold")
    assert not hits
    warm = fitted(tmp_path, "warm")
    assert hits
    hits.clear()
    resumed = accumbens.open_run(tmp_path / "digits" / "backprop" / "resumed").resume()
    assert hits
    assert learned(cold) == learned(warm) == learned(resumed)


def test_importing_configures_nothing(folder):
    script = "import jax; before = dict(jax.config.values); import accumbens, accumbens.api, accumbens.cli.main; "
    script += "from accumbens.runs import launch; assert dict(jax.config.values) == before"
    subprocess.run([sys.executable, "-c", script], check=True)
