"""What runs of teams may be asked for, and what is said of everything else."""

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs.settings import format_value
from accumbens.teams.config import from_document, resolve_team_config, to_document
from accumbens.teams.kind import TEAMS
from accumbens.teams.methods import METHODS
from accumbens.teams.settings import DistilledSettings, PlayingSettings

PLACE, DATA = "team/fill-in-2", "random:5"
LEARN_FROM_DATA = [name for name, method in METHODS.items() if method.learns_from_data]


def config_of(algo="distilled", **changes):
    numbers = {
        key: changes.pop(key)
        for key in ("updates", "seed", "seeds", "evaluations", "num_eval_episodes")
        if key in changes
    }
    data = changes.pop("data", DATA if METHODS[algo].learns_from_data else "")
    return resolve_team_config(PLACE, algo, data=data, changes={k: str(v) for k, v in changes.items()}, **numbers)


@pytest.mark.parametrize("algo", METHODS)
def test_every_method_as_it_is(algo):
    config = config_of(algo)
    assert config.settings == METHODS[algo].settings
    assert config.updates == METHODS[algo].updates
    assert (config.evaluations, config.num_eval_episodes, config.seed_list()) == (10, 100, [0])
    assert from_document(to_document(config)) == config
    assert config.teacher_updates == (1000 if algo == "distilled" else 0)
    assert METHODS[algo].summary


BAD = {
    "learning_rate": [("idt", "0"), ("idt", "nan"), ("ipqn", "-1"), ("iql-cql", "inf")],
    "max_grad_norm": [("idt", "0"), ("iql-cql", "-1")],
    "context": [("idt", "0")],
    "width": [("bc-mlp", "0")],
    "blocks": [("distilled", "0")],
    "heads": [("idt", "0"), ("idt", "3"), ("idt", "32")],
    "batch_size": [("idt", "0"), ("iql-cql", "0")],
    "held_out": [("idt", "1"), ("idt", "-0.1"), ("iql-cql", "1")],
    "target_return": [("idt", "inf"), ("idt", "nan")],
    "ambition": [("idt", "nan"), ("idt", "inf")],
    "alpha": [("distilled", "-1"), ("distilled", "inf")],
    "beta": [("distilled", "-0.5")],
    "feature": [("distilled", "nan")],
    "mapping_period": [("distilled", "0")],
    "mapping_width": [("distilled", "0")],
    "teacher_updates": [("distilled", "0")],
    "layers": [("iql-cql", "0"), ("ipqn", "8,0")],
    "conservative": [("iql-cql", "-1"), ("iql-cql", "inf")],
    "discount": [("iql-cql", "1.1"), ("ipqn", "-0.1")],
    "target_rate": [("iql-cql", "0"), ("iql-cql", "1.5")],
    "num_envs": [("ipqn", "0")],
    "rollout_length": [("ipqn", "0")],
    "epochs": [("ipqn", "0")],
    "num_minibatches": [("ipqn", "0"), ("ipqn", "3")],
    "trace_decay": [("ipqn", "2")],
    "start_e": [("ipqn", "-1")],
    "end_e": [("ipqn", "2")],
    "exploration_fraction": [("ipqn", "1.5")],
}


@pytest.mark.parametrize(
    ("key", "algo", "text"), [(key, algo, text) for key, cases in BAD.items() for algo, text in cases]
)
def test_values_that_cannot_be_used(key, algo, text):
    with pytest.raises(AccumbensError, match=rf"{key}=\S+ cannot be used: it must be "):
        config_of(algo, **{key: text})


@pytest.mark.parametrize("key", ["updates", "seeds", "evaluations", "num_eval_episodes"])
def test_numbers_of_a_run(key):
    with pytest.raises(AccumbensError, match=rf"{key}=0 cannot be used: it must be >= 1"):
        config_of(**{key: 0})


def test_seeds_are_of_32_bits():
    assert config_of(seed=2**32 - 2, seeds=2).seed_list() == [2**32 - 2, 2**32 - 1]
    for seed, seeds in ((-1, 1), (2**32, 1), (2**32 - 1, 2)):
        with pytest.raises(AccumbensError, match=f"seed={seed} cannot be used: it must be from 0 to {2**32 - seeds}"):
            config_of(seed=seed, seeds=seeds)


