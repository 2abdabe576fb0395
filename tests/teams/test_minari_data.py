"""Data sets of teams: ours come back to the bit and Minari opens them; what Minari's own collector wrote is read."""

import dataclasses
import gc
import json
import subprocess
import sys
import warnings

import gymnasium
import minari
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage

from accumbens.envs.teams.protocol import TeamFacts
from accumbens.errors import AccumbensError
from accumbens.teams import minari_layout
from accumbens.teams.episodes import Episodes
from accumbens.teams.minari_data import local_ids, read
from accumbens.teams.minari_write import new_data_set, write
from accumbens.teams.play import play
from accumbens.teams.policies import random_policy
from accumbens.teams.sources import data_of, note_of

MADE = {"policy": "random"}


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Where Minari keeps data sets: nowhere of the user's."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    return tmp_path / "minari"


def equal(one: Episodes, two: Episodes) -> None:
    for name, left, right in zip(Episodes._fields, one, two, strict=True):
        np.testing.assert_array_equal(left, right, err_msg=name)
        assert left.dtype == right.dtype, name
        assert left.tobytes() == right.tobytes(), name  # -0 is not 0


def made_up(lengths, agents=2, size=3, actions=4, masks=True, seed=0):
    """Episodes of random numbers, with what pads them as `joined` leaves it."""
    rng = np.random.default_rng(seed)
    count, steps = len(lengths), max(lengths)
    legal = np.ones((count, steps + 1, agents, actions), bool)
    if masks:
        legal &= rng.random(legal.shape) < 0.6
        legal[..., 0] |= ~legal.any(-1)
    observation = rng.normal(size=(count, steps + 1, agents, size)).astype(np.float32)
    observation[rng.random(observation.shape) < 0.1] = -0.0
    lengths = np.array(lengths, np.int32)
    seen = np.arange(steps + 1) <= lengths[:, None]
    done = seen[:, 1:]
    terminated = rng.random(count) < 0.5
    return Episodes(
        observation=np.where(seen[:, :, None, None], observation, np.float32(0)),
        legal=legal | ~seen[:, :, None, None],
        alive=(rng.random((count, steps + 1, agents)) < 0.7) & seen[:, :, None],
        actions=(rng.random(legal[:, :-1].shape) * legal[:, :-1]).argmax(-1).astype(np.int32) * done[:, :, None],
        rewards=np.where(done[:, :, None], rng.normal(size=(count, steps, agents)), 0).astype(np.float32),
        lengths=lengths,
        terminated=terminated,
        truncated=~terminated,
        seeds=rng.integers(0, 2**63 - 1, count),
    )


def facts_of(episodes: Episodes, **changes) -> TeamFacts:
    _, _, agents, actions = episodes.legal.shape
    names = tuple(f"agent_{number}" for number in range(agents))
    masks = not episodes.legal.all()
    return TeamFacts("team/made-up", names, episodes.observation.shape[3], actions, 60, masks)._replace(**changes)


@pytest.fixture(scope="module")
def drifted(drift):
    return play(drift, random_policy(), None, range(30, 42))


@pytest.fixture
def written(drift, drifted, tmp_path):
    card = write(drifted, drift.facts, tmp_path / "set", made=MADE | {"epsilon": 0.0})
    return tmp_path / "set", card


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    agents=st.integers(1, 12),
    size=st.integers(1, 5),
    actions=st.integers(1, 4),
    masks=st.booleans(),
    seed=st.integers(0, 99),
)
def test_what_is_written_comes_back_to_the_bit(tmp_path_factory, lengths, agents, size, actions, masks, seed):
    episodes = made_up(lengths, agents, size, actions, masks, seed)
    facts, folder = facts_of(episodes, won=0.5), tmp_path_factory.mktemp("sets") / "set"
    card = write(episodes, facts, folder, made=MADE)
    back = read(folder)
    assert back.facts == facts
    equal(back.episodes, episodes)
    assert back.digest == card["digest"] == minari_layout.digest_of(episodes)
    equal(read(folder / "data").episodes, episodes)


