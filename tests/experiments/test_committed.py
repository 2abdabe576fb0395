"""The experiment files that come with accumbens: all of them can be run, and say what they claim."""

import pytest

from accumbens.credit.config import FitConfig
from accumbens.experiments.files import committed, load
from accumbens.training.plan import make_plan

NAMES = sorted(committed())
BUDGETS = ("smoke", "desk", "paper")


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("name", NAMES)
def test_every_budget_resolves(name, budget):
    if name.endswith("dmc"):
        pytest.importorskip("dm_control")
    experiment = load(name, budget)
    assert len({run.label for run in experiment.runs}) == len(experiment.runs)
    if not experiment.of_fits:
        assert {run.row for run in experiment.runs} & set(experiment.rows), "nothing stands beside a published number"


@pytest.mark.parametrize("name", NAMES)
def test_smoke_is_small(name):
    if name.endswith("dmc"):
        pytest.importorskip("dm_control")
    runs = load(name, "smoke").runs
    assert len(runs) <= 4  # each compiles for about ten seconds
    for config in (run.config for run in runs):
        if isinstance(config, FitConfig):
            assert config.task in ("digits", "diabetes", "piecewise-random-walk")  # which nobody has to download
            assert config.epochs * config.evaluations <= 100
            assert max(config.rule_settings.layers) <= 64
        else:
            assert config.total_timesteps <= 2048
            assert config.num_eval_episodes == 1


def test_the_family_is_what_train_makes_of_its_words():
    from accumbens.training.config import resolve_config

    runs = {run.label: run.config for run in load("family", "desk").runs}
    for game in ("breakout", "space_invaders"):
        for algo, credits in {"ad_pqn": ("local", "backprop"), "pqn": ("backprop",)}.items():
            for credit in credits:
                config = resolve_config(f"minatar/{game}", algo, total_timesteps=10**6, seeds=3, credit=credit)
                assert runs[f"minatar/{game}/{algo}/{credit}"] == config


RATIOS = {"half": 0.5, "one": 1.0, "one-and-a-half": 1.5, "two": 2.0}


@pytest.mark.parametrize("budget", ["desk", "paper"])
def test_scaling_is_matched_in_parameters(budget):
    counts = {}
    for run in load("arq-scaling", budget).runs:
        family, _, ratio = run.variant.removeprefix("small-").partition("-")
        assert run.config.algo.startswith(family)
        counts[family, RATIOS[ratio]] = sum(make_plan(run.config).cell_parameters)
    assert len(counts) == 8
    for (_, ratio), count in counts.items():
        assert count == pytest.approx(ratio * counts["ad", 1.0], rel=0.01)


def test_every_ablation_differs_from_the_full_agent_in_what_its_name_says():
    from dataclasses import asdict

    runs = {run.variant: asdict(run.config.settings) for run in load("ad-ablations", "paper").runs}
    full = runs.pop("full")
    changed = {name: {key for key in full if full[key] != settings[key]} for name, settings in runs.items()}
    assert changed["no-forward"] == {"forward_gain"}
    assert changed["top-cell-acts"] == {"act_on"}
    assert changed["only-top-predicts"] == {"every_cell_predicts", "credit"}
    assert all(keys and len(keys) <= 2 for keys in changed.values())
