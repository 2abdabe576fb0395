import dataclasses
import itertools
import math
import tomllib
import typing

import pytest
import tomli_w
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accumbens.agents.checks import check_settings
from accumbens.agents.settings import ParallelSettings, ReplaySettings, SegmentSettings, SequenceSettings
from accumbens.agents.token_settings import TokenSettings
from accumbens.envs import registry
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.presets import PRESETS
from accumbens.runs.settings import format_value, parse_value
from accumbens.training.config import RunConfig, apply_changes, resolve_config
from accumbens.training.kind import AGENTS

counts = st.integers(1, 10**6)
fractions = st.floats(0, 1)
positive = st.floats(1e-30, 1e30)
gains = st.none() | st.floats(allow_nan=False, allow_infinity=False)
COMMON = {
    "net_arch": st.lists(counts, min_size=1, max_size=4).map(tuple),
    "rank": counts,
    "value_scale": positive,
    "forward_gain": gains,
    "recurrent_gain": gains,
    "discount": fractions,
    "reward_scale": positive,
    "learning_rate": positive,
    "learning_rate_end": st.floats(0, 1e30),
    "warmup_fraction": fractions,
    "adam_b1": st.floats(0, 1, exclude_max=True),
    "adam_b2": st.floats(0, 1, exclude_max=True),
    "max_gradient_norm": positive | st.just(math.inf),
    "epsilon_start": fractions,
    "epsilon_end": fractions,
    "epsilon_fraction": fractions,
    "duration_exponent": st.none() | st.floats(1, 10, exclude_min=True),
    "num_quantiles": counts,
    "goodness_width": st.none() | counts,
    "huber_threshold": positive,
    "overlap": st.just(False),  # these environments run on the device
}
words = st.sampled_from
LITERALS = {
    "goodness": words(["rms", "mean", "mean_square", "variance"]),
    "act_on": words(["mean", "top"]),
    "bootstrap": words(["own", "mean"]),
    "discretisation": words(["joint", "factored"]),
    "credit": words(["local", "backprop"]),
    "optimiser": words(["adam", "radam"]),
    "learning_rate_schedule": words(["constant", "linear", "warmup_cosine"]),
}
FLAGS = ["scale_observations", "standardise", "layer_norm", "input_skip", "every_cell_predicts"]
# Settings that exclude one another.
CELLS = [
    *(
        {"cell": cell, "convolution": 16, "action_conditioning": conditioned}
        for cell in ("attention", "constant_key")
        for conditioned in (False, True)
    ),
    *({"cell": "dot", "convolution": None, "action_conditioning": conditioned} for conditioned in (False, True)),
    {"cell": "mlp", "convolution": None, "action_conditioning": False},
]
READOUTS = [
    *({"readout": "value", "loss": loss, "value_offset": False} for loss in ("squared", "huber")),
    *({"readout": "quantile", "loss": loss, "value_offset": False} for loss in ("quantile_huber", "expectile")),
    *({"readout": "goodness", "loss": "squared", "value_offset": offset} for offset in (False, True)),
]
common = COMMON | LITERALS | dict.fromkeys(FLAGS, st.booleans())


def fitting(values):
    """Strategies for settings that fit one another, with `values` for the others."""
    parts = st.tuples(words(CELLS), words(READOUTS), st.fixed_dictionaries(values))
    return parts.map(lambda found: found[0] | found[1] | found[2])


# Values, not settings: beartype checks a tuple by a random sample, which Hypothesis forbids inside strategies.
def with_minibatches(others):
    """Strategies for the settings of learners with passes over steps, with `others` for those that are its own."""
    return counts.flatmap(
        lambda length: fitting(
            {
                **common,
                **others,
                "num_envs": counts,
                "rollout_length": st.just(length),
                "num_minibatches": st.just(length),
                "trace_decay": fractions,
                "epochs": counts,
            }
        )
    )


