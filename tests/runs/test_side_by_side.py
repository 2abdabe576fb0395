"""Runs side by side: which can be, that each is what it is alone, and that they go on after anything."""

import dataclasses
import json
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.kind import FITS
from accumbens.errors import AccumbensError
from accumbens.runs import checkpoints, launch
from accumbens.runs.health import NotFiniteError
from accumbens.runs.side_by_side import join_runs, split_runs
from accumbens.runs.tables import last_rows, read_table
from accumbens.teams.kind import TEAMS
from accumbens.training.kind import AGENTS

SMALL = {"net_arch": "8,8", "num_envs": "4", "rollout_length": "16", "num_minibatches": "2", "epochs": "1"}
NUMBERS = {"total_timesteps": 512, "seeds": 2, "num_eval_episodes": 1, "eval_frequency": 256}


class Quiet:
    """A reporter that remembers what is said."""

    def __init__(self):
        self.said = []

    def preparing(self, kind, config, run): ...
    def projected(self, seconds, per_second): ...
    def start(self, step, total): ...
    def progress(self, step, score, per_second): ...
    def evaluated(self, step, rows): ...
    def message(self, text):
        self.said.append(text)


def agent(env="CartPole-v1", algo="ad_pqn", numbers=NUMBERS, **settings):
    return AGENTS.resolve(env, algo, numbers, SMALL | {name: str(value) for name, value in settings.items()})


def replay(**settings):
    sizes = {"net_arch": "8,8", "replay_capacity": "512", "batch_size": "16", "learning_starts": "64"}
    return AGENTS.resolve(
        "CartPole-v1", "ad_dqn", NUMBERS, sizes | {name: str(value) for name, value in settings.items()}
    )


def fit(rule="backprop", numbers=None, **settings):
    numbers = {"epochs": 1, "seeds": 2} | (numbers or {})
    return FITS.resolve("digits", rule, numbers, {"layers": "8"} | {n: str(v) for n, v in settings.items()})


def team(method="idt", **settings):
    numbers = {"updates": 6, "evaluations": 2, "seeds": 2, "num_eval_episodes": 4, "data": "random:20"}
    tiny = {"width": "8", "blocks": "1", "context": "3", "batch_size": "4"} if method in ("idt", "distilled") else {}
    tiny |= {"teacher_updates": "2", "mapping_width": "4"} if method == "distilled" else {}
    if method == "ipqn":
        numbers.pop("data")
        tiny = {"num_envs": "4", "rollout_length": "8", "layers": "8"}
    return TEAMS.resolve("team/fill-in-2", method, numbers, tiny | {n: str(v) for n, v in settings.items()})


class Counted(NamedTuple):
    step: jax.Array
    seeds: dict


def test_states_are_taken_apart_and_put_together_again():
    keys = jax.random.split(jax.random.key(3), 6)
    state = Counted(jnp.int32(7), {"a": jnp.arange(12.0).reshape(6, 2), "key": keys, "flag": jnp.arange(6) > 2})
    parts = split_runs(state, 3)
    assert [int(part.step) for part in parts] == [7, 7, 7]
    np.testing.assert_array_equal(parts[1].seeds["a"], [[4, 5], [6, 7]])
    again = join_runs(parts)
    assert jnp.array_equal(jax.random.key_data(again.seeds["key"]), jax.random.key_data(keys))
    np.testing.assert_array_equal(again.seeds["a"], state.seeds["a"])
    np.testing.assert_array_equal(again.seeds["flag"], state.seeds["flag"])
    with pytest.raises(ValueError, match="different points"):
        join_runs([parts[0], parts[1]._replace(step=jnp.int32(8))])


