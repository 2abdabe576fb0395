"""Random numbers are of one generator, whatever the user's JAX is configured to: in every kind of run, and after it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import accumbens
from accumbens.errors import AccumbensError
from accumbens.generator import GENERATOR, make_key, pinned_generator
from accumbens.runs.tables import read_table

BITS = [3725328165, 2899676959]
"""Of the two keys that seed 7 is split into, by JAX 0.10 as it comes."""

SOURCE = Path(accumbens.__file__).parent
TINY = {"net_arch": [6], "num_envs": 2, "rollout_length": 16, "num_minibatches": 2, "epochs": 1}
SHORT = {"total_timesteps": 128, "seeds": 2, "num_eval_episodes": 2, **TINY}
RUNS = {
    "agent": lambda out: accumbens.train("CartPole-v1", out=out, name="a", **SHORT),
    "agent of two threads": lambda out: accumbens.train("Pendulum-v1", out=out, name="a", overlap=True, **SHORT),
    "fit": lambda out: accumbens.fit("digits", "coagent", layers=[4], epochs=1, out=out, name="a"),
    "team": lambda out: accumbens.train(
        *("team/fill-in-2", "idt"), data="random:40", updates=4, evaluations=1, num_eval_episodes=3, out=out, name="a",
        network="mlp", width=4, blocks=1, context=2,
    ),
}  # fmt: skip


@pytest.fixture
def elsewhere():
    """A context in which JAX is configured otherwise than by default."""
    names = ("jax_default_prng_impl", "jax_threefry_partitionable")
    before = {name: getattr(jax.config, name) for name in names}
    for name, value in zip(names, ("rbg", False), strict=True):  # of all threads, as a user's own would be
        jax.config.update(name, value)
    yield
    after = [getattr(jax.config, name) for name in names]
    for name in names:
        jax.config.update(name, before[name])
    assert after == ["rbg", False]  # as the user wants it, and not as we do


@pytest.fixture(scope="module", params=list(RUNS))
def made(request, tmp_path_factory):
    """A way of making a run, and one that was made so with JAX as it is by default."""
    return RUNS[request.param], RUNS[request.param](tmp_path_factory.mktemp("plain"))


def numbers(path):
    """All tables of a run, without what depends on the clock."""
    return {
        file.name: [{name: text for name, text in row.items() if name != "wall_seconds"} for row in read_table(file)]
        for file in sorted(path.glob("*.csv"))
    }


def test_a_run_has_the_same_numbers_to_the_bit(made, tmp_path, elsewhere):
    make, plain = made
    again = make(tmp_path)
    assert numbers(again.path) == numbers(plain.path)
    snapshots = [sorted((run.path / "snapshots").iterdir())[-1].read_bytes() for run in (again, plain)]
    assert snapshots[0] == snapshots[1]


def test_what_is_done_with_it_afterwards_is_the_same(made, tmp_path, elsewhere):
    _, plain = made
    if plain.kind.words.name != "agent":
        return
    with pinned_generator():
        expected = plain.evaluate(num_episodes=2, epsilon=0.5)
    found = plain.evaluate(num_episodes=2, epsilon=0.5)
    np.testing.assert_array_equal(found.returns, expected.returns)
    observations = np.random.default_rng(0).normal(size=(30, *plain.load().facts.observation_shape))
    with pinned_generator():
        expected = actions(plain, observations)
    np.testing.assert_array_equal(actions(plain, observations), expected)


def actions(run, observations):
    """What an agent does that explores all the time; its program is traced at the first of them."""
    agent = run.load()
    return [agent.act(observation, epsilon=1.0) for observation in observations]


def test_gymnasium_meets_the_same_first_states(elsewhere):
    with pinned_generator():
        expected = accumbens.to_gymnasium("CartPole-v1").reset(seed=3)[0]
    np.testing.assert_array_equal(accumbens.to_gymnasium("CartPole-v1").reset(seed=3)[0], expected)


def test_the_command_line_draws_the_same_whatever_the_process_is_told(tmp_path):
    words = ["train", "CartPole-v1", "--total-timesteps", "128", "--num-eval-episodes", "2", "--name", "a", "--quiet"]
    words += [
        word for name, value in TINY.items() for word in ("--set", f"{name}={value}".replace("[", "").replace("]", ""))
    ]
    tables = []
    for folder, told in {
        "plain": {},
        "told": {"JAX_DEFAULT_PRNG_IMPL": "rbg", "JAX_THREEFRY_PARTITIONABLE": "0"},
    }.items():
        command = [sys.executable, "-m", "accumbens.cli.main", *words, "--output", str(tmp_path / folder)]
        subprocess.run(command, env=os.environ | told, check=True, capture_output=True)
        tables.append(numbers(tmp_path / folder / "CartPole-v1" / "ad_pqn" / "a"))
    assert tables[0] == tables[1]
    assert tables[0]["metrics.csv"]


def test_its_generator_is_part_of_a_run(made):
    assert made[1].kind.open(made[1].path)[0].read_meta()["generator"] == GENERATOR == "threefry2x32"


@pytest.fixture
def unfinished(tmp_path):
    """A run that is to go on, and the path of its `meta.json`."""
    run = accumbens.fit("digits", "backprop", layers=[4], epochs=1, out=tmp_path, name="a")
    return run, run.path / "meta.json"


def test_a_run_does_not_go_on_under_another_generator(unfinished):
    run, meta = unfinished
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"generator": "rbg"}))
    before = (run.path / "config.toml").read_bytes()
    with pytest.raises(AccumbensError, match="cannot be continued: its random numbers are of the generator 'rbg'"):
        run.resume(length=2)
    assert (run.path / "config.toml").read_bytes() == before


def test_a_run_that_names_none_has_ours(unfinished):
    run, meta = unfinished
    meta.write_text(
        json.dumps({name: value for name, value in json.loads(meta.read_text()).items() if name != "generator"})
    )
    assert run.resume(length=2).config.epochs == 2


def test_every_key_is_made_in_one_place():
    made = re.compile(r"random\.key\b|PRNGKey\(|wrap_key_data\((?!.*impl=)")  # what saved keys are of is said with them
    folders = [SOURCE, SOURCE.parents[1] / "benchmarks", SOURCE.parents[1] / "docs" / "generate"]
    found = {path.name for folder in folders for path in folder.rglob("*.py") if made.search(path.read_text("utf-8"))}
    assert found == {"generator.py"}


def test_a_key_says_its_generator_and_draws_what_it_always_has(elsewhere):
    assert str(jax.random.key_impl(make_key(0))) == GENERATOR
    with pinned_generator():
        bits = [jax.random.bits(key).item() for key in jax.random.split(make_key(7), 2)]
        assert str(jax.random.key_impl(jax.random.key(0))) == GENERATOR  # one that others make
    assert bits == BITS
    assert [jax.random.bits(key).item() for key in jax.random.split(make_key(7), 2)] != bits  # why it is pinned


def test_what_was_traced_elsewhere_is_traced_again():
    draw = jax.jit(lambda: jax.random.uniform(make_key(0), (3,)))
    with jax.threefry_partitionable(False):
        others = draw()
        with pinned_generator():
            ours = draw()
        np.testing.assert_array_equal(draw(), others)
    np.testing.assert_array_equal(draw(), ours)
    assert (ours != others).any()


@pytest.mark.parametrize("impl", ["rbg", "unsafe_rbg"])
def test_under_others_a_seed_is_not_its_own(impl):
    """Why the generator is ours to choose: of seeds side by side, all but the first draw by the first one's key."""

    def drawn(seeds, impl):
        return jax.vmap(lambda seed: jax.random.uniform(jax.random.key(seed, impl=impl), (4,)))(jnp.array(seeds))

    np.testing.assert_array_equal(drawn([0, 1], impl), drawn([0, 9], impl))
    assert (drawn([0, 1], impl)[1] != drawn([1, 0], impl)[0]).all()
    np.testing.assert_array_equal(drawn([0, 1], GENERATOR)[1], drawn([1, 0], GENERATOR)[0])
    assert (drawn([0, 1], GENERATOR)[1] != drawn([0, 9], GENERATOR)[1]).all()