parallel_values = with_minibatches({})
segment_values = with_minibatches(
    {
        "segments": counts,
        "replay_capacity": counts,
        "learning_starts": st.integers(0, 10**9),
        "priority_exponent": st.floats(0, 10),
    }
)
THROUGH_TIME = [
    *(
        {"recurrent_units": units, "time_credit": form, "bptt_steps": None, "recurrent_gain": 1.0}
        for units, form in [(True, "none"), (True, "traces"), (True, "bptt"), (False, "none")]
    ),
    {"recurrent_units": False, "time_credit": "bptt", "bptt_steps": 7, "recurrent_gain": None},
]
sequence_values = counts.flatmap(
    lambda envs: st.tuples(
        with_minibatches(
            {"net_arch": st.lists(st.integers(4, 10**6), min_size=1, max_size=4).map(tuple)},
        ),
        st.sampled_from(THROUGH_TIME),
        st.just({"num_envs": envs, "num_minibatches": envs}),
    )
).map(lambda parts: parts[0] | parts[1] | parts[2])
replay_values = fitting(
    {
        **common,
        **dict.fromkeys(("num_envs", "replay_capacity", "batch_size", "train_every"), counts),
        **dict.fromkeys(("updates_per_phase", "target_every"), counts),
        "learning_starts": st.integers(0, 10**9),
        "context_length": st.integers(0, 100),
        "stored_carry": st.booleans(),
    }
)
numbers = st.floats(0.001, 1000.0)
or_none = st.one_of(st.none(), st.floats(0.01, 1.0))
WORDS = [
    {"policy": "tokens", "normalisation": "sum", "likelihood": "own"},
    {"policy": "actions", "normalisation": "words", "likelihood": "published"},
    {"policy": "free", "normalisation": "sum", "likelihood": "own"},
]
token_values = st.tuples(
    st.fixed_dictionaries(
        {
            **dict.fromkeys(("width", "heads"), st.sampled_from([8, 16])),
            **dict.fromkeys(("blocks", "lora_rank", "max_tokens", "epochs"), counts),
            **dict.fromkeys(("num_envs", "rollout_length"), st.sampled_from([2, 6])),
            **dict.fromkeys(("inner_discount", "inner_trace_decay", "max_kl"), or_none),
            **dict.fromkeys(("discount", "trace_decay", "entropy_coefficient"), fractions),
            **dict.fromkeys(("lora_alpha", "clip", "max_gradient_norm", "learning_rate"), numbers),
            "critic_learning_rate": numbers,
            "critic_layers": st.lists(counts, max_size=3).map(tuple),
            "rule": st.sampled_from(["poad", "ntpo", "archer", "archer-bad"]),
            "credit": st.just("backprop"),
            "model": st.sampled_from(["smollm2", "/a/model.gguf"]),
            "quantised": st.booleans(),
            "prompt": st.sampled_from(["chat", "{observation}\n> ", "{observation} You"]),
            "penalty": st.floats(-10.0, 0.0),
            "normalise_advantages": st.booleans(),
            "num_minibatches": st.just(2),
        }
    ),
    st.sampled_from(WORDS),
    st.sampled_from([{"value_clip": None, "target_rate": 0.1}, {"value_clip": 0.2, "target_rate": None}]),
).map(lambda parts: parts[0] | {"width": 4 * parts[0]["heads"]} | parts[1] | parts[2])
agents = st.one_of(
    st.tuples(st.just("poad"), token_values),
    st.tuples(st.just("ad_pqn"), parallel_values),
    st.tuples(st.just("ad_dqn_lambda"), segment_values),
    st.tuples(st.just("ad_rtu_pqn"), sequence_values),
    st.tuples(st.just("ad_dqn"), replay_values),
)
run_values = st.fixed_dictionaries(
    {
        "env": st.sampled_from(registry.device_environments()),
        "total_timesteps": st.integers(1, 2 * 10**9),
        "seed": st.integers(0, 2**32 - 100),
        "seeds": st.integers(1, 100),
        "eval_frequency": st.integers(0, 10**9),
        "num_eval_episodes": counts,
    }
)
many = hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(agent=agents, run=run_values)
def test_a_configuration_survives_its_file(tmp_path_factory, agent, run):
    algo, values = agent
    config = RunConfig(algo=algo, settings=PRESETS[algo].learner(**values), **run)
    path = tmp_path_factory.mktemp("config") / "config.toml"
    AGENTS.write(config, path)
    assert AGENTS.read(path) == config


@many
@given(agent=agents)
def test_every_setting_survives_its_text(agent):
    algo, values = agent
    texts = {name: format_value(value) for name, value in values.items()}
    assert apply_changes(PRESETS[algo].learner(), texts) == PRESETS[algo].learner(**values)


@given(agent=agents)
@hypothesis_settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_strategies_above_know_every_setting(agent):
    algo, values = agent
    assert set(values) == {field.name for field in dataclasses.fields(PRESETS[algo].learner)}


LANGUAGE = [algo for algo in PRESETS if PRESETS[algo].learner is TokenSettings]


