"""Fits beside one another: by rule, with accuracies and with losses, of which less is better."""

import json
import shutil

import pytest

from accumbens import stats
from accumbens.comparison import compare, read_scales, read_scores, write_comparison
from accumbens.comparison.picture import draw_comparison
from accumbens.comparison.table import document
from accumbens.errors import AccumbensError
from accumbens.runs.tables import read_table, to_json


def silent(text):
    raise AssertionError(text)


def scores(*paths, metric=None, step=None, warn=silent, epoch=None):
    at = {clock: number for clock, number in (("step", step), ("epoch", epoch)) if number is not None}
    return read_scores(paths, metric, at, warn)


def test_the_score_of_a_seed_is_its_accuracy_or_in_regression_its_loss(make_fit):
    (run,) = scores(make_fit("a", [0.5, 0.75], seed=3))
    assert (run.metric.name, run.scores) == ("test_accuracy", {3: 0.5, 4: 0.75})
    assert run.reached == {"step": 40, "epoch": 4.0}
    (run,) = scores(make_fit("b", [5.0, 7.0], task="diabetes"))
    assert (run.metric.name, run.scores, run.place) == ("test_loss", {0: 5.0, 1: 7.0}, "diabetes")
    (run,) = scores(make_fit("c", [0.5, 0.75]), metric="valid_loss")
    assert run.scores == {0: 2.0 - 0.4, 1: 3.0 - 0.4}


def test_a_step_or_an_epoch_can_be_chosen(make_fit):
    path = make_fit("a", [0.5, 0.75])
    assert scores(path, step=20)[0].scores == scores(path, epoch=2)[0].scores == {0: 0.25, 1: 0.375}
    with pytest.raises(AccumbensError, match=r"epoch=2.5 cannot be used: the nearest of .*/a is 2, its last 4"):
        scores(path, epoch=2.5)
    with pytest.raises(AccumbensError, match=r"epoch=2 cannot be used: it is for fits, .* at it or at a step"):
        scores(path, epoch=2, step=20)


def test_only_fits_have_epochs_and_their_own_metrics(make, make_fit):
    agent, fit = make("agent", [1.0]), make_fit("fit", [0.5])
    with pytest.raises(AccumbensError, match="epoch=2 cannot be used: it is for fits"):
        scores(agent, epoch=2)
    with pytest.raises(AccumbensError, match=r"unknown metric 'final_return'.*test_accuracy, test_loss"):
        scores(fit, metric="final_return")
    with pytest.raises(AccumbensError, match="unknown metric 'test_acuracy'; did you mean 'test_accuracy'"):
        scores(fit, metric="test_acuracy")
    with pytest.raises(AccumbensError, match=f"there are the agent {agent} and the fit {fit}"):
        scores(fit, agent)


def test_fits_without_the_metric_are_left_out_with_a_word(make_fit):
    told = []
    runs = [make_fit("a", [0.5]), make_fit("b", [5.0], task="diabetes"), make_fit("c", [0.5])]
    (runs[2] / "metrics.csv").unlink()
    assert len(scores(*runs, metric="test_accuracy", warn=told.append)) == 1
    assert told == [
        f"{runs[1]} has no test_accuracy and is left out",
        f"{runs[2]} has no test_accuracy yet and is left out",
    ]
    with pytest.raises(AccumbensError, match="there is nothing to compare: no run has test_accuracy"):
        scores(runs[1], metric="test_accuracy", warn=told.append)
    # What classification and regression have in common.
    assert [run.metric.name for run in scores(*runs[:2])] == ["test_loss", "test_loss"]


def test_exported_fits_are_read_as_they_are(make_fit, tmp_path):
    path, out = make_fit("a", [0.5, 0.75]), tmp_path / "exported"
    out.mkdir()
    shutil.copy(path / "config.toml", out / "digits-backprop-a.toml")
    shutil.copy(path / "metrics.csv", out / "digits-backprop-a.csv")
    (run,) = scores(out)
    assert (run.path, run.scores) == (out / "digits-backprop-a", {0: 0.5, 1: 0.75})


def test_groups_are_rules_and_more_accuracy_is_better(make_fit):
    one, other = [0.5, 0.625, 0.75], [0.5, 0.25, 0.375]
    found = compare(scores(make_fit("a", one), make_fit("b", other, rule="coagent")))
    assert [(group.name, group.scores) for group in found.groups] == [
        ("backprop", {"digits": one}),
        ("coagent", {"digits": other}),
    ]
    assert not found.less_is_better
    (pair,) = found.pairs
    assert pair.improvement.point == pytest.approx((8 + 0.5) / 9)
    assert pair.improvement == stats.probability_of_improvement({"": one}, {"": other}, paired=pair.paired)
    assert pair.difference.point == 0.25
    assert found.notes == [
        "fewer than 5 seeds: backprop (3), coagent (3); too few for a claim, and their intervals are too narrow"
    ]


def test_less_loss_is_better(make_fit):
    one, other = [3.0, 4.0, 5.0], [5.0, 7.0, 6.0]
    a, b = (make_fit(rule, losses, task="diabetes", rule=rule) for rule, losses in
            (("backprop", one), ("coagent", other)))  # fmt: skip
    found = compare(scores(a, b))
    assert found.less_is_better
    (pair,) = found.pairs
    # 3 and 4 are below all of 5, 7, 6, and 5 is below two and draws with one.
    assert pair.improvement.point == pytest.approx((3 + 3 + 2.5) / 9)
    assert pair.difference.point == -2.0
    assert pair.difference.high < 0
    assert found.groups[0].summary == stats.summarise({"": one}, target=None)


