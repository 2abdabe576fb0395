"""What an experiment file of fits may say, and what is said of one that cannot be used."""

import pytest

from accumbens.credit.config import resolve_fit
from accumbens.credit.kind import FITS
from accumbens.errors import AccumbensError
from accumbens.experiments.files import load
from accumbens.experiments.places import places_of


def test_runs_are_tasks_times_rules_times_variants(fits, write):
    fits["tasks"].append("diabetes")
    experiment = load(str(write(fits)), "desk")
    assert experiment.kind is FITS
    rows = ("coagent/1-co", "coagent/2-co", "coagent/2-co-g", "backprop/1", "backprop/2")
    assert [run.label for run in experiment.runs] == [
        f"{task}/{row}" for task in ("digits", "diabetes") for row in rows
    ]
    assert all(run.kind is FITS for run in experiment.runs)


def test_a_run_is_what_fit_would_make_of_the_same_words_and_keep_in_the_same_folder(fits, write, tmp_path):
    experiment = load(str(write(fits)), "desk")
    run = experiment.runs[2]
    changes = {"baseline": "global", "learning_rate": "0.5"}
    assert run.config == resolve_fit("digits", "coagent", layers=[6, 5], epochs=3, seeds=2, changes=changes)
    at = run.directory(experiment.folder(tmp_path)).path
    assert at == FITS.folder(run.config, experiment.folder(tmp_path)) / run.variant
    assert at == tmp_path / "experiments/mine-desk/digits/coagent/2-co-g"


def test_a_table_under_a_rule_holds_for_it_alone_and_over_the_rest(fits, write):
    fits["settings"] = {"learning_rate": 0.5, "coagent": {"learning_rate": 0.25, "batch_size": 8}}
    fits["budgets"]["desk"]["settings"] = {"batch_size": 16, "coagent": {"optimiser": "sgd"}}
    fits["variants"]["2"] |= {"optimiser": "adam", "coagent": {"optimiser": "rmsprop", "baseline": "none"}}
    fits["budgets"]["desk"]["rules"] = {"coagent": ["2", "1-co"], "backprop": ["2"]}
    runs = [run.config.rule_settings for run in load(str(write(fits)), "desk").runs]
    found = [(run.learning_rate, run.batch_size, run.optimiser) for run in runs]
    assert found == [(0.25, 16, "rmsprop"), (0.25, 16, "sgd"), (0.5, 16, "adam")]
    assert runs[0].baseline == "none"


def test_settings_of_the_task_are_settings_too(fits, write):
    fits["variants"]["2"]["split_seed"] = 7
    runs = load(str(write(fits)), "desk").runs
    assert [run.config.task_settings.split_seed for run in runs if run.variant == "2"] == [7]


def test_a_panel_is_a_task(fits, write):
    del fits["panels"]
    places = places_of(load(str(write(fits)), "desk"))
    assert {place.panel for place in places.values()} == {"digits"}
    assert [place.label for place in places.values()] == [label.removeprefix("digits/") for label in places]


def test_a_panel_is_a_value_of_a_setting_and_labels_are_the_same_in_all_of_them(fits, write):
    places = places_of(load(str(write(fits)), "desk"))
    assert {label.removeprefix("digits/"): place for label, place in places.items()} == {
        "coagent/1-co": ("digits, layers 6", "coagent/co"),
        "backprop/1": ("digits, layers 6", "backprop"),
        "coagent/2-co": ("digits, layers 6,5", "coagent/co"),
        "coagent/2-co-g": ("digits, layers 6,5", "coagent/co-g"),
        "backprop/2": ("digits, layers 6,5", "backprop"),
    }
    assert [*places] == sorted(places, key=lambda label: label.split("/")[2][0])  # panel after panel