def test_part_by_part_as_at_once(tmp_path):
    episodes = made_up([3, 5, 1, 4])
    facts = facts_of(episodes)
    whole = write(episodes, facts, tmp_path / "whole", made=MADE)
    with new_data_set(facts, tmp_path / "parts", MADE) as data:
        for begin in (0, 3):
            data.add(Episodes(*(array[begin : begin + 3] for array in episodes)))
    equal(read(tmp_path / "parts").episodes, episodes)
    cards = [
        json.loads((tmp_path / name / "data/metadata.json").read_text())["accumbens"] for name in ("whole", "parts")
    ]
    assert cards[0] == cards[1]
    assert cards[0]["card"] == whole


def test_the_digest_is_of_the_numbers_not_of_what_pads_them():
    episodes = made_up([3, 5])
    padded = Episodes(*(np.concatenate([array, array[:, :2]], axis=1) for array in episodes[:5]), *episodes[5:])
    assert minari_layout.digest_of(padded) == minari_layout.digest_of(episodes)
    for name in Episodes._fields:
        array = getattr(episodes, name).copy()
        array[(0,) * array.ndim] = ~array[(0,) * array.ndim] if array.dtype == bool else array[(0,) * array.ndim] + 1
        assert minari_layout.digest_of(episodes._replace(**{name: array})) != minari_layout.digest_of(episodes), name
    turned = Episodes(*(array[::-1] for array in episodes))
    assert minari_layout.digest_of(turned) != minari_layout.digest_of(episodes)


def test_minari_opens_it(written, drift, drifted):
    folder, card = written
    data = minari.MinariDataset(folder / "data")
    assert (data.total_episodes, data.total_steps) == (12, int(drifted.lengths.sum()))
    assert data.id == "team/drift/set-v0"
    assert data.minari_version == minari.__version__
    seen = spaces.Dict(
        observation=spaces.Box(-np.inf, np.inf, (4,), np.float32), action_mask=spaces.Box(0, 1, (5,), np.int8)
    )
    assert data.observation_space == spaces.Dict(dict.fromkeys("abc", seen))
    assert data.action_space == spaces.Dict({agent: spaces.Discrete(5) for agent in "abc"})
    seeds = [metadata["seed"] for metadata in data.storage.get_episode_metadata(range(12))]
    assert seeds == list(range(30, 42))
    for index, episode in enumerate(data.iterate_episodes()):
        length = drifted.lengths[index]
        assert len(episode) == length
        for agent, name in enumerate("abc"):
            own = episode.observations[name]
            np.testing.assert_array_equal(own["observation"], drifted.observation[index, : length + 1, agent])
            np.testing.assert_array_equal(own["action_mask"], drifted.legal[index, : length + 1, agent])
            np.testing.assert_array_equal(episode.actions[name], drifted.actions[index, :length, agent])
            first = {key: value[0] for key, value in own.items()}
            assert seen.contains(first)
        rewards = drifted.rewards[index, :length]
        np.testing.assert_allclose(episode.rewards, rewards.mean(1), rtol=1e-6)
        np.testing.assert_array_equal(episode.infos["rewards"], rewards)
        np.testing.assert_array_equal(episode.infos["alive"], drifted.alive[index, : length + 1])
        ends = np.arange(length) == length - 1
        np.testing.assert_array_equal(episode.terminations, ends & drifted.terminated[index])
        np.testing.assert_array_equal(episode.truncations, ends & drifted.truncated[index])
    data.set_seed(0)
    assert len(list(data.sample_episodes(5))) == 5
    won = data.filter_episodes(lambda episode: episode.terminations[-1])
    assert won.total_episodes == drifted.terminated.sum() == card["terminated"]


def test_where_minari_keeps_them(drift, drifted, places):
    name = "team/drift/random-v2"
    write(drifted, drift.facts, places / name, made=MADE, dataset_id=name)
    assert local_ids() == list(minari.list_local_datasets()) == [name]
    assert minari.load_dataset(name).total_episodes == 12
    equal(read(name).episodes, drifted)
    for words in (["list", "local"], ["show", name]):
        program = "from minari.cli import app; app()"
        done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert name in done.stdout
    assert "random" in done.stdout  # who played
    assert "Total Episodes" in done.stdout
    assert "12" in done.stdout


