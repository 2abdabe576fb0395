"""`accumbens train` from end to end, on small runs."""

import json
import struct
import sys

import jax
import numpy as np
import pytest

from accumbens.runs import tracking
from accumbens.runs.tables import read_table
from accumbens.training.kind import AGENTS
from accumbens.training.trainer import Trainer


@pytest.fixture(scope="module")
def trained(parallel_run, replay_run, segments_run):
    """The runs, restored: (run, trainer, final state)."""
    found = {}
    for name, run in (("parallel", parallel_run), ("replay", replay_run), ("segments", segments_run)):
        directory, config = AGENTS.open(run.path)
        trainer = Trainer(config)
        found[name] = directory, trainer, trainer.restore([directory], pytest.fail)
    return found


each = pytest.mark.parametrize("learner", ["parallel", "replay", "segments"])


def test_the_last_line_is_json(parallel_run):
    outcome = parallel_run.outcome
    assert len(outcome.out.splitlines()) == 1
    result = outcome.json
    assert result == {
        "env": "CartPole-v1",
        "algo": "ad_pqn",
        "credit": "local",
        "seed": 0,
        "seeds": [0, 1],
        "steps": 8192,
        "final_return": result["final_return"],
        "eval_return": result["eval_return"],
        "wall_seconds": result["wall_seconds"],
        "session_steps": 8192,
        "train_seconds": result["train_seconds"],
        "compile_seconds": result["compile_seconds"],
        "steps_per_second": result["steps_per_second"],
        "run": str(parallel_run.path),
        "interrupted": False,
    }
    last = read_table(parallel_run.path / "metrics.csv")[-2:]
    assert result["final_return"] == [float(row["mean_return"]) for row in last]
    greedy = [row for row in read_table(parallel_run.path / "evaluations.csv") if row["cells"] == "2"]
    assert result["eval_return"] == [float(row["mean_return"]) for row in greedy[-2:]]
    assert all(9 <= value <= 500 for value in result["final_return"] + result["eval_return"])
    assert result["wall_seconds"] > 0
    assert 0 < result["train_seconds"] < result["wall_seconds"]
    assert 0 < result["compile_seconds"] < result["wall_seconds"]
    assert result["steps_per_second"] == pytest.approx(8192 * 2 / result["train_seconds"], rel=0.01)


def test_people_are_shown_progress_and_where_to_look(replay_run):
    out, err = replay_run.outcome.out, replay_run.outcome.err
    assert err == ""
    assert "CartPole-v1  ad_dqn  local credit  seed 0" in out
    assert "step 2,048  greedy return  cell 1: " in out
    assert "2,048/2,048 steps" in out
    assert f"run            {replay_run.path}\n" in out
    assert f"picture        {replay_run.path}/curve.png\n" in out
    assert f"look again     accumbens evaluate {replay_run.path}\n" in out
    assert "resume" not in out


@each
def test_a_run_leaves_its_files(trained, learner):
    directory, trainer, state = trained[learner]
    names = {
        "config.toml",
        "meta.json",
        "metrics.csv",
        "evaluations.csv",
        "curve.png",
        "checkpoints",
        "snapshots",
        ".lock",
    }
    found = {path.name for path in directory.path.iterdir()}
    assert found == (names | {"tensorboard"} if learner == "parallel" else names)
    assert trainer.step_of(state) == trainer.plan.blocks * trainer.plan.steps_per_block
    assert all(leaf.shape[0] == len(trainer.seeds) for leaf in jax.tree.leaves(state.seeds))


def test_meta_says_what_happened(parallel_run):
    meta = json.loads((parallel_run.path / "meta.json").read_text())
    assert meta["result"] == {key: value for key, value in parallel_run.outcome.json.items() if key != "seed"}
    assert [session["from_step"] for session in meta["sessions"]] == [0]
    assert meta["wall_seconds"] == meta["result"]["wall_seconds"]
    assert meta["sessions"][0]["versions"] == meta["versions"]


