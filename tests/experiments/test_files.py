"""What an experiment file may say, and what is said of one that cannot be used."""

from pathlib import Path

import pytest

from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.experiments.files import committed, load
from accumbens.experiments.places import places_of
from accumbens.experiments.plan import describe
from accumbens.training.config import resolve_config


def test_runs_are_environments_times_agents_times_variants(document, write):
    document["environments"].append("Acrobot-v1")
    experiment = load(str(write(document)), "desk")
    assert [run.label for run in experiment.runs] == [
        "CartPole-v1/ad_pqn/local",
        "CartPole-v1/ad_pqn/backprop",
        "Acrobot-v1/ad_pqn/local",
        "Acrobot-v1/ad_pqn/backprop",
    ]
    assert experiment.name == "mine"
    assert experiment.folder(Path("out")) == Path("out/experiments/mine-desk")
    assert experiment.beside.rows == {"ad_pqn/local": "AD"}


def test_a_run_is_what_train_would_make_of_the_same_words(document, write):
    run = load(str(write(document)), "desk").runs[1]
    changes = {"net_arch": "6,5", "num_envs": "4", "rollout_length": "16", "num_minibatches": "2", "epochs": "1"}
    numbers = {"total_timesteps": 1024, "seeds": 2, "num_eval_episodes": 1}
    assert run.config == resolve_config("CartPole-v1", "ad_pqn", credit="backprop", changes=changes, **numbers)


def test_the_variant_wins_over_the_budget_and_the_budget_over_the_file(document, write):
    document["settings"] |= {"discount": 0.5, "trace_decay": 0.5, "forward_gain": 0.5}
    document["budgets"]["desk"]["settings"] = {"trace_decay": 0.6, "forward_gain": 0.6}
    document["variants"]["local"] |= {"forward_gain": "none", "layer_norm": False}
    settings = load(str(write(document)), "desk").runs[0].config.settings
    assert (settings.discount, settings.trace_decay, settings.forward_gain) == (0.5, 0.6, None)
    assert settings.layer_norm is False
    assert settings.net_arch == (6, 5)


def test_a_budget_replaces_what_the_file_says(document, write):
    document["seeds"] = 7
    document["budgets"]["paper"] = {"environments": ["Acrobot-v1"], "agents": {"ad_dqn": ["local"]}, "settings": {}}
    document["settings"] = {}
    runs = load(str(write(document)), "paper").runs
    assert [run.label for run in runs] == ["Acrobot-v1/ad_dqn/local"]
    assert runs[0].config == resolve_config("Acrobot-v1", "ad_dqn", seeds=7)
    assert load(str(write(document)), "desk").runs[0].config.seeds == 2


def test_what_is_left_out_is_the_preset_and_the_command_line_default(document, write):
    document["settings"] = {}
    document["budgets"]["desk"] = {}
    assert load(str(write(document)), "desk").runs[0].config == resolve_config("CartPole-v1", "ad_pqn")


def test_it_can_be_described_in_plain_values(document, write):
    described = describe(load(str(write(document)), "desk"))
    assert described["budget"] == "desk"
    assert described["runs"][0]["run"] == "CartPole-v1/ad_pqn/local"
    assert described["runs"][0]["settings"]["net_arch"] == (6, 5)


def changed(*keys, to):
    def change(document):
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = to

    return change


def test_nothing_to_run_is_said_in_the_words_of_every_kind(document, write):
    del document["environments"], document["agents"]
    with pytest.raises(AccumbensError, match="nothing to run: a file has environments and agents, or tasks and rules"):
        load(str(write(document)), "desk")


def test_keys_that_are_nearly_those_of_a_kind_are_told(document, write):
    document["enviroments"], document["agnets"] = document.pop("environments"), document.pop("agents")
    with pytest.raises(AccumbensError, match="unknown key 'agnets'; did you mean 'agents'"):
        load(str(write(document)), "desk")


def test_agents_too_can_be_shown_by_a_setting(document, write):
    document["panels"] = "credit"
    experiment = load(str(write(document)), "desk")
    assert [place.panel for place in places_of(experiment).values()] == [
        "CartPole-v1, credit local",
        "CartPole-v1, credit backprop",
    ]


