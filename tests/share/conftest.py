"""A small run and a small fit of two seeds each, trained through Python, and what is exported of them."""

import numpy as np
import pytest

import accumbens
from accumbens.share.export import export

TINY = {"net_arch": (6, 5), "num_envs": 4, "rollout_length": 16, "num_minibatches": 2, "epochs": 1}


@pytest.fixture(scope="package")
def run(tmp_path_factory):
    """A finished run of the seeds 3 and 4."""
    out = tmp_path_factory.mktemp("runs")
    sizes = {"total_timesteps": 4096, "seed": 3, "seeds": 2, "num_eval_episodes": 2, "eval_frequency": 2048}
    return accumbens.train("CartPole-v1", out=out, name="a", progress=False, **sizes, **TINY)


@pytest.fixture(scope="package")
def exported(tmp_path_factory, run):
    """The folder of its seed 4, without a video."""
    folder = tmp_path_factory.mktemp("exported") / "agent"
    export(run.path, folder, seed=4)
    return folder


@pytest.fixture(scope="package")
def fitted(tmp_path_factory):
    """A finished fit of the seeds 3 and 4: digits, whose pixels from 0 to 16 the network meets from -1 to 1."""
    out = tmp_path_factory.mktemp("fits")
    sizes = {"layers": (16,), "epochs": 3, "seed": 3, "seeds": 2}
    return accumbens.fit("digits", out=out, name="a", progress=False, learning_rate=0.003, **sizes)


@pytest.fixture(scope="package")
def exported_network(tmp_path_factory, fitted):
    """The folder of its seed 4."""
    folder = tmp_path_factory.mktemp("exported") / "network"
    export(fitted.path, folder, seed=4)
    return folder


@pytest.fixture
def observations():
    """Twenty observations, as CartPole could have them."""
    return np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
