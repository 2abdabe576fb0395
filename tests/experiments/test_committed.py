"""The experiment files that come with accumbens: all of them can be run, and say what they claim."""

import pytest

from accumbens.credit.kind import FITS
from accumbens.credit.protocol import TaskFacts
from accumbens.credit.registry import rule_entry
from accumbens.experiments.files import committed, load, read
from accumbens.teams.kind import TEAMS
from accumbens.training.kind import AGENTS
from accumbens.training.plan import make_plan

NAMES = sorted(committed())
CASES = [(name, budget) for name in NAMES for budget in read(committed()[name])["budgets"]]
OURS = ("constant-keys-equal-time", "depth", "language-agents", "memory-chain", "memory-chain-long", "pictures")
"""What no paper has done, or has no number of that could be read: there is nothing to stand beside."""
DATA = {
    "mnist": TaskFacts("classification", 784, 10, (1, 28, 28)),
    "digits": TaskFacts("classification", 64, 10, (1, 8, 8)),
    "boston": TaskFacts("regression", 13, 1),
    "diabetes": TaskFacts("regression", 10, 1),
    "piecewise-random-walk": TaskFacts("regression", 1, 1),
    "copying": TaskFacts("classification", 10, 10, steps=40),
    "adding": TaskFacts("regression", 2, 1, steps=50),
    "sequential-mnist": TaskFacts("classification", 1, 10, steps=784),
    "text": TaskFacts("classification", 65, 65, steps=100),
    "reach": TaskFacts("regression", 8, 2, steps=125, controlled=True),
    "reach-rotated": TaskFacts("regression", 8, 2, steps=125, controlled=True),
    "sine-waves": TaskFacts("regression", 8, 2, steps=125, controlled=True, direct=True),
    "sine-waves-shifted": TaskFacts("regression", 8, 2, steps=125, controlled=True, direct=True),
}
GENERATED = ("piecewise-random-walk", "copying", "adding", "reach", "reach-rotated", "sine-waves", "sine-waves-shifted")


def test_every_file_has_the_budgets_of_the_command_line():
    for name in NAMES:
        # Nobody trains convolutional networks on MNIST on a desk.
        expected = {"smoke", "paper"} if name == "gevb-images" else {"smoke", "desk", "paper"}
        assert set(read(committed()[name])["budgets"]) == expected


@pytest.mark.parametrize(("name", "budget"), CASES)
def test_every_budget_resolves(name, budget):
    if name.endswith("dmc"):
        pytest.importorskip("dm_control")
    experiment = load(name, budget)
    assert len({run.label for run in experiment.runs}) == len(experiment.runs)
    if experiment.kind is AGENTS and name not in OURS:
        assert {run.row for run in experiment.runs} & set(experiment.beside.rows), (
            "nothing stands beside a published number"
        )


@pytest.mark.parametrize(("name", "budget"), CASES)
def test_every_rule_takes_its_settings(name, budget):
    for config in (run.config for run in load(name, budget).runs if run.kind is FITS):
        rule_entry(config.rule)[1].make(config.rule_settings, DATA[config.task])


@pytest.mark.parametrize("name", NAMES)
def test_smoke_is_small(name):
    if name.endswith("dmc"):
        pytest.importorskip("dm_control")
    runs = load(name, "smoke").runs
    assert len(runs) <= 4  # each compiles for about ten seconds
    for kind, config, *_ in runs:
        if kind is FITS:
            assert config.task in ("digits", "diabetes", *GENERATED)  # which nobody has to download
            assert config.epochs * config.evaluations <= 100
            assert max(config.rule_settings.layers) <= 64
        elif kind is TEAMS:
            assert config.data.startswith("random:")
            assert config.updates <= 10
            assert config.num_eval_episodes <= 4
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


def test_a_fit_differs_from_its_siblings_in_what_its_name_says():
    from dataclasses import asdict

    runs = {run.label: asdict(run.config.rule_settings) for run in load("coagent-partitions", "desk").runs}
    plain = runs.pop("mnist/coagent/ss")
    changed = {name: {key for key in plain if plain[key] != settings.get(key)} for name, settings in runs.items()}
    assert {changed[f"mnist/coagent/{name}"].pop() for name in ("ds", "sd", "dd")} == {"partition"}
    assert changed["mnist/coagent/ss-25"] == {"samples"}
    assert plain["sigma"] == 4
    assert plain["learning_rate"] == 2**-11


def test_the_random_walk_has_the_settings_of_the_released_code():
    runs = {run.label: run.config for run in load("random-walk", "paper").runs}
    assert all(config.task_settings.segments == 1600 for config in runs.values())
    for variant, difficulty, backprop, coagent, sigma in (
        ("d0", 0.0, -7, -7, 0.25),
        ("d0.95", 0.95, -14, -9, 2.0),
        ("d0.98", 0.98, -14, -9, 2.0),
        ("d1", 1.0, -14, -9, 4.0),
    ):
        exact, global_ = (runs[f"piecewise-random-walk/{rule}/{variant}"] for rule in ("backprop", "coagent"))
        assert exact.task_settings == global_.task_settings
        assert exact.task_settings.difficulty == difficulty
        assert (exact.rule_settings.optimiser, exact.rule_settings.learning_rate) == ("adam", 2.0**backprop)
        assert (global_.rule_settings.optimiser, global_.rule_settings.learning_rate) == ("rmsprop", 2.0**coagent)
        assert (global_.rule_settings.sigma, global_.rule_settings.baseline) == (sigma, "global")


def test_every_row_of_gevb_stands_beside_a_published_number():
    for name in ("gevb", "gevb-images"):
        experiment = load(name, "paper")
        assert {run.label for run in experiment.runs} == set(experiment.beside.test_error)
        assert not set(experiment.beside.test_error) & {run.label for run in load(name, "smoke").runs}  # of other data