@pytest.mark.parametrize(
    ("env", "algo"),
    [
        *itertools.product(
            [*registry.device_environments(), "LunarLander-v3"], [a for a in PRESETS if a not in LANGUAGE]
        ),
        *itertools.product(registry.text_environments(), LANGUAGE),
    ],
)
def test_every_preset_passes_its_own_checks(env, algo):
    config = resolve_config(env, algo)
    assert config.algo == algo
    assert isinstance(config.settings, PRESETS[algo].learner)
    assert config.total_timesteps >= (50_000 if algo in LANGUAGE else 100_000)


def test_what_is_given_overrides_the_preset():
    config = resolve_config(
        "CartPole-v1",
        "ad_pqn",
        total_timesteps=1000,
        seed=5,
        seeds=3,
        net_arch=[7, 6, 5],
        credit="backprop",
        eval_frequency=10,
        num_eval_episodes=2,
        changes={"net_arch": "1,1", "learning_rate": "1e-3", "forward_gain": "none", "input_skip": "off"},
    )
    assert config.seed_list() == [5, 6, 7]
    assert (config.total_timesteps, config.eval_frequency, config.num_eval_episodes) == (1000, 10, 2)
    settings = config.settings
    assert (settings.net_arch, settings.credit, settings.learning_rate) == ((7, 6, 5), "backprop", 1e-3)
    assert settings.forward_gain is None
    assert settings.input_skip is False
    untouched = resolve_config("CartPole-v1").settings
    assert settings.discount == untouched.discount


def test_an_alias_is_resolved_and_ten_evaluations_are_the_default():
    config = resolve_config("MinAtar/SpaceInvaders-v1", total_timesteps=1005)
    assert config.env == "minatar/space_invaders"
    assert config.eval_frequency == 100


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (int, "3e5", 300_000),
        (int, "9007199254740993", 9007199254740993),
        (int, "-2", -2),
        (float, "1e-3", 0.001),
        (float, "inf", math.inf),
        (bool, "True", True),
        (bool, "off", False),
        (str, "none", "none"),
        (float | None, "None", None),
        (float | None, "0.5", 0.5),
        (typing.Optional[float], "off", None),  # noqa: UP045
        (bool | None, "off", False),
        (bool | None, "on", True),
        (bool | None, "none", None),
        (tuple[int, ...], "128,96", (128, 96)),
        (tuple[int, ...], "(128, 96)", (128, 96)),
        (tuple[int, ...], "[64,]", (64,)),
        (tuple[int, ...], "none", ()),
        (tuple[int, ...], "", ()),
        (typing.Literal["a", "b"], "b", "b"),
    ],
)
def test_texts_become_values(kind, text, value):
    found = parse_value("key", kind, text)
    assert found == value
    assert type(found) is type(value)
    assert parse_value("key", kind, format_value(value)) == value


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (int, "x", "key='x' cannot be used: expected a whole number"),
        (int, "1.5", "key='1.5' cannot be used: expected a whole number"),
        (int, "inf", "key='inf' cannot be used: expected a whole number"),
        (int, "nan", "key='nan' cannot be used: expected a whole number"),
        (float, "fast", "key='fast' cannot be used: expected a number"),
        (float | None, "fast", "key='fast' cannot be used: expected a number"),
        (bool, "1", "key='1' cannot be used: expected true or false"),
        (tuple[int, ...], "128;96", "key='128;96' cannot be used: expected numbers such as 128,96"),
        (tuple[int, ...], "1e999", "key='1e999' cannot be used: expected numbers such as 128,96"),
        (typing.Literal["radam"], "adamm", "unknown value of key 'adamm'; did you mean 'radam'? Known: radam."),
    ],
)
def test_texts_that_stand_for_nothing(kind, text, message):
    with pytest.raises(AccumbensError) as error:
        parse_value("key", kind, text)
    assert str(error.value) == message


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown setting 'learning_rat'; did you mean 'learning_rate'"):
        apply_changes(ParallelSettings(), {"learning_rat": "1"})


@pytest.mark.parametrize("name", ["total_timesteps", "seed", "seeds", "eval_frequency", "num_eval_episodes"])
def test_numbers_of_the_run_are_no_settings(name):
    flag = "--" + name.replace("_", "-")
    with pytest.raises(AccumbensError, match=f"{name} is not a setting: give it as {flag}"):
        apply_changes(ParallelSettings(), {name: "1"})