@each
def test_there_is_a_row_of_metrics_for_every_chunk_and_seed(trained, learner):
    directory, trainer, _ = trained[learner]
    plan, rows = trainer.plan, read_table(directory.metrics)
    assert plan.chunk_blocks == 1
    steps = plan.steps_per_block * np.arange(1, plan.blocks + 1)
    assert [(int(row["step"]), int(row["seed"])) for row in rows] == [(s, i) for s in steps for i in trainer.seeds]
    assert list(rows[0]) == [
        *("step", "seed", "episodes", "mean_return", "mean_length", "epsilon", "learning_rate", "updates"),
        *("loss_1", "loss_2", "td_error_1", "td_error_2", "value_1", "value_2"),
        *("gradient_norm_1", "gradient_norm_2", "wall_seconds"),
    ]
    for seed in trainer.seeds:
        mine = [row for row in rows if int(row["seed"]) == seed]
        column = {name: np.array([float(row[name]) for row in mine]) for name in mine[0]}
        assert (np.diff(column["episodes"]) >= 0).all()
        assert (np.diff(column["wall_seconds"]) >= 0).all()
        assert (np.diff(column["epsilon"]) <= 0).all()
        assert column["epsilon"][0] == 1.0
        assert column["epsilon"][-1] == pytest.approx(trainer.config.settings.epsilon_end)
        # CartPole pays 1 a step, so a mean return is a mean length.
        np.testing.assert_allclose(column["mean_return"], column["mean_length"], rtol=1e-6)
        assert np.isnan(column["mean_return"]).sum() == (column["episodes"] == 0).sum()
        learned = column["updates"] > 0
        for cell in (1, 2):
            assert (column[f"loss_{cell}"][learned] > 0).all()
            assert (column[f"gradient_norm_{cell}"][learned] > 0).all()
            assert (column[f"loss_{cell}"][~learned] == 0).all()


@each
def test_the_updates_that_ran_are_those_that_were_announced(trained, learner, cli, words):
    directory, trainer, state = trained[learner]
    announced = cli("train", *words[learner], "--dry-run", "--json").json["plan"]["updates"]
    counts = [
        leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(state.seeds.agent)
        if jax.tree_util.keystr(path).endswith(".count")
    ]
    assert len(counts) >= 2, "every cell counts its own updates"
    assert {int(count) for leaf in counts for count in leaf} == {announced}
    assert {row["updates"] for row in read_table(directory.metrics)[-len(trainer.seeds) :]} == {str(announced)}
    assert announced == {"parallel": 256, "replay": 128 - 12, "segments": 2 * (128 - 6)}[learner]


