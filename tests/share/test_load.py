"""A loaded agent is the run's network, to the bit; what is damaged or foreign is refused in words."""

import hashlib
import json
import re
import shutil
import struct
import sys
import tomllib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

import accumbens
from accumbens.errors import AccumbensError
from accumbens.share.weights import named_arrays
from accumbens.training.play import Mind
from accumbens.training.trained import open_trained


def test_weights_are_the_snapshots_by_readable_names(run, exported):
    trained = open_trained(run.path)
    network = named_arrays(trained.network(4))
    arrays = safetensors.numpy.load_file(exported / "weights.safetensors")
    assert set(arrays) == set(network)
    assert {"cells.0.activity.W_h", "cells.0.W_z1", "cells.1.activity.norm.weight"} <= set(arrays)
    for name, array in arrays.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, network[name], strict=True)
    document = tomllib.loads((exported / "agent.toml").read_text())
    assert (document["export"]["seed"], document["export"]["step"]) == (4, trained.step)


@pytest.mark.parametrize("source", ["run", "folder"])
def test_it_computes_what_the_run_does_to_the_bit(run, exported, observations, source):
    agent = accumbens.load(run.path, seed=4) if source == "run" else accumbens.load(exported)
    trained = open_trained(run.path)
    mind, memory = Mind(trained), trained.agent.init_memory(1)
    for time, observation in enumerate(observations):
        thought = mind.decide(trained.network(4), memory, observation[None], jnp.int32(time))
        np.testing.assert_array_equal(agent.values(observation), thought.values[0], strict=True)
        assert agent.act(observation) == thought.action[0]
        memory = thought.memory


def test_it_acts_on_the_mean_of_its_cells_and_remembers(exported, observations):
    agent, fresh = accumbens.load(exported), accumbens.load(exported)
    remembered = []
    for observation in observations:
        values = agent.values(observation)
        np.testing.assert_array_equal(values, agent.values(observation))  # looking changes nothing
        action = agent.act(observation)
        assert type(action) is int
        assert action == np.argmax(values.mean(axis=0))
        fresh.reset()
        remembered.append(not np.array_equal(values, fresh.values(observation)))
    assert remembered == [False] + [True] * 19
    agent.reset()
    np.testing.assert_array_equal(agent.values(observations[0]), fresh.values(observations[0]))


def test_a_batch_is_as_many_players(exported, observations):
    agent, alone = accumbens.load(exported), [accumbens.load(exported) for _ in range(3)]
    for time in range(0, 18, 3):
        batch = observations[time : time + 3]
        if time == 9:
            agent.reset([False, True, False])
            alone[1].reset()
        values = np.stack([player.values(one) for player, one in zip(alone, batch, strict=True)])
        np.testing.assert_allclose(agent.values(batch), values, rtol=1e-5, atol=1e-6)
        actions = agent.act(batch)
        assert actions.shape == (3,)
        np.testing.assert_array_equal(actions, [player.act(one) for player, one in zip(alone, batch, strict=True)])


def test_the_other_seed_and_other_steps(run, exported, observations):
    first, untrained = accumbens.load(run.path), run.load(seed=4, step=0)
    assert (first.seed, first.step, untrained.seed, untrained.step) == (3, 4096, 4, 0)
    assert repr(first) == "<accumbens agent: ad_pqn on CartPole-v1, seed 3, 4,096 steps>"
    values = [agent.values(observations[0]) for agent in (first, untrained, accumbens.load(exported))]
    assert not np.allclose(values[0], values[1])
    assert not np.allclose(values[0], values[2])
    assert not np.allclose(values[1], values[2])