REFUSED_NUMBERS_OF_THE_RUN = [
    ("total_timesteps", 0, "from 1 to 2000000000"),
    ("total_timesteps", 2_000_000_001, "from 1 to 2000000000"),
    ("seeds", 0, ">= 1"),
    ("num_eval_episodes", 0, ">= 1"),
    ("seed", -1, "from 0 to 4294967295"),
    ("seed", 2**32, "from 0 to 4294967295"),
    ("eval_frequency", -1, ">= 0"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), REFUSED_NUMBERS_OF_THE_RUN)
def test_numbers_of_the_run_that_cannot_be_used(name, value, allowed):
    with pytest.raises(AccumbensError) as error:
        resolve_config("CartPole-v1", **{name: value})
    assert str(error.value) == f"{name}={value} cannot be used: it must be {allowed}"


def test_the_last_of_many_seeds_counts():
    assert resolve_config("CartPole-v1", seed=2**32 - 2, seeds=2).seed_list() == [2**32 - 2, 2**32 - 1]
    with pytest.raises(AccumbensError, match="seed=4294967294 cannot be used"):
        resolve_config("CartPole-v1", seed=2**32 - 2, seeds=3)


REFUSED = {
    "rank": [0],
    "net_arch": [(), (0,), (8, -1)],
    "num_envs": [0],
    "discount": [-0.1, 1.1, math.nan],
    "epsilon_start": [2.0],
    "epsilon_end": [-1.0],
    "epsilon_fraction": [1.5],
    "warmup_fraction": [-0.5],
    "adam_b1": [1.0, -0.1],
    "adam_b2": [1.0],
    "learning_rate": [0.0, -1.0, math.inf, math.nan],
    "reward_scale": [0.0],
    "value_scale": [0.0, math.inf],
    "max_gradient_norm": [0.0, math.nan],
    "learning_rate_end": [-1.0, math.inf, math.nan],
    "forward_gain": [math.inf, math.nan],
    "recurrent_gain": [-math.inf],
    "duration_exponent": [1.0, math.inf, math.nan],
    "num_quantiles": [0],
    "goodness_width": [0],
    "convolution": [0],
    "huber_threshold": [-1.0, math.inf],
    "loss": ["quantile_huber", "expectile"],  # a value has no quantiles
    "value_offset": [True],  # of a goodness only
}
REFUSED_PARALLEL = {"rollout_length": [0], "epochs": [0], "num_minibatches": [0, 7], "trace_decay": [1.1]}
REFUSED_SEGMENTS = {
    "segments": [0],
    "replay_capacity": [0],
    "learning_starts": [-1],
    "num_minibatches": [7, 12],
    "priority_exponent": [-0.5, math.inf, math.nan],
}
REFUSED_SEQUENCES = {
    "recurrent_gain": [None, 0.5],  # the recurrent units' state would be another
    "net_arch": [(8, 3)],
    "bptt_steps": [0, 8],  # with time_credit=traces
    "recurrent_units": [False],  # of which the traces are
    "num_minibatches": [0, 7, 64],
}
REFUSED_REPLAY = {
    "replay_capacity": [0],
    "batch_size": [0],
    "train_every": [0],
    "updates_per_phase": [0],
    "target_every": [0],
    "learning_starts": [-1],
    "context_length": [-1],
}


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (kind, name, value)
        for kind, refused in [
            (ParallelSettings, REFUSED | REFUSED_PARALLEL),
            (SegmentSettings, REFUSED | REFUSED_PARALLEL | REFUSED_SEGMENTS),
            (SequenceSettings, REFUSED | REFUSED_PARALLEL | REFUSED_SEQUENCES),
            (ReplaySettings, REFUSED | REFUSED_REPLAY),
        ]
        for name, values in refused.items()
        for value in values
    ],
)
def test_settings_that_cannot_be_used(kind, name, value):
    check_settings(kind())
    with pytest.raises(AccumbensError) as error:
        check_settings(kind(**{name: value}))
    assert str(error.value).startswith(f"{name}={value} cannot be used: it must be ")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"readout": "quantile"}, "loss=squared cannot be used: it must be quantile_huber or expectile with readout="),
        ({"loss": "huber", "huber_threshold": 0.0}, "huber_threshold=0.0 cannot be used: it must be > 0 with loss=hub"),
        ({"cell": "mlp", "action_conditioning": True}, "action_conditioning=True cannot be used: it must be off with"),
        ({"cell": "dot", "convolution": 16}, "convolution=16 cannot be used: it must be none with cell=dot"),
    ],
)
def test_settings_that_exclude_one_another(settings, message):
    with pytest.raises(AccumbensError) as error:
        check_settings(ReplaySettings(**settings))
    assert str(error.value).startswith(message)


