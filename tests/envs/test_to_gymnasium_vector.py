"""Many copies in one call do what Gymnasium's `SyncVectorEnv` does with as many single copies."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, MultiDiscrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from vector_environments import assert_same, side_by_side

from accumbens.envs.to_gymnasium import to_gymnasium
from accumbens.errors import AccumbensError, UnknownNameError

NUM_ENVS = 5
MODES = [mode.value for mode in AutoresetMode]


@pytest.fixture(params=MODES)
def pair(request, lamps):
    return side_by_side(lamps, NUM_ENVS, request.param)


def reset_ended(envs, ended, seed=None):
    return envs.reset(seed=seed, options={"reset_mask": ended.copy()})


def test_same_seeds_and_actions_give_the_same_in_every_mode(pair):
    ours, theirs = pair
    assert ours.metadata["autoreset_mode"] is theirs.metadata["autoreset_mode"]
    assert_same(ours.reset(seed=7), theirs.reset(seed=7))
    choose, ends = np.random.default_rng(0), 0
    for _ in range(30):
        actions = choose.integers(3, size=NUM_ENVS)
        outcome = ours.step(actions)
        assert_same(outcome, theirs.step(actions))
        ended = outcome[2] | outcome[3]
        ends += ended.sum()
        if ours.metadata["autoreset_mode"] is AutoresetMode.DISABLED and ended.any():
            assert_same(reset_ended(ours, ended), reset_ended(theirs, ended))
    assert ends > 20


@pytest.mark.parametrize("seed", [3, np.int64(3), 2**70, [4, 4, 8, 2, 0]])
def test_seeds_are_gymnasiums(pair, seed):
    ours, theirs = pair
    observations, _ = ours.reset(seed=seed)
    if not isinstance(seed, np.int64):  # which SyncVectorEnv takes for a list
        assert_same((observations, {}), theirs.reset(seed=seed))
        assert ours.np_random_seed == theirs.np_random_seed
    assert_same(ours.reset(), ours.reset(seed=seed) and ours.reset())


def test_a_mask_resets_and_seeds_only_its_copies(pair):
    ours, theirs = pair
    for envs in pair:
        envs.reset(seed=1)
        envs.step(np.zeros(NUM_ENVS, int))
    mask = np.array([True, False, False, True, False])
    options = {"reset_mask": mask}
    assert_same(ours.reset(seed=[5, None, 9, None, None], options=options), reset_ended(theirs, mask, [5, *[None] * 4]))
    assert options["reset_mask"] is mask
    for action in (0, 1, 2):
        assert_same(ours.step(np.full(NUM_ENVS, action)), theirs.step(np.full(NUM_ENVS, action)))


def test_without_seeds_no_two_environments_are_alike(lamps):
    firsts = [to_gymnasium(lamps, 40).reset()[0].tolist() for _ in range(2)]
    assert firsts[0] != firsts[1]


def test_spaces_and_spec(lamps):
    envs = to_gymnasium(lamps, 2, AutoresetMode.SAME_STEP)
    assert isinstance(envs, gymnasium.vector.VectorEnv)
    assert (envs.single_observation_space, envs.num_envs) == (Box(0, 1, (3,), np.uint8), 2)
    assert (envs.observation_space, envs.action_space) == (Box(0, 1, (2, 3), np.uint8), MultiDiscrete([3, 3]))
    assert envs.reset()[0] in envs.observation_space
    assert gymnasium.make_vec(envs.spec, 4).num_envs == 4


def test_metadata_belong_to_each(lamps):
    envs = [to_gymnasium(lamps, 2, mode) for mode in MODES]
    SyncVectorEnv([lambda: to_gymnasium(lamps)], autoreset_mode="SameStep")
    assert [env.metadata["autoreset_mode"].value for env in envs] == MODES
    assert to_gymnasium(lamps).metadata == gymnasium.Env.metadata == {"render_modes": []}


def test_what_it_returns_belongs_to_the_caller(pair):
    ours, theirs = pair
    for envs in pair:
        envs.reset(seed=0)[0][:] = 9
        for part in envs.step(np.zeros(NUM_ENVS, int))[:4]:
            part[:] = 1
    for _ in range(2):
        assert_same(ours.step(np.zeros(NUM_ENVS, int)), theirs.step(np.zeros(NUM_ENVS, int)))


def test_gymnasiums_wrappers_take_it(lamps):
    envs = RecordEpisodeStatistics(to_gymnasium(lamps, 3))
    envs.reset(seed=0)
    for _ in range(4):
        infos = envs.step(np.zeros(3, int))[-1]
    assert infos["episode"]["l"].tolist() == [4, 4, 4]


def test_a_copy_that_ended_waits_for_its_reset(lamps):
    envs = to_gymnasium(lamps, 2, "Disabled")
    envs.reset(seed=0)
    for _ in range(4):
        envs.step([0, 0])
    with pytest.raises(gymnasium.error.ResetNeeded, match=r"copies \[0, 1\] have ended"):
        envs.step([0, 0])
    envs.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(gymnasium.error.ResetNeeded, match=r"copies \[1\] have ended"):
        envs.step([0, 0])


def test_nothing_goes_before_the_first_reset(lamps):
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        to_gymnasium(lamps, 2).step([0, 0])
    with pytest.raises(gymnasium.error.ResetNeeded, match="without reset_mask"):
        reset_ended(to_gymnasium(lamps, 2), np.array([True, False]))


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ([0, 3], "the action 3 of copy 1 is not in Discrete"),
        ([-1, 0], "the action -1 of copy 0"),
        ([0.0, 1.0], r"2 integers, not float64\[2\]"),
        ([0, 1, 2], r"2 integers, not int64\[3\]"),
        (1, r"2 integers, not int64\[\]"),
    ],
)
def test_wrong_actions(lamps, actions, words):
    envs = to_gymnasium(lamps, 2)
    envs.reset()
    with pytest.raises(AccumbensError, match=words):
        envs.step(actions)


@pytest.mark.parametrize("mask", [[True], [False, False], [1, 0]])
def test_wrong_mask(lamps, mask):
    envs = to_gymnasium(lamps, 2)
    envs.reset()
    with pytest.raises(AccumbensError, match="reset_mask must be 2 booleans"):
        envs.reset(options={"reset_mask": mask})


def test_wrong_arguments(lamps):
    with pytest.raises(AccumbensError, match="each of 2 copies, not 3 seeds"):
        to_gymnasium(lamps, 2).reset(seed=[1, 2, 3])
    with pytest.raises(AccumbensError, match="num_envs must be at least 1, not 0"):
        to_gymnasium(lamps, 0)
    with pytest.raises(AccumbensError, match="give num_envs"):
        to_gymnasium(lamps, autoreset_mode="SameStep")
    with pytest.raises(UnknownNameError, match="autoreset_mode 'same_step'; did you mean 'SameStep'"):
        to_gymnasium(lamps, 2, "same_step")
    with pytest.raises(AccumbensError, match="max_episode_steps must be at least 1, not 0"):
        to_gymnasium(lamps, max_episode_steps=0)
    with pytest.raises(AccumbensError, match="max_episode_steps=5 is more than the limit of 'lamps' itself, 4"):
        to_gymnasium(lamps, max_episode_steps=5)


def test_a_shorter_limit(lamps):
    envs = to_gymnasium(lamps, 2, max_episode_steps=2)
    envs.reset()
    assert [envs.step([0, 0])[3].tolist() for _ in range(2)] == [[False, False], [True, True]]


def test_copies_of_ours_are_compiled_once():
    first = to_gymnasium("CartPole-v1", 2)
    first.reset()
    first.step([0, 0])
    again, sizes = to_gymnasium("CartPole-v1", 2), first._step._cache_size()
    again.reset()
    again.step([0, 0])
    assert again._step is first._step
    assert again._step._cache_size() == sizes


def test_the_step_that_begins_the_next_episode_gives_no_reward():
    envs = to_gymnasium("CartPole-v1", 2, "NextStep", max_episode_steps=2)
    envs.reset(seed=0)
    outcomes = [envs.step([0, 1])[1:4] for _ in range(4)]
    assert [reward.tolist() for reward, _, _ in outcomes] == [[1, 1], [1, 1], [0, 0], [1, 1]]
    assert [truncated.tolist() for _, _, truncated in outcomes] == [[False] * 2, [True] * 2, [False] * 2, [False] * 2]