@pytest.mark.parametrize(
    ("other", "paired"),
    [
        ({}, True),
        ({"learning_rate": 0.5}, True),
        ({"first": [2.0, 3.0, 4.5]}, False),
        ({"digest": "of other data"}, False),
        ({"batch_size": 64}, False),
        ({"seed": 1}, False),
        ({"epochs": 5}, True),
        ({"test_fraction": 0.3}, False),
    ],
    ids=str,
)
def test_seeds_are_paired_that_had_the_same_data_batches_and_first_network(make_fit, other, paired):
    runs = scores(make_fit("a", [0.5, 0.6, 0.7]), make_fit("b", [0.6, 0.5, 0.8], rule="feedback-alignment", **other))
    assert compare(runs).pairs[0].paired is paired


def test_a_fit_without_its_first_evaluation_is_not_paired(make_fit):
    a, b = make_fit("a", [0.5, 0.6]), make_fit("b", [0.6, 0.5], rule="feedback-alignment")
    for path in (a, b):
        lines = (path / "metrics.csv").read_text().splitlines(keepends=True)
        (path / "metrics.csv").write_text("".join([lines[0], *lines[3:]]))
    assert not compare(scores(a, b)).pairs[0].paired


def test_any_setting_of_rule_or_task_makes_groups(make_fit):
    runs = scores(
        make_fit("a", [0.5], rule="coagent"),
        make_fit("b", [0.5], rule="coagent", baseline="none"),
        make_fit("c", [0.5], test_fraction=0.3),
    )
    names = [group.name for group in compare(runs, ["rule", "baseline", "test_fraction"]).groups]
    assert names == [
        "coagent/baseline=global/test_fraction=0.2",
        "coagent/baseline=none/test_fraction=0.2",
        "backprop/baseline=–/test_fraction=0.3",
    ]
    with pytest.raises(AccumbensError, match=r"seed 0 of digits would count twice .* coagent: .*--by rule,baseline"):
        compare(runs)
    with pytest.raises(AccumbensError, match="unknown setting to group by 'credit'"):
        compare(runs, ["credit"])
    more = scores(make_fit("d", [0.5], rule="coagent", samples=5), make_fit("e", [0.5], rule="coagent", samples=5))
    with pytest.raises(AccumbensError, match=r"with --by rule,baseline,samples,run "):
        compare([*runs, *more])


def test_data_and_epochs_that_differ_are_named(make_fit):
    a = make_fit("a", [0.5])
    notes = compare(scores(a, make_fit("b", [0.5], rule="coagent", epochs=8))).notes
    assert notes[0] == "runs on digits are at different epochs, from 4 to 8: --epoch 4 compares them at the same"
    notes = compare(scores(a, make_fit("c", [0.5], rule="coagent", test_fraction=0.3))).notes
    assert notes[0] == "fits of digits did not have the same data: they differ in test_fraction"
    notes = compare(scores(a, make_fit("d", [0.5], rule="coagent", digest="other"))).notes
    assert notes[0] == "fits of digits did not have the same data: their SHA-256 differs"
    # The same epochs in batches of another size are other numbers of updates.
    assert len(compare(scores(a, make_fit("e", [0.5], rule="coagent", batch_size=16))).notes) == 1


def test_several_tasks_need_a_scale_on_which_more_is_better(make_fit, tmp_path):
    values = {("digits", "backprop"): [0.5, 0.75], ("diabetes", "backprop"): [3.0, 1.0]}
    values |= {("digits", "coagent"): [0.25, 0.5], ("diabetes", "coagent"): [4.0, 2.0]}
    runs = [make_fit(f"{task}-{rule}", found, task=task, rule=rule) for (task, rule), found in values.items()]
    losses = scores(*runs)
    with pytest.raises(
        AccumbensError,
        match=r"scores of several tasks cannot be averaged, and there is no scale for digits, diabetes: compare one "
        r"task at a time, or give --scale FILE.csv with the columns task, zero, one",
    ):
        compare(losses)
    (tmp_path / "scale.csv").write_text("task,zero,one\ndigits,4,0\ndiabetes,5,1\n")
    found = compare(losses, given=read_scales(tmp_path / "scale.csv"))
    assert found.groups[0].scores["diabetes"] == [0.5, 1.0]
    assert not found.less_is_better
    assert found.groups[0].summary.optimality_gap is not None
    assert found.pairs[0].difference.point > 0
    by_task = compare(losses[:2], ["task"], read_scales(tmp_path / "scale.csv"))
    assert [group.name for group in by_task.groups] == ["digits", "diabetes"]
    assert by_task.pairs == []


def test_a_comparison_of_fits_can_be_written_and_drawn(make_fit, tmp_path):
    for task in ("digits", "diabetes"):
        runs = [make_fit(f"{task}{rule}", [3.0, 5.0], task=task, rule=rule) for rule in ("backprop", "coagent")]
        found = compare(scores(*runs))
        write_comparison(found, tmp_path / "c.csv")
        rows = read_table(tmp_path / "c.csv")
        assert (rows[0]["group"], rows[0]["point"], rows[0]["tasks"]) == ("backprop", "4.0", "1")
        (run,) = json.loads(to_json(document(found)))["groups"][0]["runs"]
        assert run == {"run": str(runs[0]), "task": task, "step": 40, "epoch": 4.0, "scores": {"0": 3.0, "1": 5.0}}
        draw_comparison(found, tmp_path / "f.svg")
        drawn = (tmp_path / "f.svg").read_text()
        assert ("share of runs below τ" in drawn, "test accuracy (%)" in drawn) == (
            task == "diabetes",
            task == "digits",
        )
