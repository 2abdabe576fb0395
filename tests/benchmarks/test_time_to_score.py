"""When a score counts as reached, which runs are repeated, and what the table says; nothing is trained here."""

import itertools
import json
import math
import subprocess

import pytest

from accumbens.errors import AccumbensError

ROW = {
    "build": "today",
    "env": "CartPole-v1",
    "algo": "ad_pqn",
    "settings": "",
    "seed": 0,
    "commit": "0123abc",
    "target": 495.0,
    "reached": True,
    "steps": 1000,
    "cpu_seconds": 10.0,
    "wall_seconds": 20.0,
    "compile_cpu_seconds": 5.0,
    "compile_wall_seconds": 6.0,
    "mean_return": 496.5,
    "episodes": 120,
    "total_timesteps": 2000,
    "max_steps": 2000,
    "resolution": 10,
    "core": "0",
}
FIRST = ("ad_pqn", "", "old")


@pytest.fixture(scope="module")
def rows(script):
    return script("time_to_score_rows")


@pytest.fixture(scope="module")
def table(script):
    return script("time_to_score_table")


@pytest.fixture(scope="module")
def command(script):
    return script("time_to_score")


def point(steps, mean_return, episodes):
    return {"steps": steps, "cpu_seconds": steps / 10, "wall_seconds": 1.0, "mean_return": mean_return} | {
        "episodes": episodes
    }


def test_targets_are_the_end_values_of_the_ad_paper(command):
    values = {env: entry.value for env, entry in command.TARGETS.items()}
    games = {"freeway": 57.5, "breakout": 26.8, "seaquest": 42, "asterix": 22, "space_invaders": 138.5}
    classic = {"CartPole-v1": 495, "Acrobot-v1": -67, "MountainCar-v0": -109, "LunarLander-v3": 269}
    assert values == {f"minatar/{game}": value for game, value in games.items()} | classic


@pytest.mark.parametrize(
    ("mean_return", "episodes", "passed"),
    [(495.0, 100, True), (500.0, 99, False), (494.9, 300, False), (math.nan, 100, False)],
)
def test_a_target_is_passed_by_a_full_window_of_episodes(script, mean_return, episodes, passed):
    assert script("score_run").has_passed(mean_return, episodes, 495.0) is passed


def test_runs_are_looked_at_after_a_hundredth_and_at_most_50_000_steps(script):
    blocks = script("score_run").blocks_of_chunk
    assert [blocks(5_000_000, 4096), blocks(100_000_000, 4096), blocks(250_000, 2048), blocks(10_000, 2048)] == [
        12,
        12,
        1,
        1,
    ]


def test_the_outcome_is_the_first_point_that_passed_or_else_the_last(rows):
    points = [point(10, 600, 50), point(20, 500, 100), point(30, 300, 150), point(40, 501, 200)]
    assert rows.outcome(points, 495) == points[1] | {"reached": True}
    assert rows.outcome(points, 502) == points[-1] | {"reached": False}


def test_rows_are_read_back_as_they_were_written_and_the_last_counts(rows, tmp_path):
    path = tmp_path / "rows.csv"
    first, other = rows.Row(**ROW | {"reached": False}), rows.Row(**ROW | {"settings": "cell=constant_key rank=4"})
    for row in (first, other, rows.Row(**ROW)):
        rows.append_row(path, row)
    assert rows.read_rows(path) == {first.task: rows.Row(**ROW), other.task: other}
    path.write_text("env,algo\n")
    with pytest.raises(AccumbensError, match="other columns"):
        rows.read_rows(path)


@pytest.mark.parametrize(
    ("changes", "max_steps", "done"),
    [
        ({}, 2000, True),
        ({"reached": False}, 2000, True),
        ({"reached": False, "max_steps": 500}, 500, True),
        ({"reached": False, "max_steps": 500}, 501, False),
        ({"max_steps": 500}, 2000, True),
        ({"target": 400.0}, 2000, False),
        ({"total_timesteps": 3000}, 2000, False),
    ],
)
def test_what_reached_the_target_or_failed_to_in_as_many_steps_is_not_repeated(rows, changes, max_steps, done):
    assert rows.is_done(rows.Row(**ROW | changes), 495.0, 2000, max_steps) is done


def group(rows, build, settings, seconds):
    for seed, needed in enumerate(seconds):
        outcome = {"cpu_seconds": needed or 99.0, "reached": needed is not None, "seed": seed}
        yield rows.Row(**ROW | outcome | {"build": build, "settings": settings})