@pytest.mark.parametrize(
    ("configs", "programs"),
    [
        ([agent(learning_rate=a, trace_decay=b) for a in (1e-3, 2e-3) for b in (0.3, 0.9)], [[0, 1, 2, 3]]),
        ([agent(discount=a, epsilon_end=b) for a, b in ((0.9, 0.1), (0.99, 0.2))], [[0, 1]]),
        ([agent(reward_scale=1.0, max_gradient_norm=1.0), agent(reward_scale=0.5, max_gradient_norm=2.0)], [[0, 1]]),
        ([agent(rank=a, learning_rate=b) for b in (1e-3, 2e-3) for a in (1, 2)], [[0, 2], [1, 3]]),  # a size
        ([agent(value_scale=a, discount=b) for a in (0.1, 1.0) for b in (0.9, 0.99)], [[0, 1], [2, 3]]),  # structure
        ([agent(duration_exponent="none"), agent(duration_exponent=2.0), agent(duration_exponent=1.5)], [[0], [1, 2]]),
        ([agent(forward_gain=a, recurrent_gain=b) for a, b in ((0.1, 1.0), (1.0, 0.5))], [[0, 1]]),
        ([agent(forward_gain=a, recurrent_gain="none") for a in (0.1, 1.0, "none")], [[0, 1], [2]]),
        ([agent(), dataclasses.replace(agent(), seed=5)], [[0, 1]]),
        ([agent("Acrobot-v1"), agent("CartPole-v1")], [[0], [1]]),
        ([fit(learning_rate=1e-3), fit(learning_rate=1e-2)], [[0, 1]]),
        ([fit(batch_size=16), fit(batch_size=32)], [[0], [1]]),
        ([fit("coagent", units="gaussian", learning_rate=1e-3), fit("coagent", units="gaussian")], [[0, 1]]),
        ([fit("coagent", units="gaussian", sigma=a) for a in (1.0, 2.0)], [[0], [1]]),  # structure
        ([team(learning_rate=a, ambition=b) for a, b in ((1e-3, 0.5), (1e-2, 1.0))], [[0, 1]]),
        ([team(held_out=a, learning_rate=b) for a in (0.1, 0.2) for b in (1e-3, 1e-2)], [[0, 1], [2, 3]]),  # data
        ([team(width=a) for a in (8, 16)], [[0], [1]]),
        ([team("distilled", alpha=a, beta=b) for a, b in ((0.1, 1.0), (0.2, 2.0))], [[0, 1]]),
        ([team("iql-cql", discount=a, conservative=b) for a, b in ((0.9, 1.0), (0.5, 2.0))], [[0, 1]]),
        ([team("ipqn", discount=a, trace_decay=b) for a, b in ((0.9, 0.6), (0.5, 0.2))], [[0, 1]]),
    ],
)
def test_which_runs_learn_side_by_side(configs, programs):
    kind = FITS if hasattr(configs[0], "task") else TEAMS if hasattr(configs[0], "data") else AGENTS
    assert kind.programs(configs) == programs


def test_agents_on_the_host_learn_alone():
    configs = [agent("Blackjack-v1", numbers=NUMBERS | {"total_timesteps": 64}, learning_rate=a) for a in (1e-3, 1e-2)]
    assert AGENTS.programs(configs) == [[0], [1]]


@pytest.fixture(scope="module")
def agents():
    return [agent(learning_rate=a, discount=b) for a, b in ((1e-3, 0.9), (4e-3, 0.99), (2e-3, 0.5))]


def together(configs, out, kind=AGENTS, **options):
    names = [f"p{index}" for index in range(len(configs))]
    return launch.start_or_resume_together(kind, configs, Quiet(), out=out, names=names, **options)


def tables(kind, config, out, name):
    run = kind.folder(config, out) / name
    columns = ("wall_seconds",)
    found = [read_table(path) for path in (run / "metrics.csv", run / "evaluations.csv") if path.exists()]
    return [[{k: v for k, v in row.items() if k not in columns} for row in rows] for rows in found]


BESIDE = {
    "agents": (AGENTS, [agent(learning_rate=a, discount=b) for a, b in ((1e-3, 0.9), (4e-3, 0.99), (2e-3, 0.5))]),
    "gains": (AGENTS, [agent(forward_gain=a, recurrent_gain=b) for a, b in ((0.1, 1.0), (2.0, 0.5))]),
    "one gain": (AGENTS, [agent(forward_gain=a, recurrent_gain="none", trace_decay=a / 4) for a in (0.1, 2.0)]),
    "ARQ": (AGENTS, [agent(algo="arq_pqn", learning_rate=a, forward_gain=b) for a, b in ((1e-3, 0.1), (4e-3, 1.0))]),
    "replay": (AGENTS, [replay(discount=a, epsilon_start=b) for a, b in ((0.9, 1.0), (0.5, 0.2))]),
    "fits": (FITS, [fit(learning_rate=a) for a in (1e-3, 1e-2)]),
    "teams": (TEAMS, [team(learning_rate=a, ambition=b, max_grad_norm=c) for a, b, c in ((1e-3, 0, 1), (1e-2, 1, 2))]),
    "students": (TEAMS, [team("distilled", alpha=a, beta=b) for a, b in ((0.1, 1.0), (2.0, 0.5))]),
    "Q-learning from data": (TEAMS, [team("iql-cql", discount=a, conservative=b) for a, b in ((0.9, 1), (0.5, 2))]),
    "teams that play": (TEAMS, [team("ipqn", learning_rate=a, start_e=b) for a, b in ((1e-3, 1), (1e-2, 0.5))]),
}


