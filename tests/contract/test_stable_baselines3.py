"""Stable-Baselines3 trains on our environments as they are. It needs PyTorch: the extra `sac` brings both."""

import gymnasium
import pytest

from accumbens.envs.to_gymnasium import to_gymnasium

stable_baselines3 = pytest.importorskip("stable_baselines3")


# It would scale pictures for its own convolutional network, which no MinAtar game is large enough for.
@pytest.mark.filterwarnings("ignore:.*is an image:UserWarning", "ignore:The minimal resolution:UserWarning")
@pytest.mark.parametrize("name", ["minatar/breakout", "CartPole-v1"])
def test_its_checker_accepts_them(name):
    from stable_baselines3.common.env_checker import check_env

    check_env(to_gymnasium(name))


def test_dqn_trains():
    env = gymnasium.make("accumbens/minatar-breakout")
    model = stable_baselines3.DQN("MlpPolicy", env, learning_starts=100, buffer_size=1000, seed=0, device="cpu")
    before = [parameter.detach().clone() for parameter in model.q_net.parameters()]
    model.learn(600)
    assert model._n_updates > 100
    assert any((old != new).any() for old, new in zip(before, model.q_net.parameters(), strict=True))
    assert len(model.ep_info_buffer) > 5
    action, _ = model.predict(env.reset(seed=0)[0], deterministic=True)
    assert env.action_space.contains(int(action))


def test_it_makes_several_by_their_id():
    from stable_baselines3.common.env_util import make_vec_env

    envs = make_vec_env("accumbens/CartPole-v1", n_envs=2, seed=0)
    model = stable_baselines3.PPO("MlpPolicy", envs, n_steps=32, batch_size=32, n_epochs=1, device="cpu")
    assert model.learn(64).num_timesteps == 64