@pytest.mark.parametrize(
    ("algo", "changes", "message"),
    [
        ("bc", {"target_return": 3}, "target_return=3.0 cannot be used: policies with returns=false are told no"),
        ("madt", {"centralised": "true"}, "shared=true cannot be used with centralised=true"),
        ("distilled", {"centralised": "true"}, "centralised=true cannot be used with distilled: students see"),
        (
            "bc",
            {"ambition": 1},
            "ambition=1.0 cannot be used with returns=false: nothing is asked for: it would have no",
        ),
        ("bc-mlp", {"heads": 4}, "heads=4 cannot be used with network=mlp: it would have no effect"),
        ("distilled", {"mapping": "none", "mapping_width": 8}, "mapping_width=8 cannot be used with mapping=none"),
        (
            "distilled",
            {"mapping": "shared", "mapping_period": 2},
            "mapping_period=2 cannot be used with mapping=shared",
        ),
        ("distilled", {"alpha": 0, "relation_gradient": "own"}, "relation_gradient=own cannot be used with alpha=0"),
        ("idt", {"credit": "local"}, "readouts=last cannot be used: it must be every, with credit=local"),
    ],
)
def test_what_does_not_go_together(algo, changes, message):
    with pytest.raises(AccumbensError, match=message):
        config_of(algo, **changes)


@pytest.mark.parametrize("algo", LEARN_FROM_DATA)
def test_data_are_asked_for(algo):
    config = config_of(algo, data="")
    for work in (TEAMS.make_job, TEAMS.plan, lambda config: TEAMS.require_usable([config])):
        with pytest.raises(
            AccumbensError, match=rf"{algo} learns from data: give --data, such as what 'accumbens record"
        ):
            work(config)


def test_who_plays_reads_no_data():
    with pytest.raises(AccumbensError, match="ipqn learns by playing: --data random:5 would not be read"):
        config_of("ipqn", data=DATA)


def test_names():
    with pytest.raises(UnknownNameError, match="unknown method 'destilled'; did you mean 'distilled'"):
        resolve_team_config(PLACE, "destilled", data=DATA)
    with pytest.raises(UnknownNameError, match="did you mean 'team/fill-in-2'"):
        resolve_team_config("team/fil-in-2", "idt", data=DATA)
    with pytest.raises(AccumbensError, match="mapping_period"):
        config_of(mappng_period=3)
    with pytest.raises(AccumbensError, match="num_envs"):
        config_of("idt", num_envs=3)
    with pytest.raises(AccumbensError, match="separate"):
        config_of(mapping="seperate")


def test_an_experiment_says_data_and_updates_as_settings():
    config = resolve_team_config(PLACE, "idt", changes={"data": "random:9", "updates": "7"})
    assert (config.data, config.updates) == ("random:9", 7)
    with pytest.raises(AccumbensError, match="updates"):
        resolve_team_config(PLACE, "idt", changes={"data": "random:9", "updates": "many"})


def test_a_folder_is_kept_whole(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    assert config_of(data="data").data == str(tmp_path / "data")
    assert config_of(data="mpe/spread-v0").data == "mpe/spread-v0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("method"), r"the table \[method\] is missing"),
        (lambda d: d["method"].update(mapp="separate"), "mapp"),
        (lambda d: d["method"].update(alpha=-1.0), "alpha=-1.0 cannot be used"),
        (lambda d: d["team"].pop("updates"), "updates"),
        (lambda d: d["team"].update(algo="x"), "unknown method 'x'"),
        (lambda d: d["team"].update(seeds=0), "seeds=0"),
    ],
)
def test_damaged_documents(change, message):
    document = to_document(config_of())
    change(document)
    with pytest.raises(AccumbensError, match=message):
        from_document(document)


def test_a_document_of_elsewhere_is_read_if_its_place_need_not_be_known():
    document = to_document(config_of())
    document["team"]["env"] = "elsewhere"
    assert from_document(document, known=False).env == "elsewhere"
    with pytest.raises(UnknownNameError):
        from_document(document)


@hypothesis_settings(deadline=None, max_examples=30)
@given(
    st.builds(
        DistilledSettings,
        alpha=st.floats(1e-3, 1e6),  # 0 leaves relation_gradient without effect
        context=st.integers(1, 99),
        mapping=st.sampled_from(["separate", "shared", "none"]),
        relation_gradient=st.sampled_from(["both", "own"]),
        target_return=st.none() | st.floats(-1e6, 1e6),
        returns=st.just(True),
    )
)
def test_settings_come_back_as_text(settings):
    changes = {name: format_value(value) for name, value in vars(settings).items()}
    config = resolve_team_config(PLACE, "distilled", data=DATA, changes=changes)
    assert config.settings == settings
    assert from_document(to_document(config)) == config


def test_a_longer_run_is_evaluated_as_often():
    longer, notes = TEAMS.lengthened(config_of(updates=100, evaluations=5), 300, 100)
    assert (longer.updates, longer.evaluations) == (300, 15)
    assert "no schedule" in notes[0]
    config = config_of("ipqn")
    assert isinstance(config.settings, PlayingSettings)
    assert "rise again" in TEAMS.lengthened(config, 1000, 100)[1][0]


def test_usual():
    assert TEAMS.usual(config_of())["updates"] == 1000
    assert TEAMS.usual(config_of("iql-cql"))["conservative"] == 1.0