def test_random_actions(exported, observations):
    greedy, random, again = (accumbens.load(exported, exploration_seed=seed) for seed in (0, 7, 7))
    batch = np.repeat(observations[:1], 400, axis=0)
    drawn = random.act(batch, epsilon=1.0)
    assert 150 < drawn.sum() < 250
    np.testing.assert_array_equal(drawn, again.act(batch, epsilon=1.0))
    assert len(set(greedy.act(batch))) == 1
    assert not np.array_equal(drawn, again.act(batch, epsilon=1.0))
    for epsilon in (-0.1, 1.5, float("nan")):
        with pytest.raises(AccumbensError, match=f"epsilon={epsilon} cannot be used: it must be from 0 to 1"):
            greedy.act(batch, epsilon)


def test_observations_that_cannot_be_used(exported, observations):
    agent = accumbens.load(exported)
    for observation in (observations[0, :3], observations[None], np.zeros((0, 4)), 3.0):
        with pytest.raises(AccumbensError, match=r"an observation of the shape .* those of CartPole-v1 have \(4,\)"):
            agent.act(observation)
    with pytest.raises(AccumbensError, match="the observation cannot be used"):
        agent.act({"position": 1})
    agent.act(observations[:3])
    with pytest.raises(AccumbensError, match=re.escape("2 observation(s) after 3: call reset()")):
        agent.act(observations[:2])
    with pytest.raises(AccumbensError, match=r"ended is bool\[2\] and cannot be used: expected bool\[3\]"):
        agent.reset([True, False])
    agent.reset()
    agent.act(observations[0])


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e300])
def test_what_is_not_finite_is_refused_and_not_remembered(exported, observations, number):
    agent, spared = accumbens.load(exported), accumbens.load(exported)
    for player in (agent, spared):
        player.act(observations[0])
    for call in (agent.act, agent.values):
        with pytest.raises(AccumbensError, match="cannot be used: not all of it is finite"):
            call([number, *observations[1, 1:]])
    np.testing.assert_array_equal(agent.values(observations[1]), spared.values(observations[1]))


def test_lists_and_other_types_of_numbers_are_observations_too(exported, observations):
    agent = accumbens.load(exported)
    values = agent.values(observations[0])
    for same in (observations[0].tolist(), observations[0].astype(np.float64), jnp.asarray(observations[0])):
        np.testing.assert_array_equal(agent.values(same), values)


@pytest.fixture
def folder(exported, tmp_path):
    """A copy to be damaged."""
    return shutil.copytree(exported, tmp_path / "agent")


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def put_weights(folder, content):
    """Replace the weights, and make the checksum fit."""
    before = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    (folder / "weights.safetensors").write_bytes(content)
    edit(folder / "agent.toml", before, hashlib.sha256(content).hexdigest())


def test_the_environment_need_not_be_installed(folder, observations):
    values = accumbens.load(folder).values(observations[0])
    edit(folder / "config.toml", 'env = "CartPole-v1"', 'env = "no_such_package:Thing-v0"')
    moved = accumbens.load(folder)
    assert moved.config.env == "no_such_package:Thing-v0"
    np.testing.assert_array_equal(moved.values(observations[0]), values)


@pytest.mark.parametrize("name", ["weights.safetensors", "config.toml"])
def test_a_file_is_missing(folder, name):
    (folder / name).unlink()
    with pytest.raises(AccumbensError, match=f"is not a complete exported agent: it has no {name}"):
        accumbens.load(folder)


@pytest.mark.parametrize("damage", [lambda b: b[:-7], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b""])
def test_damaged_weights(folder, damage):
    path = folder / "weights.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(AccumbensError, match=r"weights.safetensors is damaged, or belongs to another export"):
        accumbens.load(folder)