def test_backpropagation_through_a_single_step_goes_by_another_name():
    check_settings(SequenceSettings(time_credit="bptt", bptt_steps=2))
    with pytest.raises(AccumbensError, match="bptt_steps=1 cannot be used: it must be >= 2, or none; a single step is"):
        check_settings(SequenceSettings(time_credit="bptt", bptt_steps=1))


@pytest.mark.parametrize("algo", ["ad_pqn", "ad_dqn"])
def test_overlap_is_for_the_host(algo):
    assert resolve_config("Pendulum-v1", algo, changes={"overlap": "true"}).settings.overlap
    with pytest.raises(AccumbensError) as error:
        resolve_config("CartPole-v1", algo, changes={"overlap": "true"})
    assert str(error.value) == (
        "overlap=True cannot be used: it must be off with env=CartPole-v1, whose steps are part of one program with "
        "the learning"
    )


def test_a_gradient_norm_without_limit_never_clips():
    check_settings(ParallelSettings(max_gradient_norm=math.inf))


def test_minibatches_must_divide_what_was_collected():
    settings = ParallelSettings(num_envs=4, rollout_length=6, num_minibatches=5)
    with pytest.raises(AccumbensError, match=r"a divisor of num_envs \* rollout_length = 24"):
        check_settings(settings)


@pytest.fixture
def document():
    return {"format_version": 1, **AGENTS.to_document(resolve_config("CartPole-v1", "ad_dqn"))}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format_version=99), "has format version 99; this accumbens reads 1"),
        (lambda d: d.pop("format_version"), "has format version None; this accumbens reads 1"),
        (lambda d: d.pop("run"), "is of another kind of run: this is for agents, which 'accumbens train' makes"),
        (lambda d: d.update(agent=3), "the table [agent] is missing"),
        (lambda d: d["run"].pop("seeds"), "seeds is missing"),
        (lambda d: d["agent"].update(loss="squard"), "unknown value of loss 'squard'; did you mean 'squared'"),
        (lambda d: d["agent"].update(new_thing=1), "unknown setting 'new_thing'"),
        (lambda d: d["agent"].update(learning_rate="fast"), "learning_rate='fast' cannot be used"),
        (lambda d: d["agent"].update(learning_rate=[1]), "cannot be used: expected a number"),
        (lambda d: d["agent"].update(learning_rate=0), "learning_rate=0.0 cannot be used"),
        (lambda d: d["run"].update(algo="ad_dqm"), "unknown algorithm 'ad_dqm'; did you mean 'ad_dqn'"),
        (lambda d: d["run"].update(env="CartPole-v7"), "environment 'CartPole-v7' of"),
        (lambda d: d["run"].update(seed=True), "seed='True' cannot be used"),
        (lambda d: d["run"].update(seeds=0), "seeds=0 cannot be used"),
    ],
)
def test_a_file_that_no_run_wrote(tmp_path, document, change, message):
    path = tmp_path / "config.toml"
    change(document)
    path.write_bytes(tomli_w.dumps(document).encode())
    with pytest.raises(AccumbensError) as error:
        AGENTS.read(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize("content", [b"seed = = 3", b"\xff\xfe\x00", b"run = 'cut sho"])
def test_a_file_that_is_not_toml(tmp_path, content):
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(AccumbensError, match="cannot be read as a run's configuration"):
        AGENTS.read(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(AccumbensError, match="does not exist: not a run directory"):
        AGENTS.read(tmp_path / "config.toml")


def test_a_setting_younger_than_the_file_has_its_default(tmp_path, document):
    del document["agent"]["loss"]
    path = tmp_path / "config.toml"
    path.write_bytes(tomli_w.dumps(document).encode())
    assert AGENTS.read(path).settings.loss == ReplaySettings().loss


def test_the_file_is_plain_toml_with_every_field(tmp_path, document):
    config = resolve_config("CartPole-v1", "ad_dqn")
    AGENTS.write(config, tmp_path / "config.toml")
    written = tomllib.loads((tmp_path / "config.toml").read_text())
    assert written == document
    assert written["agent"]["recurrent_gain"] == "none"
    assert set(written["agent"]) == {field.name for field in dataclasses.fields(ReplaySettings)}