def test_labels_of_a_panel_with_nothing_in_common_are_whole(fits, write):
    fits["rules"] = {"coagent": ["2-co"], "backprop": ["2"]}
    fits["variants"]["2"]["layers"] = [6, 5]
    fits["variants"]["other"] = {"layers": [6, 5], "batch_size": 8}
    for unused in ("1", "1-co", "2-co-g"):
        del fits["variants"][unused]
    fits["rules"]["backprop"].append("other")
    del fits["published"]
    labels = [place.label for place in places_of(load(str(write(fits)), "desk")).values()]
    assert labels == ["coagent/2-co", "backprop/2", "backprop/other"]


def test_published_errors_are_of_the_runs_of_all_budgets(fits, write):
    fits["published"]["test_error"]["mnist/backprop/2"] = 2
    fits["budgets"]["paper"] = {"tasks": ["mnist"]}
    experiment = load(str(write(fits)), "desk")
    assert experiment.beside.test_error == {"digits/coagent/2-co": 1.5, "mnist/backprop/2": 2}
    assert experiment.beside.source == "a paper"


def changed(*keys, to):
    def change(document):
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = to

    return change


WRONG = {
    "a key of agents": (changed("total_timesteps", to=5), "unknown key 'total_timesteps'"),
    "tasks and environments": (changed("environments", to=["CartPole-v1"]), "unknown key 'environments'"),
    "panels in a budget": (changed("budgets", "desk", "panels", to="layers"), "unknown key of budget desk 'panels'"),
    "a key of agents' quotes": (changed("published", "tables", to=[]), "unknown key of published 'tables'"),
    "no rules": (changed("rules", to={}), "rules is missing or empty"),
    "no tasks": (changed("tasks", to=[]), "tasks is missing or empty"),
    "unknown task": (changed("tasks", to=["digit"]), "unknown task 'digit'; did you mean 'digits'?"),
    "unknown rule": (changed("rules", to={"backprp": ["1"]}), "unknown rule 'backprp'; did you mean 'backprop'?"),
    "unknown variant": (changed("rules", "backprop", to=["3"]), "unknown variant '3'"),
    "a setting of another rule": (
        changed("variants", "1", "sigma", to=1.0),
        "digits/backprop/1: unknown setting 'sigma'",
    ),
    "a table of a rule that does not run": (
        changed("settings", "gevb", to={"signs": "mixed"}),
        "unknown rule with settings of its own 'gevb'",
    ),
    "a rule's settings that are no table": (
        changed("settings", "coagent", to=4),
        "coagent=4 cannot be used: expected a table",
    ),
    "a number of the fit": (changed("settings", "epochs", to=8), "epochs is not a setting"),
    "no epochs": (changed("epochs", to=0), "epochs=0 cannot be used"),
    "the same run twice": (
        changed("variants", "2", to={"layers": [6]}),
        "digits/backprop/2 is the same run as digits/backprop/1: leave one out",
    ),
    "unknown panels": (changed("panels", to="layer"), "unknown setting 'layer'; did you mean 'layers'?"),
    "panels that a rule has not": (
        changed("panels", to="sigma"),
        "panels: digits/backprop/1: unknown setting 'sigma'",
    ),
    "a number of an unknown run": (
        changed("published", "test_error", to={"digits/coagent/2-c": 1.0}),
        "unknown task, rule and variant 'digits/coagent/2-c'; did you mean 'digits/coagent/2-co'?",
    ),
    "a number that is none": (
        changed("published", "test_error", to={"digits/coagent/2-co": "1.5"}),
        "published.test_error.digits/coagent/2-co='1.5' cannot be used: expected a number",
    ),
    "numbers of nobody": (changed("published", "source", to=""), "published.source is missing or empty"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_used_is_named(fits, write, change, message):
    change(fits)
    path = write(fits)
    with pytest.raises(AccumbensError) as error:
        load(str(path), "desk")
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_agents_may_have_settings_of_their_own_too(document, write):
    document["settings"]["ad_pqn"] = {"num_envs": 8}
    assert load(str(write(document)), "desk").runs[0].config.settings.num_envs == 8
    document["settings"]["arq_pqn"] = {"num_envs": 8}
    with pytest.raises(AccumbensError, match="unknown agent with settings of its own 'arq_pqn'"):
        load(str(write(document)), "desk")
