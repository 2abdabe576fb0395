import csv
import json
import math
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import pytest

from accumbens.errors import AccumbensError
from accumbens.runs import directory as runs
from accumbens.runs.directory import RunDirectory
from accumbens.runs.tables import Table, read_table, to_json, write_table
from accumbens.training.config import resolve_config
from accumbens.training.kind import AGENTS


@pytest.fixture(scope="module")
def config():
    return resolve_config("CartPole-v1", "ad_pqn", total_timesteps=1000)


def files(path):
    return {str(file.relative_to(path)) for file in path.rglob("*")}


def test_a_new_run_has_its_place_and_its_files(tmp_path, config):
    run = AGENTS.create(config, tmp_path, "first")
    assert run.path == tmp_path / "CartPole-v1" / "ad_pqn" / "first"
    assert files(run.path) == {"config.toml", "meta.json", "checkpoints", "snapshots"}
    found, found_config = AGENTS.open(run.path)
    assert found.path == run.path
    assert found_config == config


def test_a_module_that_is_run_is_known_by_its_command(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/accumbens/cli/main.py", "envs"])
    assert runs.command_line() == "accumbens envs"
    monkeypatch.setattr(sys, "argv", ["/somewhere/main.py", "envs"])
    assert runs.command_line() == "main.py envs"


def test_meta_says_what_ran_where(tmp_path, config, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/accumbens", "train", "CartPole-v1", "--name", "two words"])
    meta = AGENTS.create(config, tmp_path, None).read_meta()
    assert meta["command"] == "accumbens train CartPole-v1 --name 'two words'"
    assert meta["versions"]["jax"] == version("jax")
    assert set(meta["versions"]) == {"python", *runs.PACKAGES}
    assert meta["hardware"]["backend"] == "cpu"
    assert meta["hardware"]["cpu_cores"] >= 1
    assert len(meta["hardware"]["devices"]) >= 1
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$", meta["started"])


def test_the_commit_is_that_of_the_source(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    source = tmp_path / "runs.py"
    source.write_text("1")
    monkeypatch.setattr(runs, "__file__", str(source))
    assert runs.describe_machine()["commit"] is None
    git("init", "-q")
    assert runs.describe_machine()["commit"] is None, "a repository that only surrounds the source is not its own"
    git("add", "runs.py")
    git("commit", "-q", "-m", "x")
    commit = git("rev-parse", "HEAD")
    assert runs.describe_machine()["commit"] == commit
    source.write_text("2")
    assert runs.describe_machine()["commit"] == f"{commit}-dirty"
    monkeypatch.setenv("PATH", "")
    assert runs.describe_machine()["commit"] is None


def test_meta_grows_and_is_strict_json(tmp_path, config):
    run = AGENTS.create(config, tmp_path, "a")
    run.write_meta(result={"final_return": [math.nan, 1.5], "steps": (1, 2)}, wall_seconds=math.inf)
    text = run.meta.read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    meta = run.read_meta()
    assert meta["result"] == {"final_return": [None, 1.5], "steps": [1, 2]}
    assert meta["wall_seconds"] is None
    assert meta["versions"]["numpy"] == version("numpy")


def test_json_is_one_line_unless_asked_otherwise():
    assert json.loads(to_json({"a": [math.nan, 1, "x", None, True]})) == {"a": [None, 1, "x", None, True]}
    assert "\n" not in to_json({"a": {"b": 1}})


@pytest.mark.parametrize("content", [None, "{cut sho"])
def test_meta_that_cannot_be_read(tmp_path, content):
    run = RunDirectory(tmp_path)
    if content:
        run.meta.write_text(content)
    with pytest.raises(AccumbensError, match=r"meta\.json cannot be read"):
        run.read_meta()


def test_a_name_is_used_once(tmp_path, config):
    run = AGENTS.create(config, tmp_path, "mine")
    (run.path / "precious").write_text("x")
    before = files(tmp_path)
    with pytest.raises(
        AccumbensError, match="exists already; choose another --name, or continue it with 'accumbens re"
    ):
        AGENTS.create(config, tmp_path, "mine")
    assert files(tmp_path) == before


def test_a_file_of_that_name_is_left_alone(tmp_path, config):
    place = tmp_path / "CartPole-v1" / "ad_pqn"
    place.mkdir(parents=True)
    (place / "mine").write_text("precious")
    with pytest.raises(AccumbensError, match="exists already"):
        AGENTS.create(config, tmp_path, "mine")
    assert (place / "mine").read_text() == "precious"
    assert files(place) == {"mine"}


def test_runs_without_a_name_never_share_a_directory(tmp_path, config):
    paths = [AGENTS.create(config, tmp_path, None).path for _ in range(4)]
    assert len(set(paths)) == 4
    assert {path.name for path in paths} == files(paths[0].parent) - {
        f"{path.name}/{file}" for path in paths for file in files(path)
    }
    assert all(re.match(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(-\d+)?$", path.name) for path in paths)


def test_of_two_that_want_a_name_at_once_one_gets_it(tmp_path, config):
    def create_or_fail(name):
        try:
            return name, str(AGENTS.create(config, tmp_path, name).path)
        except AccumbensError as error:
            return name, str(error)

    names = [f"run{index}" for index in range(20)]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(create_or_fail, [name for name in names for _ in range(2)]))
    place = tmp_path / "CartPole-v1" / "ad_pqn"
    for name in names:
        mine = sorted(text for other, text in outcomes if other == name)
        assert len(mine) == 2
        assert str(place / name) in mine
        assert sum("exists already" in text for text in mine) == 1
        assert files(place / name) == {"config.toml", "meta.json", "checkpoints", "snapshots"}
    assert {path.name for path in place.iterdir()} == set(names), "nothing is left over"


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../up", "/etc"])
def test_a_name_is_a_single_folder(tmp_path, config, name):
    with pytest.raises(AccumbensError, match="it must be a single folder name"):
        AGENTS.create(config, tmp_path, name)
    assert files(tmp_path) == set()


def test_a_place_that_cannot_be_written(tmp_path, config):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(AccumbensError, match="cannot make a run directory in"):
        AGENTS.create(config, tmp_path / "out", "a")
    with pytest.raises(AccumbensError, match="cannot make a run directory in"):
        AGENTS.create(config, tmp_path, "x" * 300)
    assert files(tmp_path / "CartPole-v1" / "ad_pqn") == set(), "nothing half-made is left"


def test_what_fails_while_it_is_made_leaves_nothing(tmp_path, config, monkeypatch):
    monkeypatch.setattr(runs, "describe_machine", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        AGENTS.create(config, tmp_path, "a")
    assert files(tmp_path / "CartPole-v1" / "ad_pqn") == set()


def test_there_is_no_run(tmp_path):
    with pytest.raises(AccumbensError, match="there is no run at"):
        AGENTS.open(tmp_path / "nothing")
    with pytest.raises(AccumbensError, match="not a run directory"):
        AGENTS.open(tmp_path)


def test_one_process_at_a_time_continues_a_run(tmp_path, config):
    run = AGENTS.create(config, tmp_path, "a")
    taken = pytest.raises(AccumbensError, match=r"process \d+ on .* \(since .*\) is at work on the run")
    assert run.at_work() is None
    with run.lock(), taken, RunDirectory(run.path).lock():
        pass
    with run.lock():
        assert str(run.at_work()).startswith("process ")
    assert run.at_work() is None
    with RunDirectory(run.path).lock():
        pass


COLUMNS = ["step", "seed", "value"]


def row(step, seed=0, value=0.5):
    return {"step": step, "seed": seed, "value": value}


def test_a_table_keeps_what_is_appended(tmp_path):
    table = Table(tmp_path / "t.csv", COLUMNS)
    assert read_table(table.path) == []
    table.append([row(1), row(1, seed=1)])
    Table(table.path, COLUMNS).append([row(2, value=math.nan)])
    assert table.path.read_bytes() == b"step,seed,value\n1,0,0.5\n1,1,0.5\n2,0,nan\n"
    assert read_table(table.path)[2] == {"step": "2", "seed": "0", "value": "nan"}


def test_numbers_are_written_without_loss(tmp_path):
    table = Table(tmp_path / "t.csv", COLUMNS)
    values = [0.1, 1 / 3, 1e-300, 123456789.123456789]
    table.append(row(1, value=value) for value in values)
    assert [float(found["value"]) for found in read_table(table.path)] == values


def test_a_table_forgets_what_came_after(tmp_path):
    table = Table(tmp_path / "t.csv", COLUMNS)
    table.append([row(step, seed) for step in (8, 16, 24) for seed in (0, 1)])
    table.forget_after(16)
    assert [(found["step"], found["seed"]) for found in read_table(table.path)] == [
        ("8", "0"),
        ("8", "1"),
        ("16", "0"),
        ("16", "1"),
    ]
    table.append([row(24)])
    assert read_table(table.path)[-1]["step"] == "24"


@pytest.mark.parametrize("cut", ["2", "24", "24,", "24,0,", "24,0,0.", "24,0,0.5"])
def test_a_line_cut_short_is_forgotten(tmp_path, cut):
    table = Table(tmp_path / "t.csv", COLUMNS)
    table.append([row(8)])
    whole = table.path.read_bytes()
    with table.path.open("a") as file:
        file.write(cut)
    table.forget_after(10**9)
    assert table.path.read_bytes() == whole


def test_a_table_that_an_earlier_version_began_keeps_its_columns(tmp_path):
    path = tmp_path / "t.csv"
    Table(path, COLUMNS).append([row(1)])
    Table(path, [*COLUMNS, "later"]).append([row(2) | {"later": 7}])
    assert path.read_text().splitlines() == ["step,seed,value", "1,0,0.5", "2,0,0.5"]


def test_a_table_with_other_columns_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    Table(path, [*COLUMNS, "more"])
    with pytest.raises(AccumbensError, match="has other columns"):
        Table(path, COLUMNS)
    with path.open(newline="") as file:
        assert next(csv.reader(file)) == [*COLUMNS, "more"]


def test_a_whole_table_is_written_in_the_place_of_another(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("what was there\n" * 9)
    write_table(path, ({"a": value, "b": 'ä, "b"\n', "c": math.nan} for value in (1, 0.1, None)))
    cells = '"ä, ""b""\n",nan\n'
    assert path.read_bytes() == f"a,b,c\n1,{cells}0.1,{cells},{cells}".encode()
    assert read_table(path)[1] == {"a": "0.1", "b": 'ä, "b"\n', "c": "nan"}
    assert files(tmp_path) == {"t.csv"}


def test_a_table_of_given_columns_may_have_no_rows_and_rows_less_than_these(tmp_path):
    path = tmp_path / "t.csv"
    write_table(path, [], COLUMNS)
    assert path.read_bytes() == b"step,seed,value\n"
    write_table(path, [{"value": 1}, {"seed": 2, "step": 3}], COLUMNS)
    assert path.read_bytes() == b"step,seed,value\n,,1\n3,2,\n"


def test_a_table_that_cannot_be_written_leaves_what_was_there(tmp_path):
    path = tmp_path / "t.csv"
    with pytest.raises(AccumbensError, match=r"t\.csv cannot be written: there are no rows, and no columns"):
        write_table(path, [])
    assert files(tmp_path) == set()
    write_table(path, [row(1)])
    whole = path.read_bytes()
    with pytest.raises(ValueError, match="'more'"):
        write_table(path, [row(1), row(2) | {"more": 3}])
    assert path.read_bytes() == whole
    assert files(tmp_path) == {"t.csv"}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_who_only_looks_whether_a_run_is_at_work_does_not_keep_it_from_working(tmp_path):
    import fcntl

    (tmp_path / ".lock").write_text("process 1 on a machine (since then)")
    looking = (tmp_path / ".lock").open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    threading.Timer(0.2, looking.close).start()
    with RunDirectory(tmp_path).lock():
        assert f"process {os.getpid()} on " in RunDirectory(tmp_path).at_work()
    assert RunDirectory(tmp_path).at_work() is None
