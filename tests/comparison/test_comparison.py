"""Scores of runs, their groups and pairs, and the scale on which several environments are compared."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from accumbens import stats
from accumbens.comparison import compare, read_scales, read_scores, write_comparison
from accumbens.comparison.picture import draw_comparison
from accumbens.comparison.table import document
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs.comparing import Scale
from accumbens.runs.directory import RunDirectory
from accumbens.runs.looks import PALETTES
from accumbens.runs.tables import read_table, to_json
from accumbens.training.comparing import RANDOM, REFERENCES
from accumbens.training.episode_files import write_episodes
from accumbens.training.evaluate import Evaluation
from accumbens.training.kind import AGENTS

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def silent(text):
    raise AssertionError(text)


def scores(*paths, metric="final_return", step=None, warn=silent):
    return read_scores(paths, metric, {} if step is None else {"step": step}, warn)


def test_the_score_of_a_seed_is_its_last_number(make):
    (run,) = scores(make("a", [10.0, 20.0], seed=3))
    assert (run.scores, run.reached, run.config.algo) == ({3: 10.0, 4: 20.0}, {"step": 1024}, "ad_pqn")


def test_a_step_can_be_chosen_up_to_the_size_of_a_block(make):
    path = make("a", [10.0, 20.0])
    assert scores(path, step=514)[0].scores == {0: 5.0, 1: 10.0}
    with pytest.raises(AccumbensError, match=r"step=700 cannot be used: the nearest of .*/a is 512, its last 1,024"):
        scores(path, step=700)


def test_greedy_scores_are_of_the_full_network(make):
    path = make("a", [10.0, 20.0], greedy=[1.0, 2.0])
    (run,) = scores(path, metric="eval_return")
    assert (run.scores, run.note) == ({0: 2.0, 1: 4.0}, "10 episodes")


def test_episodes_that_were_played_afterwards_are_the_newest_greedy_ones(make):
    path = make("a", [10.0, 20.0])
    returns = np.arange(12.0).reshape(2, 2, 3)
    for step, epsilon, factor in ((512, 0.0, 100), (1024, 0.0, 1), (1024, 0.05, 50)):
        evaluation = Evaluation(returns * factor, np.ones((2, 2, 3), int), np.zeros((2, 2, 3), bool))
        write_episodes(RunDirectory(path), step, epsilon, evaluation, [0, 1])
    more = Evaluation(
        np.concatenate([returns, returns + 2], axis=-1), np.ones((2, 2, 6), int), np.zeros((2, 2, 6), bool)
    )
    write_episodes(RunDirectory(path), 1024, 0.0, more, [0, 1])
    (run,) = scores(path, metric="episodes")
    assert (run.scores, run.note) == ({0: 5.0, 1: 11.0}, "6 episodes")  # of the second prefix: 3, 4, 5 and 5, 6, 7
    assert scores(path, metric="episodes", step=512)[0].scores == {0: 400.0, 1: 1000.0}


def test_runs_without_numbers_are_left_out_with_a_word(make):
    told = []
    runs = [make("a", [1.0], greedy=[1.0]), make("b", [1.0])]
    assert len(scores(*runs, metric="eval_return", warn=told.append)) == 1
    assert told == [f"{runs[1]} has no eval_return yet and is left out"]
    with pytest.raises(AccumbensError, match="nothing to compare: no run has episodes yet"):
        scores(*runs, metric="episodes", warn=told.append)


def test_a_seed_without_a_number_is_an_error(make):
    with pytest.raises(AccumbensError, match=r"a cannot be compared: final_return at step 1,024 is \{0: 1.0, 1: nan\}"):
        scores(make("a", [1.0, np.nan]))


def test_exported_experiments_can_be_compared():
    runs = scores(RESULTS / "family")
    summary = {(row["env"], row["algo"], row["variant"]): row for row in read_table(RESULTS / "family" / "summary.csv")}
    assert len(runs) == len(summary) == 10
    for run in runs:
        row = summary[run.config.env, run.config.algo, run.config.settings.credit]
        found = " ".join(f"{score:.2f}" for score in run.scores.values())
        assert (found, str(run.reached["step"])) == (row["final_return_per_seed"], row["steps"])


def test_groups_are_agents_and_their_credit(make):
    local, twin, other = [1.0, 2.0, 3.0], [2.0, 2.5, 3.5], [5.0, 5.0, 9.0]
    found = compare(
        scores(make("a", local), make("b", twin, credit="backprop"), make("c", other, algo="pqn", credit="backprop"))
    )
    assert [group.name for group in found.groups] == ["ad_pqn/local", "ad_pqn/backprop", "pqn/backprop"]
    assert [(pair.x, pair.y, pair.paired) for pair in found.pairs] == [
        ("ad_pqn/local", "ad_pqn/backprop", True),
        ("ad_pqn/local", "pqn/backprop", False),
        ("ad_pqn/backprop", "pqn/backprop", False),
    ]
    assert found.scales == {}
    for group, values in zip(found.groups, (local, twin, other), strict=True):
        assert group.scores == {"CartPole-v1": values}
        assert group.summary == stats.summarise({"CartPole-v1": values}, target=None)
    paired = found.pairs[0]
    assert paired.difference == stats.difference({"a": local}, {"a": twin}, paired=True)
    assert paired.improvement == stats.probability_of_improvement({"a": local}, {"a": twin}, paired=True)
    assert found.pairs[1].difference == stats.difference({"a": local}, {"a": other})
    assert found.notes == [
        "fewer than 5 seeds: ad_pqn/local (3), ad_pqn/backprop (3), pqn/backprop (3); too few for a claim, and their "
        "intervals are too narrow"
    ]


@pytest.mark.parametrize(
    "other",
    [{"seed": 1}, {"learning_rate": 0.5}, {"returns": [1.0, 2.0]}, {"step": 4096}],
    ids=lambda change: str(*change),
)
def test_only_twins_with_the_same_seeds_are_paired(make, other):
    returns = other.pop("returns", [4.0, 5.0, 6.0])
    found = compare(scores(make("a", [1.0, 2.0, 3.0]), make("b", returns, credit="backprop", **other)))
    assert not found.pairs[0].paired


def test_pairs_are_by_seed_also_when_seeds_are_spread_over_runs(make):
    late, early = make("late", [30.0, 40.0], seed=2), make("early", [10.0, 20.0], seed=0)
    twin = make("twin", [11.0, 22.0, 33.0, 44.0], credit="backprop")
    found = compare(scores(late, early, twin))
    assert found.groups[0].scores == {"CartPole-v1": [10.0, 20.0, 30.0, 40.0]}
    assert found.pairs[0].paired
    assert found.pairs[0].difference.low < 0
    assert found.pairs[0].difference.high < 0


def test_any_setting_makes_groups(make):
    runs = scores(make("a", [1.0], num_envs=16), make("b", [2.0], num_envs=32))
    assert [group.name for group in compare(runs, ["algo", "num_envs"]).groups] == [
        "ad_pqn/num_envs=16",
        "ad_pqn/num_envs=32",
    ]
    assert [group.name for group in compare(runs, ["run"]).groups] == [str(run.path) for run in runs]
    with pytest.raises(AccumbensError, match="unknown setting to group by 'num_env'; did you mean 'num_envs'"):
        compare(runs, ["num_env"])
    with pytest.raises(AccumbensError, match="by='algo,algo' cannot be used"):
        compare(runs, ["algo", "algo"])
    with pytest.raises(
        AccumbensError,
        match=r"seed 0 of CartPole-v1 would count twice in the group ad_pqn/local: .*--by algo,credit,num_envs",
    ):
        compare(runs)


def test_a_group_that_mixes_settings_is_named(make):
    runs = scores(make("a", [1.0], num_envs=16), make("b", [2.0], num_envs=32, seed=1))
    assert "the group ad_pqn/local mixes runs that differ in num_envs" in compare(runs).notes


def test_seeds_by_which_a_sweep_chose_are_told_from_those_that_report(make):
    chosen, other = (make(f"sweeps/mine/discount=0.{n}", [1.0, 2.0], discount=f"0.{n}") for n in (9, 8))
    again = make("sweeps/mine/discount=0.9,seeds=2-3", [1.0, 2.0], seed=2, discount="0.9")
    said = "the group {} has the seeds by which a sweep chose its best point, and the reporting seeds"
    notes = compare(scores(chosen, other, again), by=["discount"]).notes
    assert [note for note in notes if note.startswith(said.format("discount=0.9"))]
    assert not [note for note in notes if note.startswith(said.format("discount=0.8"))]
    assert not [note for note in compare(scores(other, again), by=["discount"]).notes if "chose" in note]


def test_runs_at_different_steps_are_named(make):
    found = compare(scores(make("a", [1.0]), make("b", [2.0], algo="pqn", credit="backprop", step=2048)))
    assert found.notes[0] == (
        "runs in CartPole-v1 are at different steps, from 1,024 to 2,048: --step 1024 compares them at the same"
    )
    near = compare(
        scores(make("c", [1.0], step=100_000), make("d", [2.0], algo="pqn", credit="backprop", step=100_900))
    )
    assert not any("different steps" in note for note in near.notes)


SCALES = {"CartPole-v1": Scale(0.0, 100.0, "me"), "Acrobot-v1": Scale(-500.0, -100.0, "me")}


def test_several_environments_are_normalised(make):
    returns = {"CartPole-v1": [50.0, 100.0], "Acrobot-v1": [-500.0, 100.0]}
    runs = scores(*(make(env, values, env=env) for env, values in returns.items()))
    found = compare(runs, given=SCALES)
    group = found.groups[0]
    assert group.scores == {"CartPole-v1": [0.5, 1.0], "Acrobot-v1": [0.0, 1.5]}
    assert group.summary.mean.point == 0.75
    assert group.summary.optimality_gap.point == pytest.approx((0.5 + 0 + 1 + 0) / 4)
    assert found.scales == SCALES
    with pytest.raises(AccumbensError, match="there is no scale for Nowhere"):
        compare(
            [runs[0], runs[1]._replace(config=runs[1].config.__class__(**vars(runs[1].config) | {"env": "Nowhere"}))]
        )


def test_one_environment_is_normalised_only_when_asked(make):
    runs = scores(make("a", [50.0, 60.0]))
    assert compare(runs).groups[0].scores == {"CartPole-v1": [50.0, 60.0]}
    assert compare(runs, given=SCALES).groups[0].scores == {"CartPole-v1": [0.5, 0.6]}


def test_only_environments_that_all_groups_have_are_compared(make):
    runs = scores(
        make("a", [50.0]), make("b", [-400.0], env="Acrobot-v1"), make("c", [70.0], algo="pqn", credit="backprop")
    )
    found = compare(runs)
    assert [list(group.scores) for group in found.groups] == [["CartPole-v1"], ["CartPole-v1"]]
    assert "ad_pqn/local is compared without Acrobot-v1, which not all groups were run on" in found.notes


def test_environments_beside_one_another_are_no_pairs(make):
    runs = scores(make("a", [50.0, 60.0]), make("b", [-400.0, -300.0], env="Acrobot-v1"))
    found = compare(runs, ["env"], SCALES)
    assert [(group.name, group.scores) for group in found.groups] == [
        ("CartPole-v1", {"CartPole-v1": [0.5, 0.6]}),
        ("Acrobot-v1", {"Acrobot-v1": [0.25, 0.5]}),
    ]
    assert found.pairs == []
    assert "no environment is common to all groups: their statistics are of different environments" in found.notes


def test_a_different_number_of_seeds_is_named(make):
    runs = scores(make("a", [50.0] * 5), make("b", [-400.0] * 6, env="Acrobot-v1"))
    assert compare(runs, given=SCALES).notes == [
        "not the same number of seeds in every environment: ad_pqn/local; the interquartile mean weighs each seed, the "
        "others each environment"
    ]


def test_the_scale_of_the_papers_is_random_play_and_their_agent():
    rows, scales = read_table(RESULTS / "random_play.csv"), AGENTS.comparing.scales
    assert [row["env"] for row in rows] == list(REFERENCES) == list(RANDOM)
    for row in rows:
        scale = scales[row["env"]]
        assert (scale.zero, scale.one) == (float(row["mean_return"]), REFERENCES[row["env"]].value)
        assert scale.one - scale.zero > 20 * float(row["standard_error"])
        assert (scale.normalise(scale.zero), scale.normalise(scale.one)) == (0.0, 1.0)
    assert "FrozenLake-v1" not in scales
    # Known without playing: a random MountainCar never arrives, and 1 is what the paper's agent got, -109.
    assert RANDOM["MountainCar-v0"] == -200
    assert scales["MountainCar-v0"].normalise(-154.5) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("env,zero\na,1\n", "it needs the columns env, zero, one"),
        ("", "is empty"),
        ("env,zero,one\na,1,1\n", "a has zero=1.0 and one=1.0"),
        ("env,zero,one\na,1,inf\n", "a has zero=1.0 and one=inf"),
        ("env,zero,one\na,1\n", "line 2 has 2 cells, the first row 3"),
        ("env,zero,one\na,1,x\n", "one in line 2 is 'x': expected a number"),
        ("env,zero,one\na,1,2\na,2,3\n", "a has two rows, the second in line 3"),
        (None, "No such file"),
    ],
)
def test_scales_that_cannot_be_used_are_refused(text, message, tmp_path):
    path = tmp_path / "scales.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(AccumbensError, match=message):
        read_scales(path)


@pytest.mark.parametrize(
    "text",
    [
        "env,zero,one\nCartPole-v1,0.5,100\n",
        "\ufeffenv;zero;one\nCartPole-v1;0,5;100\n",
        "sep=;\none;zero;env\n100;0,5;CartPole-v1\n\n",
        "# mine\nenv\tzero\tone\nCartPole-v1\t0.5\t100\n",
    ],
)
def test_scales_however_they_are_written(text, tmp_path):
    (tmp_path / "scales.csv").write_text(text)
    assert read_scales(tmp_path / "scales.csv") == {"CartPole-v1": Scale(0.5, 100.0, str(tmp_path / "scales.csv"))}


def test_scales_that_no_run_needs_are_named_and_those_of_nothing_refused(make):
    runs = scores(make("a", [50.0, 60.0]))
    assert "no run compared has the environment Acrobot-v1: its scale is not used" in compare(runs, given=SCALES).notes
    given = SCALES | {"CartPol-v1": Scale(0.0, 100.0, "mine.csv")}
    with pytest.raises(
        UnknownNameError, match=r"environment in mine\.csv, which no run .* 'CartPol-v1'; did you mean 'CartPole-v1'"
    ):
        compare(runs, given=given)


def test_a_comparison_can_be_written_and_drawn(make, tmp_path):
    (tmp_path / "scales.csv").write_text("env,zero,one\nCartPole-v1,0,100\nAcrobot-v1,-500,-100\n")
    runs = [make(f"a{env}", [50.0, 60.0], env=env) for env in SCALES]
    runs += [make(f"b{env}", [70.0, 60.0], env=env, credit="backprop") for env in SCALES]
    found = compare(scores(*runs), given=read_scales(tmp_path / "scales.csv"))
    write_comparison(found, tmp_path / "c.csv")
    with (tmp_path / "c.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    alone = [row for row in rows if row["env"]]
    assert [(row["env"], row["group"], row["statistic"]) for row in alone] == [
        (env, group, name)
        for env in SCALES
        for group in ("ad_pqn/local", "ad_pqn/backprop")
        for name in ("iqm", "median", "mean")
    ]
    assert [(row["point"], row["environments"], row["normalised"]) for row in alone[2::3]] == [
        (mean, "1", "False") for _ in SCALES for mean in ("55.0", "65.0")
    ]
    rows = rows[len(alone) :]
    assert [(row["group"], row["other"], row["statistic"]) for row in rows] == [
        *(("ad_pqn/local", "", name) for name in ("iqm", "median", "mean", "optimality_gap")),
        *(("ad_pqn/backprop", "", name) for name in ("iqm", "median", "mean", "optimality_gap")),
        ("ad_pqn/local", "ad_pqn/backprop", "probability_of_improvement"),
        ("ad_pqn/local", "ad_pqn/backprop", "iqm_difference"),
    ]
    mean = found.groups[0].summary.mean
    assert [float(rows[2][name]) for name in ("point", "low", "high")] == list(mean)
    assert (rows[2]["seeds"], rows[2]["environments"], rows[2]["normalised"], rows[2]["paired"]) == (
        "2",
        "2",
        "True",
        "",
    )
    assert rows[-1]["paired"] == "True"
    plain = json.loads(to_json(document(found)))
    assert plain["groups"][0]["mean"] == list(mean)
    assert [(env, one["group"], one["mean"][0]) for env, own in plain["environments"].items() for one in own] == [
        (env, group, mean) for env in SCALES for group, mean in (("ad_pqn/local", 55.0), ("ad_pqn/backprop", 65.0))
    ]
    assert plain["groups"][0]["runs"][0]["returns"] == {"0": 50.0, "1": 60.0}
    assert plain["pairs"][0]["improvement"] == list(found.pairs[0].improvement)
    for ending in (".png", ".svg"):
        draw_comparison(found, tmp_path / f"f{ending}")
        assert (tmp_path / f"f{ending}").stat().st_size > 10_000


def test_single_seeds_and_equal_scores_are_drawn_too(make, tmp_path):
    found = compare(scores(make("a", [5.0]), make("b", [5.0], algo="pqn", credit="backprop")))
    write_comparison(found, tmp_path / "c.csv")
    assert read_table(tmp_path / "c.csv")[0]["low"] == ""
    draw_comparison(found, tmp_path / "f.png")


def test_every_place_has_the_statistics_of_its_own_runs(make):
    runs = [make(f"a{env}", [1.0, 3.0], env=env) for env in ("CartPole-v1", "Acrobot-v1")]
    found = compare(scores(*runs, make("b", [5.0, 9.0], credit="backprop")))
    assert {env: [group.name for group in groups] for env, groups in found.alone.items()} == {
        "CartPole-v1": ["ad_pqn/local", "ad_pqn/backprop"],
        "Acrobot-v1": ["ad_pqn/local"],  # which the statistics of both groups do without
    }
    twin = found.alone["CartPole-v1"][1]
    assert twin.scores == {"CartPole-v1": [5.0, 9.0]}
    assert twin.summary == stats.summarise(twin.scores, target=None)
    assert compare(scores(runs[0])).alone == {}


def test_figures_have_a_colour_for_local_credit_and_one_for_the_twin(make, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *words, **options: drawn.append(figure))
    runs = [make(f"b{env}", [7.0, 6.0], env=env, credit="backprop") for env in SCALES]
    runs += [make(f"a{env}", [5.0, 6.0], env=env) for env in SCALES]
    draw_comparison(compare(scores(*runs)), tmp_path / "f.png")
    panels = {axes.get_title(): axes for axes in drawn[0].axes}
    twin, local = to_rgb(PALETTES["twin"][0]), to_rgb(PALETTES["first"][0])
    for title in (*SCALES, "interquartile mean", "mean"):
        assert [bar.get_facecolor()[:3] for bar in panels[title].patches] == [twin, local]
    for title in ("CartPole-v1", "interquartile mean"):
        assert [text.get_text() for text in panels[title].get_yticklabels()] == [
            "ad_pqn/backprop (2)",
            "ad_pqn/local (2)",
        ]
    profiles = drawn[0].axes[-1]
    assert [to_rgb(line.get_color()) for line in profiles.lines] == [twin, local]
    assert (profiles.get_xlabel(), profiles.get_ylabel()) == ("normalised final return τ", "share of runs above τ")
    assert panels["CartPole-v1"].get_xlabel() == "final return"


def test_figures_of_runs_have_no_paths(make, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *words, **options: drawn.append(figure))
    draw_comparison(compare(scores(make("a", [5.0, 6.0]), make("b", [5.0, 7.0])), ["run"]), tmp_path / "f.png")
    assert [text.get_text() for text in drawn[0].axes[0].get_yticklabels()] == ["a (2)", "b (2)"]
    assert str(tmp_path) not in " ".join(text.get_text() for text in drawn[0].findobj(Text))