def test_ratios_are_of_medians_and_a_run_that_did_not_reach_needs_more_than_any(rows, table):
    before = list(group(rows, "old", "", (40.0, 80.0, None)))
    after = list(group(rows, "today", "", (20.0, 10.0, 30.0)))
    never = list(group(rows, "today", "rank=4", (5.0, None, None)))
    assert table.ratio(after, before, "cpu_seconds") == 4.0
    assert math.isnan(table.ratio(never, before, "cpu_seconds"))
    lines = [line.strip("| ").split(" | ") for line in table.markdown([*before, *after, *never], FIRST).splitlines()]
    columns = (2, 3, 4, 8, 9)
    assert [[line[column] for column in columns] for line in lines[2:]] == [
        ["old (0123abc)", "495 in 2 of 3", "80.0 (40.0)", "–", "–"],
        ["today (0123abc)", "495 in 3 of 3", "20.0 (10.0)", "`ad_pqn` old, n = 3, 3", "4.00"],
        ["today (0123abc)", "495 in 1 of 3", "not reached (5.0)", "`ad_pqn` old, n = 3, 3", "–"],
    ]


def test_a_variant_is_compared_with_the_same_variant_or_a_preset_of_the_first_build(rows, table):
    presets = list(group(rows, "old", "", [1.0]))
    variants = list(group(rows, "today", "rank=4", [1.0]))
    other = [row._replace(algo="ad_ck_pqn") for row in variants]
    groups = table.grouped([*presets, *variants, *other])
    preset, variant, newer = groups
    assert [table.baseline(groups, key, FIRST) for key in groups] == [None, preset, preset]
    same = table.grouped(list(group(rows, "old", "rank=4", [1.0])))
    assert [table.baseline(groups | same, key, FIRST) for key in (variant, newer)] == [next(iter(same)), preset]


def test_variants_stand_beside_the_preset_and_a_length_is_one_of_their_settings(command):
    texts = command.variants([["rank=4", "cell=dot"], []], 500)
    assert texts == ["total_timesteps=500", "cell=dot rank=4 total_timesteps=500"]
    assert command.request("CartPole-v1", "ad_pqn", texts[1]) == {
        "env": "CartPole-v1",
        "algo": "ad_pqn",
        "settings": {"cell": "dot", "rank": "4"},
        "total_timesteps": 500,
    }
    with pytest.raises(AccumbensError, match="key=value, not 'rank'"):
        command.variants([["rank"]], None)


@pytest.fixture
def worktrees(tmp_path):
    """Two builds, of which no run is really made."""
    for name in ("old", "today"):
        (tmp_path / name / "src" / "accumbens").mkdir(parents=True)
        (tmp_path / name / "src" / "accumbens" / "__init__.py").touch()
        for git in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a", "commit", "-qm", "a"]):
            subprocess.run(["git", "-C", tmp_path / name, *git], check=True)
    return [f"{name}={tmp_path / name}" for name in ("old", "today")]


def test_builds_alternate_what_is_done_is_kept_and_what_failed_is_told(
    command, worktrees, tmp_path, monkeypatch, capsys
):
    ran, broken = [], {("today", 1)}

    def child(build, core, what, document):
        asked = json.loads(document)
        if what == "probe":
            return json.dumps(["no such cell" if one["settings"] and build.name == "old" else 2000 for one in asked])
        ran.append((build.name, *asked["settings"].values(), asked["seed"]))
        if ran[-1] in broken:
            raise subprocess.CalledProcessError(3, "score_run.py")
        lines = [",".join(point(0, 0, 0)), *(f"{step},{step / 10},1,{step},{step}" for step in (100, 495, 600))]
        with open(asked["curve"], "w") as file:
            file.write("\n".join(lines))
        return json.dumps({"compile_cpu_seconds": 1, "compile_wall_seconds": 2, "resolution": 100})

    monkeypatch.setattr(command, "child", child)
    given = ["--envs", "CartPole-v1", "--builds", *worktrees, "--results", str(tmp_path / "results"), "--core", "0"]
    given += ["--set", "cell=constant_key", "--seeds", "0", "1"]
    assert command.main(given) == 1
    variants = itertools.product((0, 1), [("old",), ("today",), ("today", "constant_key")])
    assert ran == [(*who, seed) for seed, who in variants]
    told = capsys.readouterr().out
    assert "left out: old, CartPole-v1 ad_pqn cell=constant_key: no such cell" in told
    assert "CartPole-v1 ad_pqn today seed 1: FAILED with exit status 3" in told
    assert "reached 495 (495.0) after 495 steps, 49.5 CPU s" in told

    broken.clear()
    ran.clear()
    assert command.main(given) == 0
    assert ran == [("today", 1)]
    assert capsys.readouterr().out.count(": kept\n") == 5
    names = {path.name for path in (tmp_path / "results" / "time_to_score").iterdir()}
    assert "CartPole-v1_ad_pqn+cell=constant_key_today_1.csv" in names
    assert len(names) == 7, "six curves, the figure, and nothing unfinished"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--builds", "today"], "a build is name=path of a worktree"),
        (["--builds", "to_day=."], "part of file names"),
        (["--envs", "probe/conditioning"], "unknown environment of the AD paper"),
    ],
)
def test_bad_input_is_refused(command, given, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(command.RESULTS.parents[1])
    assert command.main([*given, "--results", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