def test_the_card(written, drift, drifted):
    folder, card = written
    text = (folder / "README.md").read_text(encoding="utf-8")
    returns = drifted.returns().astype(np.float64)
    assert card["return"]["mean"] == returns.mean(1).mean()
    assert card["return"]["sd"] == returns.mean(1).std()
    assert card["return"]["median"] == np.median(returns.mean(1))
    assert card["return"]["5 %"] == np.quantile(returns.mean(1), 0.05)
    assert (card["length"]["min"], card["length"]["max"]) == (drifted.lengths.min(), drifted.lengths.max())
    assert card["won"] == (returns.mean(1) >= 0).mean()
    assert (card["terminated"], card["truncated"]) == (drifted.terminated.sum(), drifted.truncated.sum())
    assert card["seeds"] == [30, 41]
    for agent, name in enumerate("abc"):
        rows, done, dead = [], [], 0
        for index, length in enumerate(drifted.lengths):
            acts = drifted.alive[index, :length, agent]
            rows += [tuple(row) for row in np.round(drifted.observation[index, :length, agent][acts], 2).tolist()]
            done += drifted.actions[index, :length, agent][acts].tolist()
            dead += not drifted.alive[index, length, agent]
        shares = np.bincount(done) / len(done)
        row = card["agents"][name]
        assert row["distinct_observations"] == len(set(rows)) / len(rows)
        assert row["action_entropy_bits"] == pytest.approx(-sum(p * np.log2(p) for p in shares if p))
        assert row["died"] == dead / 12
        assert row["return_mean"] == returns[:, agent].mean()
        assert row["return_sd"] == returns[:, agent].std()
    for said in ("`team/drift`", "3: a, b, c", "`random`", "30 to 41", card["digest"], f"{card['return']['mean']:.4g}"):
        assert said in text
    assert card["made"] == {"policy": "random", "epsilon": 0.0}


class Gathering(gymnasium.Env):
    """A parallel environment of PettingZoo's as one of Gymnasium's: Dict spaces, one reward."""

    def __init__(self, inner, goal=None):
        self.inner, self.goal = inner, goal
        self.observation_space = spaces.Dict({agent: inner.observation_space(agent) for agent in inner.possible_agents})
        self.action_space = spaces.Dict({agent: inner.action_space(agent) for agent in inner.possible_agents})

    def reset(self, *, seed=None, options=None):
        self.time = 0
        return self.inner.reset(seed=seed, options=options)

    def step(self, action):
        seen, rewards, terminated, truncated, infos = self.inner.step({k: int(v) for k, v in action.items()})
        reward = float(np.mean(list(rewards.values())))
        self.time += 1
        return seen, reward, self.time == self.goal or all(terminated.values()), all(truncated.values()), infos


def mpe(name, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pygame's, while it is imported
        module = __import__(f"mpe2.{name}", fromlist=["parallel_env"])
    return module.parallel_env(max_cycles=6, continuous_actions=False, **options)


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """A data set that Minari's own collector wrote, and the same episodes, played by hand."""
    root = tmp_path_factory.mktemp("collected")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(root))
        collector = minari.DataCollector(Gathering(mpe("simple_speaker_listener_v4"), goal=5), record_infos=False)
        rng = np.random.default_rng(0)
        plans = [rng.integers(0, [3, 5], size=(steps, 2)) for steps in (5, 5, 4)]
        for seed, plan in enumerate(plans, start=70):
            collector.reset(seed=seed)
            for listener, speaker in plan[:, ::-1]:
                collector.step({"speaker_0": np.int64(speaker), "listener_0": np.int64(listener)})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of what a data set should tell of itself
            warnings.filterwarnings("ignore", "Implicitly cleaning up <TemporaryDirectory", ResourceWarning)
            collector.create_dataset("mpe/speaker-v0")
            collector.close()
            del collector
            gc.collect()
    inner, rows = mpe("simple_speaker_listener_v4"), []
    for seed, plan in enumerate(plans, start=70):
        seen, _ = inner.reset(seed=seed)
        observations, rewards = [seen], []
        for speaker, listener in plan:
            seen, reward, *_ = inner.step({"speaker_0": int(speaker), "listener_0": int(listener)})
            observations.append(seen)
            rewards.append(np.mean(list(reward.values())))
        rows.append((plan, observations, rewards))
    return root / "mpe/speaker-v0", rows


