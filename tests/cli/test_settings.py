"""`accumbens settings`, and what the dry run says of every setting."""

from dataclasses import dataclass

import pytest

from accumbens.agents.settings import ParallelSettings, ReplaySettings, SACSettings, SegmentSettings
from accumbens.credit.config import resolve_fit
from accumbens.credit.registry import RULES
from accumbens.credit.tasks.registry import TASKS
from accumbens.runs.meanings import choices, describe_settings, meanings
from accumbens.runs.settings import hints_of
from accumbens.training.config import resolve_config

CLASSES = {
    *(ParallelSettings, SegmentSettings, ReplaySettings, SACSettings),
    *(type(entry.settings) for entry in [*RULES.values(), *TASKS.values()]),
}


@pytest.mark.parametrize(
    "settings", sorted(CLASSES, key=lambda kind: kind.__name__), ids=lambda settings: settings.__name__
)
def test_every_setting_says_what_it_means(settings):
    found = meanings(settings)
    assert set(found) == set(hints_of(settings))
    for meaning in found.values():
        assert len(meaning) > 12, "a sentence, not a letter"
        assert meaning.endswith(".")
        assert "\n" not in meaning


@pytest.mark.parametrize("config", [resolve_config("CartPole-v1"), resolve_fit("digits")], ids=["agent", "fit"])
def test_every_number_of_a_run_says_what_it_means(config):
    for name, (meaning, _) in describe_settings(config).items():
        assert meaning, name


def test_choices_are_those_that_can_be_counted():
    assert choices(ParallelSettings, "loss") == ["squared", "huber", "quantile_huber", "expectile"]
    assert choices(ParallelSettings, "cell") == ["attention", "constant_key", "dot", "mlp", "module:id"]
    assert choices(ParallelSettings, "scale_observations") == ["true", "false", "none"]
    assert choices(ParallelSettings, "rank") == choices(ParallelSettings, "goodness_width") == []


@dataclass(frozen=True, kw_only=True)
class Younger(ParallelSettings):
    """Settings of somebody else's.

    Attributes:
        mine: some words that go on
            in another line.
    """

    mine: int = 0
    loss: str = "own"
    """The loss,
    mine."""


def test_inherited_meanings_are_kept_and_own_ones_win():
    found = meanings(Younger)
    assert found["mine"] == "Some words that go on in another line."
    assert found["loss"] == "The loss, mine."
    assert found["rank"] == meanings(ParallelSettings)["rank"]


def test_settings_of_a_preset(cli):
    outcome = cli("settings", "ad_pqn")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0] == "ad_pqn in CartPole-v1"
    at = next(index for index, line in enumerate(lines) if line.startswith("trace_decay "))
    assert lines[at].split()[1] == "0.95"
    assert "λ" in lines[at + 1]
    assert not any(line.startswith(("seed ", "total_timesteps ")) for line in lines), "those are options"
    found = cli("settings", "ad_pqn", "minatar/breakout", "--json").json
    assert (found["algo"], found["env"]) == ("ad_pqn", "minatar/breakout")
    assert set(found["settings"]) == set(hints_of(ParallelSettings))
    credit = found["settings"]["credit"]
    assert (credit["value"], credit["source"], credit["choices"]) == ("local", "default", ["local", "backprop"])
    assert credit["meaning"] == meanings(ParallelSettings)["credit"]


@pytest.mark.parametrize(("rule", "task"), [("gevb", "digits"), ("e-prop", "copying"), ("rflo", "reach-rotated")])
def test_a_rule_is_shown_with_a_task_that_it_is_for(rule, task, cli):
    assert cli("settings", rule).out.startswith(f"{rule} on {task}\n")


def test_settings_of_a_rule_and_its_task(cli):
    outcome = cli("settings", "gevb", "diabetes")
    assert outcome.out.startswith("gevb on diabetes\n")
    for name in ("layers", "signs", "split_seed", "standardise_target"):
        assert f"\n{name} " in outcome.out
    assert "One of: mixed, nonnegative." in " ".join(outcome.out.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ad_pqm"], "unknown preset, method or rule 'ad_pqm'; did you mean 'ad_pqn'? Known: ad_pqn, "),
        (["ad_pqn", "digits"], "digits is a task: 'accumbens fit digits'"),
        (["gevb", "CartPole-v1"], "CartPole-v1 is an environment: 'accumbens train CartPole-v1'"),
        (["gevb", "digit"], "unknown task 'digit'; did you mean 'digits'? Run 'accumbens tasks' to see all."),
    ],
)
def test_settings_of_nothing(cli, words, message):
    outcome = cli("settings", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error: {message}")


def test_the_dry_run_says_what_settings_mean(cli):
    text = " ".join(cli("train", "CartPole-v1", "--dry-run").out.split())
    for name in ("trace_decay", "credit", "num_minibatches"):
        assert meanings(ParallelSettings)[name] in text
    assert "Environment steps of each seed." in text
    text = " ".join(cli("fit", "digits", "--dry-run").out.split())
    assert "Passes through the training data." in text
    assert "One of: dense, convolutional, locally-connected." in text