@each
def test_the_announced_sizes_are_the_real_ones(trained, learner, cli, words):
    _, trainer, state = trained[learner]
    plan = cli("train", *words[learner], "--dry-run", "--json").json["plan"]
    num_seeds = len(trainer.seeds)
    cells = trainer.agent.network(state.seeds.agent).cells
    assert plan["cell_parameters"] == [sum(x.size for x in jax.tree.leaves(cell)) // num_seeds for cell in cells]
    replay = getattr(state.seeds.agent, "replay", None)
    assert plan["replay_bytes"] == sum(x.nbytes for x in jax.tree.leaves(replay)) // num_seeds
    assert plan["replay_rows"] == (0 if learner == "parallel" else 512)


@each
def test_net_arch_is_the_network(trained, learner):
    _, trainer, state = trained[learner]
    cells = trainer.agent.network(state.seeds.agent).cells
    assert [cell.activity.W_h.shape[-1] for cell in cells] == [6, 5]


@each
def test_every_prefix_of_cells_is_evaluated_ten_times(trained, learner):
    directory, trainer, _ = trained[learner]
    rows = read_table(directory.evaluations)
    steps = sorted({int(row["step"]) for row in rows})
    tenth, block = trainer.config.eval_frequency, trainer.plan.steps_per_block
    # The tenth of 8192 is 819: the run ends two steps after the tenth evaluation's, which share a block.
    assert steps == [-(-tenth * index // block) * block for index in range(1, 11)]
    expected = [(s, i, c) for s in steps for i in trainer.seeds for c in (1, 2)]
    assert [(int(row["step"]), int(row["seed"]), int(row["cells"])) for row in rows] == expected
    assert all(row["episodes"] == "2" and float(row["mean_return"]) == float(row["mean_length"]) for row in rows)


def events(folder):
    """(step, tag, value) of everything in TensorBoard's event files: length, checksum, event, checksum; repeated."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        while content:
            (length,) = struct.unpack_from("<Q", content)
            event = event_pb2.Event.FromString(content[12 : 12 + length])
            yield from ((event.step, value.tag, value.simple_value) for value in event.summary.value)
            content = content[12 + length + 4 :]


def test_tensorboard_gets_the_numbers_of_the_tables(parallel_run):
    found = list(events(parallel_run.path / "tensorboard"))
    shown = {(step, tag): value for step, tag, value in found}
    assert len(shown) == len(found), "nothing is logged twice"
    rows = read_table(parallel_run.path / "metrics.csv")
    for row in rows:
        for name, text in row.items():
            if name not in ("step", "seed") and text != "nan":
                value = shown.pop((int(row["step"]), f"seed{row['seed']}/{name}"))
                assert value == pytest.approx(float(text), rel=1e-6)
    for row in read_table(parallel_run.path / "evaluations.csv"):
        value = shown.pop((int(row["step"]), f"seed{row['seed']}/greedy_return_cells_{row['cells']}"))
        assert value == pytest.approx(float(row["mean_return"]), rel=1e-6)
    assert not shown


def test_a_seed_beside_others_is_that_seed_alone(parallel_run, cli, words, tmp_path):
    outcome = cli("train", *words["parallel"], "--seed", 1, "--output", tmp_path, "--quiet", "--json")
    assert outcome.code == 0
    assert outcome.err == "", "quiet means no word where there is nothing to warn of"
    assert len(outcome.out.splitlines()) == 1
    alone = read_table(tmp_path / outcome.json["run"] / "metrics.csv")
    beside = [row for row in read_table(parallel_run.path / "metrics.csv") if row["seed"] == "1"]
    assert [row["episodes"] for row in alone] == [row["episodes"] for row in beside]
    for row, other in zip(alone, beside, strict=True):
        for name in set(row) - {"wall_seconds"}:
            assert float(row[name]) == pytest.approx(float(other[name]), rel=1e-3, abs=1e-5, nan_ok=True), name


def test_a_name_is_not_used_twice(parallel_run, cli, words):
    before = {path: path.read_bytes() for path in parallel_run.path.rglob("*") if path.is_file()}
    out = parallel_run.path.parents[2]
    outcome = cli("train", *words["parallel"], "--seeds", 2, "--output", out, "--name", "a")
    assert outcome.code == 2
    assert f"error: the run {parallel_run.path} exists already; choose another --name" in outcome.err
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_dry_run_refuses_a_name_that_the_run_could_not_have(parallel_run, cli, words, more):
    out = parallel_run.path.parents[2]
    for name, said in (("a", "exists already; choose another --name"), ("../a", "it must be a single folder name")):
        outcome = cli("train", *words["parallel"], "--output", out, "--name", name, *more)
        assert (outcome.code, outcome.out) == (2, "")
        assert said in outcome.err


def test_resume_of_a_name_that_is_new_begins_it_and_of_one_that_is_done_changes_nothing(parallel_run, cli, words):
    out = parallel_run.path.parents[2]
    metrics = (parallel_run.path / "metrics.csv").read_bytes()
    outcome = cli("train", *words["parallel"], "--seeds", 2, "--output", out, "--name", "a", "--resume", "--json")
    assert outcome.code == 0
    assert outcome.json == parallel_run.outcome.json
    assert f"note: the run {parallel_run.path} is complete" in outcome.err
    assert (parallel_run.path / "metrics.csv").read_bytes() == metrics


def test_resume_refuses_other_settings(parallel_run, cli, words):
    out = parallel_run.path.parents[2]
    more = ["--seeds", 2, "--output", out, "--name", "a", "--resume", "--set", "learning_rate=0.1", "discount=0.5"]
    outcome = cli("train", *words["parallel"], *more)
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: the run {parallel_run.path} was started with other settings (discount: ")
    assert "0.5 asked; learning_rate: " in outcome.err
    assert "0.1 asked)" in outcome.err


def test_resume_needs_a_name(cli):
    outcome = cli("train", "CartPole-v1", "--resume")
    assert outcome.code == 2
    assert outcome.err == ("error: --resume needs the --name of the run; 'accumbens resume RUN' takes its directory\n")


def test_what_is_no_longer_finite_stops_the_run(cli, tmp_path):
    small = ["--total-timesteps", 640, "--net-arch", 3, "--set", "num_envs=2", "rollout_length=8", "num_minibatches=2"]
    outcome = cli("train", "CartPole-v1", *small, "learning_rate=1e38", "--seed", 7, "--name", "a")
    assert outcome.code == 1
    assert outcome.err == (
        "error: cell 1 of seed 7 is no longer finite (NaN or Inf) in the loss or gradient of the block that ends at "
        "step 16; a lower learning_rate or max_gradient_norm often helps; there is no checkpoint yet\n"
    )
    assert list((tmp_path / "runs").iterdir()) == [], "its name is free again"


@pytest.fixture(scope="module")
def untrue(tmp_path_factory):
    """A module with an environment on the device that truncates early, and one on the host that breaks."""
    path = tmp_path_factory.mktemp("untrue") / "untrue.py"
    path.write_text(UNTRUE)
    sys.path.append(str(path.parent))
    yield path
    sys.path.remove(str(path.parent))


UNTRUE = """
import gymnasium, jax.numpy as jnp, numpy as np
from accumbens import register_environment
from accumbens.envs.protocol import Environment, Step

def make():
    def step(key, state, action):
        return state + 1, Step(jnp.zeros(1), jnp.ones(()), jnp.zeros((), bool), state == 3)
    return Environment("early", lambda key: (jnp.int32(0), jnp.zeros(1)), step, (1,), np.dtype("float32"),
                       np.array(0), np.array(1), 2, None)
register_environment("early", make)

class Untrue(gymnasium.Env):
    observation_space, action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32), gymnasium.spaces.Discrete(2)
    def reset(self, *, seed=None, options=None): super().reset(seed=seed); self.t = 0; return np.zeros(1, "f4"), {}
    def step(self, action):
        self.t += 1
        return np.zeros(1, "f4"), 1.0 if self.t < 6 else joint, False, False, {}
gymnasium.register("Untrue-v0", entry_point="untrue:Untrue")
"""


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ("early", "does not do what it declares, in steps 0 to 16: an episode is truncated, although"),
        ("Untrue-v0", "raised NameError in step 6 of an episode: name 'joint' is not defined\n"),
    ],
)
def test_an_environment_that_fails_stops_the_run_and_leaves_nothing(env, said, untrue, cli, tmp_path):
    small = ["--total-timesteps", 640, "--net-arch", 3, "--set", "num_envs=2", "rollout_length=8", "num_minibatches=2"]
    outcome = cli("train", f"untrue:{env}", "ad_pqn", *small, "--name", "a")
    assert outcome.code == 1
    assert outcome.err.startswith(f"error: environment 'untrue:{env}'")
    assert said in outcome.err
    assert (f"{untrue}, line 18, in step" in outcome.err) == (env == "Untrue-v0"), "the user's own line"
    assert list((tmp_path / "runs").iterdir()) == [], "its name is free again"


def test_a_tracker_that_is_not_installed_leaves_no_run(cli, monkeypatch, tmp_path):
    monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda name: None)
    outcome = cli("train", "CartPole-v1", "--track", "wandb", "--name", "a")
    assert outcome.code == 2
    assert outcome.err == (
        "error: --track wandb needs a package that is not installed: run 'uv sync --extra wandb' or "
        "'pip install \"accumbens[wandb]\"'\n"
    )
    assert list(tmp_path.iterdir()) == []