WRONG = {
    "unknown key": (changed("enviroments", to=[]), "unknown key 'enviroments'; did you mean 'environments'?"),
    "unknown key of a budget": (
        changed("budgets", "desk", "sede", to=3),
        "unknown key of budget desk 'sede'; did you mean 'seed'?",
    ),
    "variants in a budget": (changed("budgets", "desk", "variants", to={}), "unknown key of budget desk 'variants'"),
    "a published table that is no list": (
        changed("published", "tables", to="ad-classic"),
        "published.tables='ad-classic' cannot be used: expected a list of texts",
    ),
    "published rows that are no lists": (
        changed("published", "rows", to={"AD": "ad_pqn/local"}),
        "published.rows.AD='ad_pqn/local' cannot be used: expected a list of texts",
    ),
    "variants of another budget's agent that are no texts": (
        changed("budgets", "paper", to={"agents": {"ad_pqn": [1]}}),
        "agents.ad_pqn=[1] cannot be used: expected a list of texts",
    ),
    "unknown key of published": (
        changed("published", "table", to="x"),
        "unknown key of published 'table'; did you mean",
    ),
    "no title": (changed("title", to=""), "title is missing or empty"),
    "no agents": (changed("agents", to={}), "agents is missing or empty"),
    "no environments": (changed("environments", to=[]), "environments is missing or empty"),
    "a text for a number": (changed("seeds", to="3"), "seeds='3' cannot be used: expected a whole number"),
    "a flag for a number": (changed("seeds", to=True), "seeds=True cannot be used: expected a whole number"),
    "a text for a list": (changed("environments", to="CartPole-v1"), "expected a list of texts"),
    "numbers for texts": (
        changed("agents", "ad_pqn", to=[1]),
        "agents.ad_pqn=[1] cannot be used: expected a list of texts",
    ),
    "a variant that is no table": (
        changed("variants", "local", to=1),
        "variants.local=1 cannot be used: expected a table",
    ),
    "a budget that is no table": (changed("budgets", "desk", to=1), "budgets.desk=1 cannot be used: expected a table"),
    "a variant that is no folder": (
        changed("variants", "a/b", to={}),
        "variant 'a/b' cannot be used: it must be a single",
    ),
    "unknown variant": (changed("agents", "ad_pqn", to=["locl"]), "unknown variant 'locl'; did you mean 'local'?"),
    "a variant of no agent": (
        changed("variants", "locl", to={}),
        "unknown variant: no agent has 'locl'; did you mean 'local'?",
    ),
    "settings of an agent that does not have the variant": (
        lambda document: (
            document["budgets"].update(other={"agents": {"pqn": ["backprop"]}}),
            document["variants"].update(local={"pqn": {}}),
        ),
        "unknown agent with settings of its own in variant local 'pqn'",
    ),
    "unknown environment": (
        changed("environments", to=["CartPol-v1"]),
        "unknown environment 'CartPol-v1'; did you mean",
    ),
    "unknown agent": (changed("agents", to={"ad_pq": ["local"]}), "unknown algorithm 'ad_pq'; did you mean 'ad_pqn'?"),
    "unknown setting": (
        changed("variants", "local", to={"layer_nrm": False}),
        "CartPole-v1/ad_pqn/local: unknown setting 'layer_nrm'; did you mean 'layer_norm'?",
    ),
    "a setting of the other learner": (changed("settings", to={"batch_size": 8}), "unknown setting 'batch_size'"),
    "a number of the run": (changed("settings", to={"seeds": 8}), "seeds is not a setting"),
    "a value that cannot be": (changed("settings", "discount", to=2), "discount=2.0 cannot be used"),
    "no seeds": (changed("budgets", "desk", "seeds", to=0), "seeds=0 cannot be used"),
    "the same run twice": (
        changed("variants", "local", to={"credit": "backprop"}),
        "CartPole-v1/ad_pqn/backprop is the same run as CartPole-v1/ad_pqn/local: leave one out",
    ),
    "unknown table": (
        changed("published", "tables", to=["ad-clasic"]),
        "unknown published table 'ad-clasic'; did you mean",
    ),
    "unknown published agent": (changed("published", "rows", to={"DQN": []}), "unknown published agent 'DQN'"),
    "unknown run to compare": (
        changed("published", "rows", to={"AD": ["ad_pqn/locl"]}),
        "unknown agent and variant 'ad_pqn/locl'; did you mean 'ad_pqn/local'?",
    ),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_used_is_named(document, write, change, message):
    change(document)
    path = write(document)
    with pytest.raises(AccumbensError) as error:
        load(str(path), "desk")
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_files_that_are_none(tmp_path):
    (tmp_path / "torn.toml").write_text("title = ")
    with pytest.raises(AccumbensError, match=r"torn.toml is not a TOML file: "):
        load(str(tmp_path / "torn.toml"), "desk")
    with pytest.raises(AccumbensError, match=r"none.toml cannot be read: No such file"):
        load(str(tmp_path / "none.toml"), "desk")


def test_unknown_names(document, write):
    with pytest.raises(UnknownNameError, match="unknown experiment 'ad-minator'; did you mean 'ad-minatar'"):
        load("ad-minator", "desk")
    with pytest.raises(UnknownNameError, match="unknown budget of mine 'dsek'; did you mean 'desk'"):
        load(str(write(document)), "dsek")


def test_committed_files_are_found():
    assert set(committed()) >= {
        "family",
        "ad-minatar",
        "ad-dmc",
        "ad-classic",
        "ad-ablations",
        "arq-minatar",
        "arq-dmc",
    }


def test_a_run_may_begin_from_one_before_it_and_be_of_one_place_alone(document, write):
    document["environments"].append("Acrobot-v1")
    document["agents"]["ad_pqn"].append("adapted")
    document["variants"]["adapted"] = {"environments": ["Acrobot-v1"], "from": "CartPole-v1/ad_pqn/local"}
    path = write(document)
    runs = {run.label: run.origin for run in load(str(path), "desk").runs}
    assert runs["Acrobot-v1/ad_pqn/adapted"] == "mine-desk/CartPole-v1/ad_pqn/local"
    assert "CartPole-v1/ad_pqn/adapted" not in runs
    assert [label for label, origin in runs.items() if origin] == ["Acrobot-v1/ad_pqn/adapted"]
    document["variants"]["adapted"]["from"] = "other:CartPole-v1/ad_pqn/local"
    assert load(str(write(document)), "desk").runs[-1].origin == "other-desk/CartPole-v1/ad_pqn/local"
    document["variants"]["adapted"]["from"] = "Acrobot-v1/ad_pqn/adapted"
    with pytest.raises(AccumbensError, match="adapted: unknown run before it"):
        load(str(write(document)), "desk")
    document["variants"]["adapted"] = {"environments": ["Acrobot-v1"], "forward_gain": 0.5}
    document["settings"]["from"] = "other:CartPole-v1/ad_pqn/local"
    assert {run.origin for run in load(str(write(document)), "desk").runs} == {"other-desk/CartPole-v1/ad_pqn/local"}
    document["variants"]["adapted"]["environments"] = ["Acrobat-v1"]
    with pytest.raises(AccumbensError, match="Acrobot-v1"):
        load(str(write(document)), "desk")
