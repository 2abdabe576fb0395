"""One small run of two seeds, trained through Python, and what is exported of it."""

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

import accumbens
from accumbens.share import export as sharing

TINY = {"net_arch": (6, 5), "num_envs": 4, "rollout_length": 16, "num_minibatches": 2, "epochs": 1}


@pytest.fixture(scope="package", autouse=True)
def compile_quickly(tmp_path_factory):
    """Share compiled programs between all runs of these tests; compile them with few optimisations."""
    options = {
        "jax_disable_most_optimizations": True,
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("programs")),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: jax.config.values[name] for name in options}
    for name, value in options.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture(scope="package")
def run(tmp_path_factory, compile_quickly):
    """A finished run of the seeds 3 and 4."""
    out = tmp_path_factory.mktemp("runs")
    sizes = {"total_timesteps": 4096, "seed": 3, "seeds": 2, "num_eval_episodes": 2, "eval_frequency": 2048}
    return accumbens.train("CartPole-v1", out=out, name="a", progress=False, **sizes, **TINY)


@pytest.fixture(scope="package")
def exported(tmp_path_factory, run):
    """The folder of its seed 4, without a video."""
    folder = tmp_path_factory.mktemp("exported") / "agent"
    sharing.export(run.path, folder, seed=4)
    return folder


@pytest.fixture
def observations():
    """Twenty observations, as CartPole could have them."""
    return np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
