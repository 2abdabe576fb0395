"""Language agents through a session: their episodes, resumes to the bit, free texts, and what is refused."""

import dataclasses
import os
import signal
import subprocess
import sys

import gymnasium
import jax
import numpy as np
import pytest

import accumbens
from accumbens.agents.token_policy import Networks
from accumbens.errors import AccumbensError, EnvironmentFailedError
from accumbens.language import TransformerSettings, load_language_model, make_transformer, restricted, score
from accumbens.language.adapters import read_adapters
from accumbens.language.byte_pairs import tokenizer_of_merges
from accumbens.language.hugging_face import write_transformer
from accumbens.runs.health import NotFiniteError
from accumbens.training.config import resolve_config
from accumbens.training.text import TextTrainer
from accumbens.training.text_learner import Episodes
from accumbens.training.text_model import heard_in, language_of
from accumbens.training.trained import open_trained

TINY = {
    **{"width": "8", "blocks": "1", "heads": "1", "critic_layers": "4", "num_envs": "2", "rollout_length": "4"},
    **{"epochs": "1", "num_minibatches": "1"},
}


def config_of(env="text/microwave", algo="poad", steps=40, seeds=1, episodes=2, **changes):
    return resolve_config(
        env, algo, total_timesteps=steps, seeds=seeds, num_eval_episodes=episodes, changes=TINY | changes
    )


def trainer_of(*args, **kwargs):
    config = config_of(*args, **kwargs)
    return TextTrainer(config, config.settings)


@pytest.fixture(scope="module")
def two_seeds():
    job = trainer_of(seeds=2)
    yield job
    job.close()


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def copied(state):
    return jax.tree.map(lambda leaf: leaf.copy() if hasattr(leaf, "copy") else leaf, state)