@pytest.mark.parametrize("what", BESIDE)
def test_each_is_what_it_is_alone_but_for_the_last_bits(what, tmp_path):
    kind, configs = BESIDE[what]
    results = together(configs, tmp_path, kind)
    for index, config in enumerate(configs):
        alone = launch.start_or_resume(kind, config, Quiet(), out=tmp_path, name="alone")
        there, here = tables(kind, config, tmp_path, "alone"), tables(kind, config, tmp_path, f"p{index}")
        for ours, theirs in zip(here, there, strict=True):
            assert [row.keys() for row in ours] == [row.keys() for row in theirs]
            first = [
                [[float(value) for value in row.values()] for row in rows if row["step"] == ours[0]["step"]]
                for rows in (ours, theirs)
            ]
            np.testing.assert_allclose(*first, rtol=1e-4, atol=1e-5)
            seeds = [(row["step"], row["seed"]) for row in ours]
            assert seeds == [(row["step"], row["seed"]) for row in theirs]
        assert type(results[index]) is type(alone)
        assert results[index].seeds == alone.seeds
        run, recorded = kind.open(kind.folder(config, tmp_path) / f"p{index}")
        assert recorded == config
        assert kind.recorded(run) is not None
        assert [session["seeds_in_program"] for session in run.read_meta()["sessions"]] == [2 * len(configs)]
        (kind.folder(config, tmp_path) / "alone").rename(tmp_path / f"alone-{index}")


def test_a_pause_and_a_new_process_do_not_show(agents, tmp_path):
    whole = together(agents, tmp_path / "whole")
    first = together(agents, tmp_path / "parts", until=0.4)
    assert all(result.interrupted for result in first)
    runs = [AGENTS.folder(config, tmp_path / "parts") / f"p{i}" for i, config in enumerate(agents)]
    for run in runs:
        directory = AGENTS.open(run)[0]
        assert AGENTS.recorded(directory) is None
        assert AGENTS.paused(directory, 0.4) is not None
        assert AGENTS.paused(directory, 0.9) is None
    again = together(agents, tmp_path / "parts")
    assert [result.final_return for result in again] == [result.final_return for result in whole]
    for index, config in enumerate(agents):
        assert tables(AGENTS, config, tmp_path / "parts", f"p{index}") == tables(
            AGENTS, config, tmp_path / "whole", f"p{index}"
        )


def test_a_round_of_saving_that_was_cut_short_goes_back_to_the_one_before(agents, tmp_path):
    whole = together(agents, tmp_path / "whole")
    together(agents, tmp_path / "parts", until=0.4)
    together(agents, tmp_path / "parts", until=0.7)
    last = AGENTS.folder(agents[2], tmp_path / "parts") / "p2" / "checkpoints"
    newest = checkpoints.newest(last)
    newest.unlink()  # the others have theirs of this step
    again = together(agents, tmp_path / "parts")
    assert [result.final_return for result in again] == [result.final_return for result in whole]
    for index, config in enumerate(agents):
        assert tables(AGENTS, config, tmp_path / "parts", f"p{index}") == tables(
            AGENTS, config, tmp_path / "whole", f"p{index}"
        )


def test_some_of_them_go_on_without_the_others(agents, tmp_path):
    together(agents, tmp_path, until=0.4)
    results = launch.start_or_resume_together(AGENTS, [agents[0], agents[2]], Quiet(), out=tmp_path, names=["p0", "p2"])
    assert not any(result.interrupted for result in results)
    left = AGENTS.folder(agents[1], tmp_path) / "p1"
    assert max(int(row["step"]) for row in last_rows(left / "metrics.csv")) < 512
    assert not launch.start_or_resume(AGENTS, agents[1], Quiet(), out=tmp_path, name="p1").interrupted


def test_what_one_has_learned_is_not_begun_anew_beside_others(agents, tmp_path):
    launch.start_or_resume(AGENTS, agents[0], Quiet(), out=tmp_path, name="p0")
    before = tables(AGENTS, agents[0], tmp_path, "p0")
    launch.start_or_resume_together(AGENTS, [agents[1]], Quiet(), out=tmp_path, names=["p1"], until=0.4)
    with pytest.raises(AccumbensError, match="no good checkpoint of the same step"):
        together(agents[:2], tmp_path)
    assert tables(AGENTS, agents[0], tmp_path, "p0") == before


def test_other_settings_are_refused_and_nothing_is_left_of_new_ones(agents, tmp_path):
    together(agents[:1], tmp_path)
    with pytest.raises(AccumbensError, match="other settings"):
        together([agents[1], agents[2]], tmp_path)
    assert not (AGENTS.folder(agents[1], tmp_path) / "p1").exists()


def test_those_that_stop_being_finite_are_left_behind_together(agents, tmp_path):
    """Each says which seed and cell of its own; the others are begun anew once."""

    def changed(index, **settings):
        return dataclasses.replace(agents[index], settings=dataclasses.replace(agents[index].settings, **settings))

    configs = [changed(0, reward_scale=1.0), changed(1, learning_rate=1e30, reward_scale=1e30)]
    configs += [changed(1, learning_rate=2e30, reward_scale=1e30), changed(2, reward_scale=2.0)]
    first, *ill, last = together(configs, tmp_path)
    for error in ill:
        assert isinstance(error, NotFiniteError)
        assert str(error).startswith("cell ")
        assert str(error).endswith("is kept")
    for result in (first, last):
        assert not result.interrupted
        assert result.steps == 512
        assert len(json.loads((Path(result.run) / "meta.json").read_text())["sessions"]) == 2
