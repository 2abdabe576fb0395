"""Verdicts, tables and figure of a probe, from TD errors that are made up."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from accumbens.conditioning import (
    PROBES,
    Study,
    answers,
    conditioning_config,
    document,
    find_probe,
    free_figure,
    require_free,
    run_name,
    write_study,
)
from accumbens.conditioning.trials import ALONE, OMITTED, PAIRED, TIMES, exact_td_errors
from accumbens.envs.conditioning import DELAY
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs.tables import read_table
from accumbens.training.config import resolve_config
from accumbens.training.kind import AGENTS

STEPS = [0, 500, 1000, 5000, 10_000]


def made_up(seeds=5, cells=2, probe="reward-omission", noise=0.02, discount=0.95):
    """A study in which the first cell has learned the exact TD errors at the end, and the others nothing."""
    probe, generator = PROBES[probe], np.random.default_rng(3)
    config = resolve_config("probe/conditioning", "ad_pqn", seeds=seeds, seed=4)
    exact = exact_td_errors(probe.trials, discount)
    td_error = np.zeros((len(STEPS), seeds, len(probe.trials), len(TIMES), cells))
    td_error += np.stack([trial.rewards(TIMES) for trial in probe.trials])[:, :, None]
    td_error[-1, ..., 0] = exact
    td_error += noise * generator.standard_normal(td_error.shape)
    return Study(probe, config, Path("runs/made-up"), STEPS, td_error, exact)


@pytest.fixture(scope="module")
def study():
    return made_up()


def test_stages_are_the_first_a_tenth_and_the_last(study):
    assert study.stages() == {"before": 0, "early": 2, "late": 4}
    two = study._replace(steps=[0, 10_000], td_error=study.td_error[[0, -1]])
    assert two.stages() == {"before": 0, "early": 1, "late": 1}


def test_verdicts_tell_a_cell_that_has_learned_from_one_that_has_not(study):
    verdicts = {(each.cell, each.response.name, each.response.stage): each.holds for each in answers(study)}
    expected = {
        ("unexpected reward", "before"): (True, True),
        ("reward after cue", "before"): (True, True),
        ("cue", "before"): (True, True),
        ("cue", "late"): (True, False),
        ("reward after cue", "late"): (True, False),
        ("unexpected reward", "late"): (True, True),
        ("reward omitted", "late"): (True, False),
    }
    for (name, stage), holds in expected.items():
        assert (verdicts[1, name, stage], verdicts[2, name, stage]) == holds, (name, stage)
    assert len(verdicts) == 2 * len(expected)


def test_an_answer_is_the_mean_over_seeds_its_t_interval_and_the_share_of_seeds(study):
    index = TIMES.tolist().index(DELAY)
    for cell in (0, 1):
        values = study.td_error[-1, :, study.probe.trials.index(OMITTED), index, cell]
        found = next(each for each in answers(study) if (each.cell, each.response.name) == (cell + 1, "reward omitted"))
        low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
        assert found.estimate.mean == pytest.approx(values.mean())
        assert found.estimate.interval == pytest.approx((high - low) / 2)
        assert found.share == np.mean(values < 0)
        assert found.exact == pytest.approx(-1)


def test_a_response_on_the_wrong_side_and_one_of_few_seeds_do_not_hold(study):
    index = TIMES.tolist().index(0)
    td_error = study.td_error.copy()
    td_error[-1, :, study.probe.trials.index(PAIRED), index, 0] = [0.9, -0.1, -0.1, -0.1, -0.1]
    found = [each for each in answers(study._replace(td_error=td_error)) if each.response.name == "cue"]
    late = next(each for each in found if each.cell == 1 and each.response.stage == "late")
    assert late.estimate.mean == pytest.approx(0.1)
    assert (late.share, late.holds) == (0.2, False)


def test_one_seed_has_no_verdict():
    found = answers(made_up(seeds=1))
    assert {each.holds for each in found} == {None}
    assert all(math.isnan(each.estimate.interval) for each in found)


def test_the_document_says_what_was_asked_and_found(study):
    found = document(study)
    assert found["steps"] == {"before": 0, "early": 1000, "late": 10_000}
    assert found["seeds"] == [4, 5, 6, 7, 8]
    assert len(found["responses"]) == 14
    dips = [row for row in found["responses"] if row["expected"] == "dip"]
    assert [(row["cell"], row["trial"], row["time"], row["holds"]) for row in dips] == [
        (1, "cue, reward omitted", DELAY, True),
        (2, "cue, reward omitted", DELAY, False),
    ]


def test_tables_hold_the_td_errors_of_every_seed(study, tmp_path):
    files = write_study(study, tmp_path / "new" / "a.svg")
    assert [path.name for path in files] == ["a.svg", "a.csv", "a_traces.csv"]
    rows = read_table(files[1])
    # Of the three trials: reward; cue and reward; cue and no reward.
    assert len(rows) == len(STEPS) * 5 * 2 * (1 + 2 + 2)
    trials = {trial.name: number for number, trial in enumerate(study.probe.trials)}
    for row in rows[::7]:
        snapshot, time = STEPS.index(int(row["step"])), TIMES.tolist().index(int(row["time"]))
        value = study.td_error[snapshot, int(row["seed"]) - 4, trials[row["trial"]], time, int(row["cell"]) - 1]
        assert float(row["td_error"]) == pytest.approx(value, abs=6e-5)
        assert row["stage"] == {0: "before", 1000: "early", 10_000: "late"}.get(int(row["step"]), "")
    assert {row["event"] for row in rows if row["trial"] == OMITTED.name} == {"cue", "no reward at the usual time"}
    assert {(row["event"], row["time"]) for row in rows if row["trial"] == ALONE.name} == {("reward", str(DELAY))}
    traces = read_table(files[2])
    assert len(traces) == 3 * 3 * 2 * len(TIMES)
    last = [row for row in traces if (row["stage"], row["trial"], row["cell"]) == ("late", PAIRED.name, "1")]
    means = study.td_error[-1, :, trials[PAIRED.name], :, 0].mean(axis=0)
    np.testing.assert_allclose([float(row["td_error"]) for row in last], means, atol=6e-5)
    np.testing.assert_array_equal([int(row["time"]) for row in last], TIMES)


@pytest.mark.parametrize("probe", PROBES)
def test_the_figure_says_what_it_shows(probe, tmp_path):
    study = made_up(probe=probe, cells=3)
    texts = []
    for name in ("a.svg", "b.svg"):
        with_svg_text = write_study(study, tmp_path / name)[0]
        texts.append(with_svg_text.read_bytes())
    assert texts[0] == texts[1], "the same study, the same file"
    drawn = texts[0].decode()
    for word in ("cell 3", "before learning", "step 10,000", "5 seeds", "ad_pqn, local credit", "TD error δ (rewards)"):
        assert f"<!-- {word}" in drawn or word in drawn
    for trial in study.probe.trials:
        assert f"<!-- {trial.name} -->" in drawn


def test_a_figure_of_one_seed_and_no_true_values(tmp_path):
    study = made_up(seeds=1, cells=1)._replace(exact=np.full((3, len(TIMES)), np.nan))
    files = write_study(study, tmp_path / "a.png")
    assert all(path.stat().st_size > 0 for path in files)
    assert {row["exact"] for row in read_table(files[1])} == {""}


def test_nothing_is_written_over(study, tmp_path):
    figure = tmp_path / "a.png"
    assert free_figure(tmp_path, "a") == figure
    (tmp_path / "a_traces.csv").write_text("mine")
    with pytest.raises(AccumbensError, match=r"a_traces\.csv exists already: choose another with -o"):
        require_free(figure)
    with pytest.raises(AccumbensError, match="exists already"):
        write_study(study, figure)
    assert not figure.exists()
    assert free_figure(tmp_path, "a") == tmp_path / "a-2.png"
    write_study(study, figure, force=True)
    assert (tmp_path / "a_traces.csv").read_text() != "mine"
    with pytest.raises(AccumbensError, match=r"a\.jpg cannot be written: .* one of \.png, \.svg, \.pdf"):
        require_free(tmp_path / "a.jpg", force=True)


def test_an_algorithm_is_trained_with_its_preset_for_the_task():
    config = conditioning_config("ad_pqn", credit="backprop", changes={"trace_decay": "0.5"}, total_timesteps=4000)
    preset = resolve_config("probe/conditioning", "ad_pqn")
    assert (config.env, config.seeds, config.total_timesteps, config.eval_frequency) == (preset.env, 10, 4000, 200)
    assert (config.settings.credit, config.settings.trace_decay) == ("backprop", 0.5)
    assert config.settings.net_arch == preset.settings.net_arch
    assert run_name(config) == run_name(
        conditioning_config("ad_pqn", credit="backprop", changes={"trace_decay": "0.5"}, total_timesteps=4000)
    )
    assert run_name(config) != run_name(conditioning_config("ad_pqn", credit="backprop", total_timesteps=4000))


def test_of_a_run_the_settings_are_taken(tmp_path):
    asked = resolve_config("CartPole-v1", "ad_pqn", net_arch=(9, 8, 7), changes={"discount": "0.8"})
    run = AGENTS.create(asked, tmp_path, "mine")
    config = conditioning_config(str(run.path), seeds=3)
    assert (config.env, config.algo, config.seeds) == ("probe/conditioning", "ad_pqn", 3)
    assert config.settings == asked.settings
    assert config.total_timesteps == resolve_config("probe/conditioning", "ad_pqn").total_timesteps


def test_what_cannot_be_probed_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'reward-shift'"):
        find_probe("reward-shif")
    with pytest.raises(UnknownNameError, match="did you mean 'ad_pqn'"):
        conditioning_config("ad_pq")
    with pytest.raises(AccumbensError, match="sac is SAC, which is not made of cells"):
        conditioning_config("sac")
    with pytest.raises(AccumbensError, match="seeds=0 cannot be used"):
        conditioning_config("ad_pqn", seeds=0)