def test_a_run_that_goes_on_elsewhere_gives_the_same_to_the_bit(two_seeds):
    straight, rows = two_seeds.run_blocks(two_seeds.init(), 4, print)
    half, _ = two_seeds.run_blocks(two_seeds.init(), 2, print)
    kept = copied(half)
    two_seeds.run_blocks(half, 2, print)  # the environments have moved on
    again, others = two_seeds.run_blocks(kept, 2, print)
    for a, b in zip(leaves(straight), leaves(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert rows[0]["episodes"] == others[0]["episodes"] > 0
    assert two_seeds.step_of(straight) == 32


def test_seeds_differ_and_are_those_of_runs_of_their_own(two_seeds):
    first, second = two_seeds.init().seeds
    assert not np.array_equal(
        first.learner.learned.policy.embedding.weight, second.learner.learned.policy.embedding.weight
    )
    _, rows = two_seeds.run_blocks(two_seeds.init(), 3, print)
    alone = TextTrainer(dataclasses.replace(two_seeds.config, seed=1, seeds=1), two_seeds.config.settings)
    _, own = alone.run_blocks(alone.init(), 3, print)
    assert own == rows[1:]
    assert rows[0] != rows[1]
    alone.close()


def test_returns_are_counted_discounted_too():
    record = Episodes(np.zeros((3, 2)), np.zeros((3, 100)), 0)
    for rewards, ended in [((1.0, 0.0), (0, 0)), ((2.0, 4.0), (0, 1)), ((8.0, 3.0), (1, 1))]:
        record = record.after(np.array(rewards), np.array(ended, bool), 0.5)
    assert record.completed == 3
    np.testing.assert_array_equal(record.recent[:, :3].T, [[4.0, 2.0, 2], [11.0, 4.0, 3], [3.0, 3.0, 1]])
    assert record.means() == [6.0, 3.0, 2.0]
    assert not record.current.any()
    assert np.isnan(Episodes(np.zeros((3, 1)), np.zeros((3, 100)), 0).means()).all()


def test_evaluations_play_the_same_episodes_and_leave_the_run_alone(two_seeds):
    state, _ = two_seeds.run_blocks(two_seeds.init(), 1, print)
    before = copied(state)
    once, twice = two_seeds.play(state), two_seeds.play(state)
    np.testing.assert_array_equal(once.returns, twice.returns)
    assert once.returns.shape == once.lengths.shape == (2, 1, 2)
    assert set(np.unique(once.returns)) <= {-1.0, 1.0}
    assert np.asarray(once.lengths).max() <= 5
    assert not np.asarray(once.cut).any()
    random = two_seeds.play(state, epsilon=1.0)
    assert not np.array_equal(random.lengths, once.lengths) or not np.array_equal(random.returns, once.returns)
    after, _ = two_seeds.run_blocks(state, 1, print)
    straight, _ = two_seeds.run_blocks(before, 1, print)
    for a, b in zip(leaves(after), leaves(straight), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_written_freely_may_be_no_admissible_action():
    job = trainer_of(policy="free", max_tokens="3", penalty="-0.25", discount="1", rollout_length="8")
    state, rows = job.run_blocks(job.init(), 2, print)
    returns = state.seeds[0].episodes.recent[0, : state.seeds[0].episodes.completed]
    # Five steps at -0.25, and -1 at the last: nobody writes three words of sixty by chance.
    assert len(returns) >= 2
    np.testing.assert_allclose(returns, -2.25)
    assert rows[0]["tokens"] <= 2 * 16 * 3
    assert job.play(state).returns.shape == (1, 1, 2)
    job.close()


def test_the_vocabulary_is_what_random_play_tells():
    settings = config_of("text/food-preparation").settings
    heard = heard_in("text/food-preparation")
    assert len(heard) == len(set(heard)) == 28
    language = language_of(settings, "text/food-preparation")
    told, actions = heard[0]
    choices = language.choices(told, actions)
    assert language.tokenizer.decode(choices.prompt[: choices.prompt_length].tolist()) == f"{told} You"
    texts = [language.text(row[:n].tolist()) for row, n in zip(choices.actions, choices.lengths, strict=True) if n]
    assert texts == list(actions)
    spelled = language.choices(told, ["zap a Wug!"])
    assert language.text(spelled.actions[0, : spelled.lengths[0]].tolist()) == "zap a Wug!"
    chat = language_of(dataclasses.replace(settings, prompt="chat"), "text/food-preparation")
    assert chat.prompt("Hello.").startswith("<|im_start|>user\nHello.")
    assert chat.prompt("Hello.").endswith("assistant\n")


@pytest.mark.parametrize(
    ("env", "algo", "changes", "message"),
    [
        ("CartPole-v1", "poad", {}, "tells no texts"),
        ("text/microwave", "ad_pqn", {}, "tells texts"),
        ("text/microwave", "poad", {"model": "smollm"}, "language model 'smollm' cannot be used"),
        ("text/microwave", "poad", {"credit": "local"}, "it must be backprop"),
        ("text/microwave", "poad", {"prompt": "Well"}, "a text with {observation} in it"),
        ("text/microwave", "poad", {"normalisation": "words"}, "sum, but for policy=actions"),
        ("text/microwave", "twosome", {"likelihood": "published"}, "own with rule=twosome"),
        ("text/microwave", "poad", {"target_rate": "0.1"}, "none with target_rate"),
        ("text/microwave", "poad", {"num_minibatches": "3"}, "a divisor of num_envs"),
        ("text/microwave", "poad", {"heads": "3"}, "a multiple of 2"),
        ("text/microwave", "poad", {"quantised": "true"}, "false with model=small"),
        ("text/microwave", "poad", {"clip": "0"}, "> 0"),
        ("text/microwave", "poad", {"penalty": "0.5"}, "0 or less"),
        ("text/microwave", "poad", {"noun": "x"}, "unknown setting 'noun'"),
    ],
)
def test_what_cannot_be_is_refused(env, algo, changes, message):
    settings = changes if algo == "ad_pqn" else TINY | changes
    with pytest.raises(AccumbensError, match=message):
        accumbens.train(env, algo, total_timesteps=8, out="nowhere", progress=False, **settings)
    assert not os.path.exists("nowhere")


def test_units_are_not_those_of_cells():
    with pytest.raises(AccumbensError, match="net_arch cannot be used with poad"):
        resolve_config("text/microwave", "poad", net_arch=(8, 8))


def test_an_observation_that_does_not_fit_the_model_is_refused():
    language = language_of(config_of().settings, "text/microwave")
    with pytest.raises(AccumbensError, match="do not fit the model's context of 8192 tokens"):
        language.choices("word " * 9000, ["open"])


def test_a_number_that_is_not_finite_ends_the_run():
    job = trainer_of(steps=16)
    state = job.init()
    learner = state.seeds[0].learner
    broken = jax.tree.map(lambda leaf: leaf * np.nan, learner.learned.critic)
    learned = Networks(learner.learned.policy, broken)
    seed = state.seeds[0]._replace(learner=learner._replace(learned=learned))
    with pytest.raises(NotFiniteError, match="of seed 0 is no longer finite"):
        job.run_blocks(state._replace(seeds=[seed]), 1, print)
    job.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return accumbens.train(
        "text/microwave", "ntpo", total_timesteps=16, seeds=2, num_eval_episodes=2, out=tmp_path_factory.mktemp("runs"),
        progress=False, **TINY,
    )  # fmt: skip


def test_a_run_has_the_usual_numbers(run):
    found = run.metrics()
    assert found["step"].tolist() == [[8, 16]] * 2
    for name in ("mean_discounted_return", "actor_loss", "critic_loss", "entropy", "approx_kl", "tokens"):
        assert found[name].shape == (2, 2)
    assert run.result.algo == "ntpo"
    assert run.evaluate(num_episodes=3).returns.shape == (2, 1, 3)


def test_an_exported_agent_acts_as_the_run_does(run, tmp_path):
    folder = run.export(tmp_path / "agent", seed=1)
    agent, own = accumbens.load(folder), run.load(seed=1)
    env = gymnasium.make("text/microwave")
    observation, info = env.reset(seed=0)
    for _ in range(3):
        actions = info["admissible_actions"]
        chances = agent.probabilities(observation, actions)
        np.testing.assert_allclose(chances.sum(), 1.0, rtol=1e-5)
        np.testing.assert_array_equal(chances, own.probabilities(observation, actions))
        assert agent.value(observation) == own.value(observation)
        action = agent.act(observation, actions)
        assert action == actions[int(np.argmax(chances))]
        observation, _, terminated, _, info = env.step(action)
        if terminated:
            break
    assert {agent.act(*_beginning(), greedy=False) for _ in range(40)} == set(_beginning()[1])
    assert "language agent" in repr(agent)
    with pytest.raises(AccumbensError, match="no action is admissible"):
        agent.act(observation)
    with pytest.raises(AccumbensError, match="no low-rank corrections"):
        agent.write_adapters(tmp_path / "adapters")
    card = (folder / "README.md").read_text()
    assert "language-agent" in card
    assert 'info["admissible_actions"]' in card


def _beginning():
    observation, info = gymnasium.make("text/microwave").reset(seed=0)
    return observation, info["admissible_actions"]


def test_what_is_made_of_cells_cannot_be_seen(run):
    with pytest.raises(AccumbensError, match="a language agent, which is not made of cells"):
        open_trained(run.path)
    assert run.audit().local is False


@pytest.fixture(scope="module")
def folder_of_a_model(tmp_path_factory):
    """As Hugging Face's transformers writes it: a small model whose tokens are bytes."""
    pre_tokenizers = pytest.importorskip("tokenizers").pre_tokenizers
    folder = tmp_path_factory.mktemp("model")
    tokens = ["<|end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    sizes = TransformerSettings(len(tokens), width=8, layers=1, heads=2, key_value_heads=1, head_size=4, inner=8)
    write_transformer(folder, make_transformer(sizes, key=jax.random.key(0)), end=0)
    tokenizer_of_merges(tokens, [1] * len(tokens), [], "smollm", 0).inner.save(str(folder / "tokenizer.json"))
    return folder


def test_corrections_of_a_model_that_was_read_are_saved_and_loaded(folder_of_a_model, tmp_path):
    changes = TINY | {"model": str(folder_of_a_model), "lora_rank": "2", "learning_rate": "1e-2"}
    run = accumbens.train(
        "text/microwave", "poad", total_timesteps=16, num_eval_episodes=1, out=tmp_path, progress=False, **changes
    )  # fmt: skip
    agent, loaded = run.load(), accumbens.load(run.export(tmp_path / "agent"))
    observation, actions = _beginning()
    expected = agent.probabilities(observation, actions)
    np.testing.assert_array_equal(loaded.probabilities(observation, actions), expected)
    weights = (tmp_path / "agent" / "weights.safetensors").stat().st_size
    assert weights < 4 * (2 * 8 * 2 + 2 * 8 + 2 * 4) + 4 * (8 * 4 + 4) + 2000, "corrections and critic alone"
    loaded.write_adapters(tmp_path / "adapters")
    model = load_language_model(folder_of_a_model)
    read = read_adapters(tmp_path / "adapters", model.transformer)
    choices = agent.language.choices(observation, actions)
    log_probs = restricted(score(read, choices).log_probs, choices).log_probs
    np.testing.assert_allclose(np.exp(np.sum(log_probs, axis=1))[: len(actions)], expected, rtol=1e-4)
    before = restricted(score(model.transformer, choices).log_probs, choices).log_probs
    assert not np.allclose(np.exp(np.sum(before, axis=1))[: len(actions)], expected, rtol=1e-5), "nothing was learned"


WORDS = ["left", "right", "wait"]


class Corridor(gymnasium.Env):
    """Three places in a row; what its directions are called, and what it says of them, can be changed."""

    observation_space = action_space = gymnasium.spaces.Text(100)
    reward: float = 1.0

    def reset(self, *, seed=None, options=None):
        self.place = 1
        return self.told()

    def step(self, action):
        self.place += {WORDS[0]: -1, WORDS[1]: 1, WORDS[2]: 0}[action]
        told, info = self.told()
        return told, self.reward * (self.place == 2), self.place in (0, 2), False, info

    def told(self):
        return f"You are at {self.place}.", {"admissible_actions": self.admissible()}

    def admissible(self):
        return np.array(WORDS)


@pytest.fixture
def corridor(monkeypatch):
    gymnasium.register("TestCorridor-v0", Corridor, max_episode_steps=6)
    heard_in.cache_clear()
    yield monkeypatch
    del gymnasium.registry["TestCorridor-v0"]
    heard_in.cache_clear()


def test_other_words_than_a_run_was_trained_with_are_refused(corridor, tmp_path):
    options = {"total_timesteps": 8, "num_eval_episodes": 1, "out": tmp_path, "progress": False, **TINY}
    run = accumbens.train("TestCorridor-v0", "poad", name="before", **options)
    agent = run.load()
    expected = agent.probabilities("You are at 1.", ["left", "right"])
    corridor.setattr(sys.modules[__name__], "WORDS", ["zleft", "aright", "wait"])
    heard_in.cache_clear()
    for again in (
        lambda: run.evaluate(num_episodes=1),
        lambda: run.resume(length=16, progress=False),
        lambda: accumbens.train("TestCorridor-v0", "poad", begin_from=run.path, name="after", **options),
    ):
        with pytest.raises(AccumbensError, match="tells other words now than those"):
            again()
    # What was learned is used with the words it was learned with.
    np.testing.assert_array_equal(run.load().probabilities("You are at 1.", ["left", "right"]), expected)


@pytest.mark.parametrize(
    ("admissible", "message"),
    [
        ("left", "is 'left' and cannot be used: it must be a sequence of texts"),
        ([1, 2], r"is \[1, 2\] and cannot be used"),
        (None, "is None and cannot be used"),
        ([], "does not say which actions are admissible"),
    ],
)
def test_actions_that_are_no_texts_are_refused(admissible, message, corridor):
    corridor.setattr(Corridor, "admissible", lambda self: admissible)
    with pytest.raises(AccumbensError, match=message):
        trainer_of("TestCorridor-v0")


def test_a_reward_that_is_no_number_is_told(corridor):
    corridor.setattr(Corridor, "reward", float("nan"))
    with pytest.raises(EnvironmentFailedError, match="'TestCorridor-v0' gave the reward nan for"):
        trainer_of("TestCorridor-v0")


def test_an_environment_without_a_penalty_cannot_be_written_to_freely(corridor):
    with pytest.raises(AccumbensError, match="'TestCorridor-v0' cannot be made with penalty"):
        trainer_of("TestCorridor-v0", policy="free")


def test_what_is_no_text_is_refused_by_an_agent(run):
    agent = run.load()
    with pytest.raises(AccumbensError, match="observation=3 cannot be used: it must be a text"):
        agent.act(3, ["open the microwave"])
    with pytest.raises(AccumbensError, match="a sequence of texts"):
        agent.act("You are here.", "open the microwave")


KILLED = """
import sys, accumbens
accumbens.train("text/microwave", "poad", total_timesteps=80, name="run", out=sys.argv[1], progress=False,
    checkpoint_seconds=0.0, callback=lambda p: (print(p.step, flush=True), p.step == 16 and sys.stdin.read()),
    num_eval_episodes=1, **dict(%s))
"""


def test_killed_and_resumed_it_comes_to_the_same(tmp_path):
    command = [sys.executable, "-c", KILLED % repr(TINY), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "16" in (line.strip() for line in process.stdout)
        process.send_signal(signal.SIGKILL)
    folder = tmp_path / "text/microwave/poad/run"
    resumed = accumbens.open_run(folder).resume(progress=False)
    whole = accumbens.train(
        "text/microwave", "poad", total_timesteps=80, name="whole", out=tmp_path, progress=False,
        num_eval_episodes=1, **TINY,
    )  # fmt: skip
    own, others = resumed.metrics(), whole.metrics()
    for name in own.keys() - {"wall_seconds"}:
        np.testing.assert_array_equal(own[name], others[name], err_msg=name)


def test_the_case_study_is_learned():
    """Every rule's own discount; poad stands for all, the others are in the slow test."""
    job = TextTrainer(*_learning("poad"))
    _, rows = job.run_blocks(job.init(), 12, print)
    assert rows[0]["mean_return"] > 0.8, "of random play: -0.75"
    job.close()


@pytest.mark.slow
@pytest.mark.parametrize("algo", ["ntpo", "twosome", "archer", "archer-bad"])
def test_all_rules_learn_the_case_study(algo):
    job = TextTrainer(*_learning(algo))
    _, rows = job.run_blocks(job.init(), 12, print)
    assert rows[0]["mean_return"] > 0.8
    job.close()


def _learning(algo):
    changes = {"width": "16", "blocks": "1", "heads": "2", "num_envs": "16", "rollout_length": "16"}
    config = resolve_config("text/microwave", algo, total_timesteps=10_000, changes=changes | {"learning_rate": "3e-3"})
    return config, config.settings