def test_what_minaris_own_collector_wrote(collected):
    folder, rows = collected
    data = read(folder)
    # By name, as Minari's spaces sort the agents.
    assert data.facts == TeamFacts("mpe/speaker-v0", ("listener_0", "speaker_0"), 11, 5, 5, masks=True, won=None)
    episodes = data.episodes
    np.testing.assert_array_equal(episodes.lengths, [5, 5, 4])
    np.testing.assert_array_equal(episodes.seeds, [70, 71, 72])
    np.testing.assert_array_equal(episodes.terminated, [True, True, False])
    np.testing.assert_array_equal(episodes.truncated, [False, False, True])  # the last was cut, by asking for the data
    for index, (plan, observations, rewards) in enumerate(rows):
        length = len(plan)
        np.testing.assert_array_equal(episodes.actions[index, :length], plan[:, ::-1])
        np.testing.assert_array_equal(
            episodes.rewards[index, :length], np.repeat(np.array(rewards, np.float32)[:, None], 2, 1)
        )
        assert episodes.alive[index, : length + 1].all()
        for time, seen in enumerate(observations):  # the last one too
            np.testing.assert_array_equal(episodes.observation[index, time, 0], seen["listener_0"])
            np.testing.assert_array_equal(episodes.observation[index, time, 1, :3], seen["speaker_0"])
            assert not episodes.observation[index, time, 1, 3:].any()
            np.testing.assert_array_equal(episodes.legal[index, time], [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def test_agents_in_the_order_of_their_environment(collected):
    data = read(collected[0])
    other = data.arranged(["speaker_0", "listener_0"])
    assert other.facts.agents == ("speaker_0", "listener_0")
    for name in Episodes._fields[:5]:
        np.testing.assert_array_equal(getattr(other.episodes, name), getattr(data.episodes, name)[:, :, ::-1])
    equal(other.arranged(data.facts.agents).episodes, data.episodes)
    with pytest.raises(AccumbensError, match="are of the agents listener_0, speaker_0, the environment has agent_0"):
        data.arranged(["agent_0"])


def buffers(count=2, steps=3, agents=("a", "b"), **changes):
    """Episodes as Minari takes them."""
    rng, out = np.random.default_rng(0), []
    last = np.arange(steps) == steps - 1
    for number in range(count):
        fields = {
            "seed": number,
            "observations": {agent: rng.normal(size=(steps + 1, 2)) for agent in agents},
            "actions": {agent: rng.integers(0, 3, steps) for agent in agents},
            "rewards": rng.normal(size=steps),
            "terminations": last,
            "truncations": last & False,
        }
        out.append(EpisodeBuffer(**(fields | (changes if number == count - 1 else {}))))
    return out


BOX, THREE = spaces.Box(-np.inf, np.inf, (2,), np.float64), spaces.Discrete(3)


def foreign(folder, some, observations=None, actions=None, **metadata):
    """A data set that is not ours."""
    (folder / "data").mkdir(parents=True)
    storage = MinariStorage.new(
        folder / "data",
        observation_space=observations or spaces.Dict(a=BOX, b=BOX),
        action_space=actions or spaces.Dict(a=THREE, b=THREE),
        data_format="hdf5",
    )
    storage.update_metadata({"dataset_id": "foreign/set-v0", "minari_version": minari.__version__} | metadata)
    storage.update_episodes(some)
    return folder


def test_other_spaces(tmp_path):
    masked = spaces.Dict(observation=spaces.Box(0, 9, (2, 2), np.int32), action_mask=spaces.MultiBinary(2))
    observations = spaces.Dict(a=masked, b=spaces.MultiBinary(3))
    actions = spaces.Dict(a=spaces.Discrete(2, start=7), b=THREE)
    mask = np.array([[1, 0], [1, 1], [0, 1]])
    buffer = EpisodeBuffer(
        observations={
            "a": {"observation": np.arange(12).reshape(3, 2, 2), "action_mask": mask},
            "b": np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        },
        actions={"a": np.array([7, 8]), "b": np.array([2, 0])},
        rewards=np.array([1.0, -1.0]),
        terminations=np.array([False, True]),
        truncations=np.array([False, True]),
    )
    data = read(foreign(tmp_path / "set", [buffer], observations, actions))
    assert data.facts == TeamFacts("foreign/set-v0", ("a", "b"), 4, 3, 2, masks=True)
    np.testing.assert_array_equal(data.episodes.observation[0, :, 0], np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(data.episodes.observation[0, :, 1], np.eye(3, 4))
    np.testing.assert_array_equal(data.episodes.legal[0, :, 0], np.c_[mask, np.zeros(3)])
    assert data.episodes.legal[0, :, 1].all()
    np.testing.assert_array_equal(data.episodes.actions[0], [[0, 2], [1, 0]])
    assert (data.episodes.terminated[0], data.episodes.truncated[0]) == (True, False)  # both is terminated
    assert data.episodes.seeds[0] == -1


def test_ends_and_seeds(tmp_path):
    none = np.zeros(3, bool)
    some = buffers(3, terminations=none)
    some[1] = dataclasses.replace(some[1], seed=2**64 - 1, terminations=none, truncations=some[0].terminations)
    episodes = read(foreign(tmp_path / "set", some)).episodes
    np.testing.assert_array_equal(episodes.terminated, [True, False, False])
    np.testing.assert_array_equal(episodes.truncated, [False, True, True])
    np.testing.assert_array_equal(episodes.seeds, [0, -1, 2])


def test_the_name_of_gymnasiums_environment(tmp_path):
    spec = gymnasium.spec("CartPole-v1").to_json()
    assert read(foreign(tmp_path / "set", buffers(), env_spec=spec)).facts.name == "CartPole-v1"


NAN = np.full((4, 2), np.nan)
CANNOT = {
    "a single agent": (
        {"observations": BOX, "actions": THREE},
        {"observations": NAN, "actions": np.zeros(3, int)},
        "is of a single agent: expected Dict spaces of agents, not Box of the shape",
    ),
    "one agent with a Dict": ({"actions": THREE}, {"actions": np.zeros(3, int)}, "is of a single agent"),
    "other actors": (
        {"actions": spaces.Dict(a=THREE, c=THREE)},
        {"actions": {"a": np.zeros(3, int), "c": np.zeros(3, int)}},
        "observations of a, b and actions of a, c: expected the same agents",
    ),
    "continuous": (
        {"actions": spaces.Dict(a=THREE, b=BOX)},
        {"actions": {"a": np.zeros(3, int), "b": np.zeros((3, 2))}},
        r"actions of b are Box of the shape \(2,\); supported is Discrete",
    ),
    "text": (
        {"observations": spaces.Dict(a=BOX, b=spaces.Text(5))},
        {"observations": {"a": NAN, "b": ["x"] * 4}},
        "observations of b are Text.*; supported are Box, MultiBinary",
    ),
    "nan": ({}, {"observations": {"a": np.zeros((4, 2)), "b": NAN}}, "episode 1 has an observation of b that is not f"),
    "nan reward": ({}, {"rewards": np.array([0, np.nan, 0])}, "episode 1 has a reward that is not finite"),
    "no last": ({}, {"observations": {"a": NAN[:3], "b": NAN[:3]}}, "has 3 observations of a, expected 4: a last one"),
    "goes on": ({}, {"truncations": np.array([0, 1, 0], bool)}, "episode 1 ended at step 1 and goes on"),
    "number": ({}, {"actions": {"a": np.zeros(3, int), "b": np.array([0, 3, 0])}}, "step 1: b did 3, which it may not"),
    "negative": ({}, {"actions": {"a": np.array([0, 0, -1]), "b": np.zeros(3, int)}}, "step 2: a did -1, which"),
    "real": ({}, {"actions": {"a": np.zeros(3), "b": np.zeros(3, int)}}, "actions of a that are not 3 integers"),
    "agents differ": (
        {},
        {"observations": {"a": np.zeros((4, 2))}},
        "episode 1 has observations of a, the data set declares a, b",
    ),
    "many rewards": ({}, {"rewards": np.zeros((3, 2))}, r"episode 1 has rewards of the shape \(3, 2\), expected one"),
    "no reward": ({}, {"rewards": np.zeros(2)}, "has 2 rewards and other numbers of terminations"),
}


@pytest.mark.parametrize("case", CANNOT)
def test_what_cannot_be_used(case, tmp_path):
    given_spaces, changes, message = CANNOT[case]
    count = 1 if given_spaces else 2
    folder = foreign(tmp_path / "set", buffers(count, **changes), **given_spaces)
    with pytest.raises(AccumbensError, match=message) as error:
        read(folder)
    assert str(folder) in str(error.value)


def test_masks_that_leave_nothing(tmp_path):
    masked = spaces.Dict(observation=BOX, action_mask=spaces.MultiBinary(3))
    mask = np.ones((4, 3), int)
    mask[2] = 0
    both = {"a": np.zeros((4, 2)), "b": {"observation": np.zeros((4, 2)), "action_mask": mask}}
    folder = foreign(tmp_path / "set", buffers(1, observations=both), spaces.Dict(a=BOX, b=masked))
    with pytest.raises(AccumbensError, match="has no legal action of b at step 2"):
        read(folder)


def test_no_episodes(tmp_path):
    with pytest.raises(AccumbensError, match="holds no episodes"):
        read(foreign(tmp_path / "set", []))


def test_an_episode_without_steps(tmp_path):
    import h5py

    folder = foreign(tmp_path / "set", buffers())
    with h5py.File(folder / "data/main_data.hdf5", "a") as file:
        del file["episode_1/rewards"]
        file.create_dataset("episode_1/rewards", data=np.zeros(0))
    with pytest.raises(AccumbensError, match="episode 1 has no steps"):
        read(folder)


@pytest.mark.parametrize("layout", [2, 0, None, "1"])
def test_an_unknown_layout(written, layout):
    file = written[0] / "data/metadata.json"
    document = json.loads(file.read_text())
    document["accumbens"]["layout"] = layout
    file.write_text(json.dumps(document))
    with pytest.raises(AccumbensError, match=f"has the layout {layout!r} of accumbens, this version reads layout 1"):
        read(written[0])


def damage_metadata(folder):
    (folder / "data/metadata.json").write_text("{")


def damage_list(folder):
    (folder / "data/metadata.json").write_text("[]")


def damage_data(folder):
    file = folder / "data/main_data.hdf5"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def lose_data(folder):
    (folder / "data/main_data.hdf5").unlink()


def lose_facts(folder):
    file = folder / "data/metadata.json"
    document = json.loads(file.read_text())
    del document["accumbens"]["facts"]["agents"]
    file.write_text(json.dumps(document))


def lose_an_episode(folder):
    import h5py

    with h5py.File(folder / "data/main_data.hdf5", "a") as file:
        del file["episode_3"]


@pytest.mark.parametrize(
    "damage",
    [damage_metadata, damage_list, damage_data, lose_data, lose_facts, lose_an_episode],
    ids=lambda f: f.__name__,
)
def test_damage(written, damage):
    damage(written[0])
    with pytest.raises(AccumbensError, match=r"cannot be read as a Minari data set; is it damaged\?"):
        read(written[0])


@pytest.mark.parametrize("name", ["rewards", "alive"])
def test_infos_of_ours_that_are_missing(written, name):
    import h5py

    with h5py.File(written[0] / "data/main_data.hdf5", "a") as file:
        del file[f"episode_3/infos/{name}"]
    with pytest.raises(AccumbensError, match=f"episode 3 has {name} of the shape .* in its infos, expected"):
        read(written[0])


def test_no_environment_is_made_because_a_file_says_so(written):
    file = written[0] / "data/metadata.json"
    document = json.loads(file.read_text())
    del document["action_space"]
    document["env_spec"] = gymnasium.spec("CartPole-v1").to_json()
    file.write_text(json.dumps(document))
    with pytest.raises(AccumbensError, match="has no action_space in its metadata"):
        read(written[0])


def test_not_found(drift, drifted, places, tmp_path):
    with pytest.raises(AccumbensError, match=r"team/drift is no folder, and .* there are none"):
        read("team/drift")
    write(drifted, drift.facts, places / "team/drift/random-v0", made=MADE, dataset_id="team/drift/random-v0")
    with pytest.raises(AccumbensError, match=r"unknown data set.*; did you mean 'team/drift/random-v0'\?"):
        read("team/drift/randm-v0")
    with pytest.raises(AccumbensError, match=r"is no data set: expected a folder with data/metadata.json"):
        read(tmp_path)


@pytest.mark.parametrize("package", ["minari", "h5py"])
def test_without_minari(monkeypatch, package, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    for call in (
        lambda: read(tmp_path),
        lambda: write(made_up([2]), facts_of(made_up([2])), tmp_path / "set", made=MADE),
    ):
        with pytest.raises(AccumbensError, match=r"need Minari, which is not installed.*accumbens\[minari\]"):
            call()


def test_never_overwritten(written, drift, drifted):
    before = {path: path.read_bytes() for path in written[0].rglob("*") if path.is_file()}
    with pytest.raises(AccumbensError, match="exists already, and data are never overwritten"):
        write(drifted, drift.facts, written[0], made=MADE)
    assert {path: path.read_bytes() for path in written[0].rglob("*") if path.is_file()} == before


def test_an_empty_folder_is_taken(drift, drifted, tmp_path):
    (tmp_path / "set").mkdir()
    write(drifted, drift.facts, tmp_path / "set", made=MADE)
    equal(read(tmp_path / "set").episodes, drifted)


def spoiled(name, value, where=np.s_[0, 0]):
    episodes = made_up([3, 2])
    array = getattr(episodes, name).copy()
    array[where] = value
    return episodes._replace(**{name: array})


SPOILED = {
    "nan": (
        spoiled("observation", np.nan, np.s_[1, 2]),
        {},
        "observation of 'agent_0' is not finite, .*, step 2",
    ),
    "inf": (
        spoiled("rewards", np.inf, np.s_[1, 1]),
        {},
        "reward of 'agent_0' is not finite, .*, step 1",
    ),
    "no steps": (spoiled("lengths", 0, 1), {}, "there are no steps, in the episode of seed"),
    "no end": (
        made_up([3, 2])._replace(terminated=np.zeros(2, bool), truncated=np.zeros(2, bool)),
        {},
        "the end is neither terminated nor truncated, in the episode of seed .*, step 2",
    ),
    "two ends": (
        made_up([3, 2])._replace(terminated=np.ones(2, bool), truncated=np.ones(2, bool)),
        {},
        "the end is both terminated and truncated, in the episode of seed .*, step 2",
    ),
    "masks": (made_up([3, 2]), {"masks": False}, "although its facts say that all are legal"),
    "sizes": (made_up([3, 2]), {"observation_size": 9}, r"observation has the shape .*, it needs \(2, 9\)"),
    "nothing to do": (
        spoiled("legal", False, np.s_[1, 2, 1]),
        {},
        "there is no legal action of 'agent_1', in the episode of seed .*, step 2",
    ),
    "illegal": (spoiled("actions", 4, np.s_[1, 0, 1]), {}, "the action 4 of 'agent_1' is illegal, in .*, step 0"),
    "slash": (made_up([3, 2]), {"agents": ("a/b", "c")}, "agent 'a/b' cannot be written"),
    "twins": (made_up([3, 2]), {"agents": ("a", "a")}, "agents a, a cannot be written: two have the same name"),
    "none": (Episodes(*(array[:0] for array in made_up([3, 2]))), {}, "no episodes: a data set needs at least one"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_what_cannot_be_written_leaves_nothing(case, tmp_path):
    episodes, changes, message = SPOILED[case]
    with pytest.raises(AccumbensError, match=message):
        write(episodes, facts_of(made_up([3, 2]), **changes), tmp_path / "sets/set", made=MADE)
    assert list(tmp_path.glob("sets/*")) == list(tmp_path.glob("sets/.*")) == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_an_interruption_leaves_nothing(stop, drift, drifted, tmp_path):
    def interrupted():
        with new_data_set(drift.facts, tmp_path / "sets/set", MADE) as data:
            data.add(drifted)
            raise stop

    with pytest.raises(stop):
        interrupted()
    assert list((tmp_path / "sets").iterdir()) == []


@pytest.mark.parametrize("name", ["without-version", "bad name-v0", "-v0"])
def test_ids_that_minari_cannot_have(name, drift, drifted, tmp_path):
    with pytest.raises(AccumbensError, match="is no id of a Minari data set: expected NAMESPACE/NAME-vVERSION"):
        write(drifted, drift.facts, tmp_path / "set", made=MADE, dataset_id=name)


@pytest.mark.parametrize(
    ("folder", "expected"), [("good-v3", "good-v3"), ("good", "good-v0"), ("so so (1.5)", "so-so-1-5--v0")]
)
def test_ids_that_are_made(folder, expected, drift, drifted, tmp_path):
    write(drifted, drift.facts._replace(name="pettingzoo/mpe2.simple_v3"), tmp_path / folder, made=MADE)
    assert minari.MinariDataset(tmp_path / folder / "data").id == f"pettingzoo/mpe2-simple_v3/{expected}"


def alter_facts(folder, **changes):
    file = folder / "data/metadata.json"
    document = json.loads(file.read_text())
    document["accumbens"]["facts"] |= changes
    file.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_episode_steps": "abc"}, "max_episode_steps=abc cannot be used: it must be a whole number >= 1"),
        ({"max_episode_steps": 3}, "has an episode of .* steps, its metadata say max_episode_steps=3"),
        ({"agents": "abc"}, "agents=abc cannot be used: it must be a list of names"),
        ({"agents": []}, r"agents=\[\] cannot be used"),
        ({"name": 3}, "name=3 cannot be used"),
        ({"masks": "yes"}, "masks=yes cannot be used: it must be true or false"),
        ({"won": "yes"}, "won=yes cannot be used: it must be a number or null"),
        ({"observation_size": True}, "observation_size=True cannot be used"),
        ({"observation_size": 3}, "tells of observation_size=3, its spaces of 4: is it damaged?"),
        ({"num_actions": 6}, "tells of num_actions=6, its spaces of 5"),
        ({"masks": False}, "tells of masks=False, its spaces of True"),
    ],
)
def test_facts_that_cannot_be_true(written, changes, message):
    alter_facts(written[0], **changes)
    with pytest.raises(AccumbensError, match=message) as error:
        read(written[0])
    assert str(written[0]) in str(error.value)


def test_data_that_were_altered(written):
    import h5py

    with h5py.File(written[0] / "data/main_data.hdf5", "a") as file:
        file["episode_3/infos/rewards"][0, 1] += 1
    with pytest.raises(AccumbensError, match=f"was altered after it had been recorded: .* {written[1]['digest']}, its"):
        read(written[0])


def test_other_types_of_numbers_come_back(tmp_path):
    episodes = made_up([3, 2])
    wide = episodes._replace(actions=episodes.actions.astype(np.int64), lengths=episodes.lengths.astype(np.int64))
    card = write(wide, facts_of(episodes), tmp_path / "set", made=MADE)
    assert card["digest"] == read(tmp_path / "set").digest == minari_layout.digest_of(episodes)


def test_nobodys_folder():
    with pytest.raises(AccumbensError, match=r"~nosuchuser/x is no folder: Could not determine home directory"):
        read("~nosuchuser/x")


def test_sources_of_data(drift, drifted, places):
    name = "random/team-v0"
    write(drifted, drift.facts, places / name, made=MADE, dataset_id=name)
    found = data_of(name, drift)
    equal(found.episodes, drifted)
    assert note_of(found, drift) == []
    other = drift._replace(facts=drift.facts._replace(name="team/other"))
    assert note_of(data_of(name, other), other) == ["the data are of team/drift, not of team/other"]
    assert note_of(data_of("random:2", drift), drift) == []
    for source in ("random", "random:", "random:x"):
        with pytest.raises(AccumbensError, match=f"data={source} cannot be used: expected random:N"):
            data_of(source, drift)