def test_weights_of_something_else(folder):
    path = folder / "weights.safetensors"
    arrays = safetensors.numpy.load_file(path)
    put_weights(folder, b"\x80\x04not safetensors")  # how a pickle begins
    with pytest.raises(AccumbensError, match=r"weights.safetensors is not a file of safetensors"):
        accumbens.load(folder)
    first = next(iter(arrays))
    for change, message in (
        ({name: array for name, array in arrays.items() if name != first}, f"it has no {first}"),
        (arrays | {"intruder": np.zeros(3)}, "nothing here is called intruder"),
        (arrays | {first: arrays[first].astype(np.float64)}, f"{first} is float64.* and not float32"),
        (arrays | {first: arrays[first][..., None]}, f"{first} is float32.* and not float32"),
    ):
        put_weights(folder, safetensors.numpy.save(change))
        with pytest.raises(AccumbensError, match=f"weights.safetensors does not fit config.toml: {message}"):
            accumbens.load(folder)


def test_a_header_that_promises_too_much(folder):
    header = json.dumps({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}).encode()
    put_weights(folder, struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(AccumbensError, match="is not a file of safetensors"):
        accumbens.load(folder)


CHANGES = {
    ("agent.toml", "format_version = 1", "format_version = 2"): r"agent.toml has format version 2; .* reads 1",
    ("agent.toml", "[export]", "[export"): "agent.toml is damaged",
    ("agent.toml", "[export]", "[other]"): "agent.toml is damaged: 'export'",
    ("agent.toml", "num_actions = 2", 'num_actions = "many"'): "agent.toml is damaged: the facts of the environment",
    ("agent.toml", "num_actions = 2\n", ""): "agent.toml is damaged: the facts of the environment",
    ("agent.toml", "num_actions = 2", "num_actions = 0"): "agent.toml is damaged: the facts .* do not fit",
    ("agent.toml", "num_actions = 2", "num_actions = 2\nnews = 1"): "agent.toml is damaged: the facts of the",
    ("agent.toml", 'observation_dtype = "float32"', 'observation_dtype = "flat"'): "agent.toml is damaged",
    ("config.toml", "format_version = 1", "format_version = 9"): "config.toml has format version 9",
    ("config.toml", 'algo = "ad_pqn"', 'algo = "ad_pqm"'): "unknown algorithm 'ad_pqm'; did you mean 'ad_pqn'",
    ("config.toml", "    6,\n", "    7,\n"): "weights.safetensors does not fit config.toml: cells.0.activity.W_h",
    ("config.toml", 'cell = "attention"', 'cell = "dot"'): "weights.safetensors does not fit config.toml",
    ("config.toml", 'cell = "attention"', 'cell = "antigravity:x"'): "of a module that is not imported. If you trust",
    ("config.toml", 'cell = "attention"', 'cell = "sys:x"'): "unknown value of cell 'sys:x'",
    ("config.toml", 'readout = "value"', 'readout = "antigravity:x"'): "of a module that is not imported",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change[1]} to {change[2]}".strip())
def test_descriptions_that_do_not_fit(folder, change):
    name, old, new = change
    edit(folder / name, old, new)
    with pytest.raises(AccumbensError, match=CHANGES[change]):
        accumbens.load(folder)
    assert "antigravity" not in sys.modules  # nothing that a folder names is imported


def test_what_is_no_agent(tmp_path, run, exported):
    with pytest.raises(AccumbensError, match=r"nowhere does not exist: expected a folder with one of agent.toml"):
        accumbens.load(tmp_path / "nowhere")
    with pytest.raises(AccumbensError, match=r"has none of agent.toml .*, network.toml .* and config.toml"):
        accumbens.load(tmp_path)
    with pytest.raises(AccumbensError, match="is an exported agent, which has one seed and step: give neither"):
        accumbens.load(exported, seed=3)
    with pytest.raises(AccumbensError, match="seed=5 cannot be used: the run has 3, 4"):
        accumbens.load(run.path, seed=5)
    with pytest.raises(AccumbensError, match=r"step=7 cannot be used: .* has snapshots at 0, 2048, 4096"):
        accumbens.load(run.path, step=7)


def test_it_is_on_the_device_that_jax_finds(exported):
    agent = accumbens.load(exported)
    assert {leaf.devices().pop() for leaf in jax.tree.leaves(agent.network)} == {jax.devices()[0]}
