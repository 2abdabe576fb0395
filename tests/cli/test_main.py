"""Parsing, errors and exit codes; nothing here trains."""

import json
import re
import subprocess
import sys

import pytest

import accumbens
from accumbens.cli import main as entry
from accumbens.cli.arguments import parse_pairs
from accumbens.cli.options import known_options
from accumbens.cli.top_help import GROUPS
from accumbens.envs import registry, trainable
from accumbens.envs.teams.registry import team_environments
from accumbens.errors import AccumbensError
from accumbens.presets import PRESETS
from accumbens.runs import compiling
from accumbens.teams.methods import METHODS

HEAVY = ["jax", "gymnasium", "matplotlib", "numpy", "equinox", "optax", "gymnax", "rich.progress"]


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["trian"], ["train", "--sed"]])
def test_help_and_wrong_words_need_no_heavy_import(words):
    program = (
        "import sys\n"
        "from accumbens.cli.main import main\n"
        "try:\n"
        f"    main({words})\n"
        "finally:\n"
        f"    print(sorted(set({HEAVY}) & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == (0 if "--help" in words else 2)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_names_every_command_in_a_line(cli, words):
    outcome = cli(*words)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    listed = [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("  -")]
    assert listed == [name for group in GROUPS.values() for name in group]
    assert sorted(listed) == sorted(entry.COMMANDS)
    for group in ("train", "look", "check", "share", "list"):
        assert group in lines


def test_version(cli):
    assert cli("--version").out == f"accumbens {accumbens.__version__}\n"


@pytest.mark.parametrize("command", entry.COMMANDS)
def test_help_of_a_command_shows_no_python(cli, command):
    outcome = cli(command, "--help")
    assert outcome.code == 0
    for wrong in ("None", "{None}", "--no-", "STR", "default: ()", "default: )"):
        assert wrong not in outcome.out
    if command == "train":
        text = " ".join(outcome.out.replace("│", " ").split())
        flags = "--total-timesteps N --seed N --seeds N --eval-frequency N --num-eval-episodes N --net-arch N,N,…"
        flags += " --credit {local,backprop} --track {tensorboard,wandb} --set KEY=VALUE --name NAME"
        for flag in flags.split(" --"):
            assert f"--{flag.removeprefix('--')} " in text
        assert "Environment steps of each seed. (default: the preset's)" in text
        assert "-o FOLDER, --output FOLDER" in text or "--output FOLDER, -o FOLDER" in text


ERRORS = {
    "unknown command": (["trian"], "unknown command 'trian'; did you mean 'train'? Known: train, fit, resume, "),
    "unknown environment": (
        ["train", "CartPol-v1"],
        "unknown environment 'CartPol-v1'; did you mean 'CartPole-v1'? Run 'accumbens envs' to see all.",
    ),
    "unknown algorithm": (
        ["train", "CartPole-v1", "ad_pqm"],
        "unknown algorithm 'ad_pqm'; did you mean 'ad_pqn'? Run 'accumbens algos' to see all.",
    ),
    "unknown setting": (
        ["train", "CartPole-v1", "--set", "epoch=3"],
        "unknown setting 'epoch'; did you mean 'epochs'",
    ),
    "unknown word": (
        ["train", "CartPole-v1", "--set", "loss=hubber"],
        "unknown value of loss 'hubber'; did you mean 'huber'? Known: squared, huber, ",
    ),
    "unknown credit": (
        ["train", "CartPole-v1", "--credit", "backprob"],
        "unknown value of credit 'backprob'; did you mean 'backprop'? Known: local, backprop.",
    ),
    "unknown tracker": (
        ["train", "CartPole-v1", "--track", "tensorbord"],
        "unknown value of track 'tensorbord'; did you mean 'tensorboard'? Known: tensorboard, wandb.",
    ),
    "setting of the other learner": (
        ["train", "CartPole-v1", "ad_dqn", "--set", "epochs=3"],
        "unknown setting 'epochs'",
    ),
    "number of the run": (
        ["train", "CartPole-v1", "--set", "total_timesteps=3"],
        "total_timesteps is not a setting: give it as --total-timesteps",
    ),
    "setting by another name": (
        ["train", "CartPole-v1", "--set", "lr=1e-3"],
        "unknown setting 'lr'; did you mean 'learning_rate'? Known: scale_observations, cell, ",
    ),
    "number of the run by another name": (
        ["train", "CartPole-v1", "--set", "timesteps=3"],
        "timesteps is not a setting: give it as --total-timesteps",
    ),
    "layers of a network": (
        ["fit", "digits", "--set", "hidden=8"],
        "unknown setting 'hidden'; did you mean 'layers'? Known: split_seed, ",
    ),
    "setting as option": (
        ["train", "CartPole-v1", "--learning-rate", "1e-3", "--seed", "1"],
        "unknown option --learning-rate: it is a setting, given as --set learning_rate=1e-3",
    ),
    "setting as option by another name": (
        ["train", "CartPole-v1", "--gamma=0.9"],
        "unknown option --gamma: it is a setting, given as --set discount=0.9",
    ),
    "setting as option without value": (
        ["audit", "digits", "--batch-size"],
        "unknown option --batch-size: it is a setting, given as --set batch_size=VALUE",
    ),
    "option": (
        ["train", "CartPole-v1", "--sed", "3"],
        "unknown option '--sed'; did you mean '--seed'? Run 'accumbens train --help' to see all.",
    ),
    "option by another name": (
        ["train", "CartPole-v1", "--timesteps", "3"],
        "unknown option '--timesteps'; did you mean '--total-timesteps'? Run 'accumbens train --help' to see all.",
    ),
    "option where no settings are": (
        ["runs", "--learning-rate", "3"],
        "unknown option '--learning-rate'. Run 'accumbens runs --help' to see all.",
    ),
    "option before the command": (
        ["--seed", "3", "train"],
        "--seed cannot be used before a command: 'accumbens --help' lists the commands",
    ),
    "environment to fit": (["fit", "CartPole-v1"], "CartPole-v1 is an environment: 'accumbens train CartPole-v1'"),
    "task to train": (["train", "digits"], "digits is a task: 'accumbens fit digits'"),
    "file to train": (["train", "a.csv"], "a.csv is a task: 'accumbens fit a.csv'"),
    "preset to fit": (
        ["fit", "ad_pqn"],
        "ad_pqn is an agent, and the environment comes first: 'accumbens train ENV ad_pqn'",
    ),
    "rule to train": (["train", "gevb"], "gevb is a rule, and the task comes first: 'accumbens fit TASK gevb'"),
    "rule for an agent": (["train", "CartPole-v1", "gevb"], "gevb is a rule, for tasks, and CartPole-v1 is an env"),
    "preset for a fit": (["fit", "digits", "ad_pqn"], "ad_pqn is an agent, for environments, and digits is a task"),
    "not a number": (
        ["train", "CartPole-v1", "--set", "learning_rate=fast"],
        "learning_rate='fast' cannot be used: expected a number",
    ),
    "not a size": (["train", "CartPole-v1", "--net-arch", "12x8"], "net_arch='12x8' cannot be used: expected numb"),
    "no size": (
        ["train", "CartPole-v1", "--net-arch", "8,0"],
        "net_arch=(8, 0) cannot be used: it must be at",
    ),
    "not whole": (["train", "CartPole-v1", "--seed", "1.5"], "seed='1.5' cannot be used: expected a whole number"),
    "endless": (
        ["train", "CartPole-v1", "--total-timesteps", "inf"],
        "total_timesteps='inf' cannot be used: exp",
    ),
    "nothing to do": (
        ["train", "CartPole-v1", "--total-timesteps", "0"],
        "total_timesteps=0 cannot be used: it must",
    ),
    "negative seed": (["train", "CartPole-v1", "--seed=-1"], "seed=-1 cannot be used: it must be from 0 to 4294967295"),
    "big seed": (["train", "CartPole-v1", "--seed", "5e9"], "seed=5000000000 cannot be used: it must be from 0 to "),
    "no seeds": (["train", "CartPole-v1", "--seeds", "0"], "seeds=0 cannot be used: it must be >= 1"),
    "checkpoints": (
        ["train", "CartPole-v1", "--checkpoint-seconds", "nan"],
        "checkpoint_seconds=nan cannot be used: it must be >= 0",
    ),
    "minibatches": (
        ["train", "CartPole-v1", "--set", "num_minibatches=7", "num_envs=4", "rollout_length=4"],
        "num_minibatches=7 cannot be used: it must be a divisor of num_envs * rollout_length = 16",
    ),
    "small replay": (
        ["train", "CartPole-v1", "ad_dqn", "--set", "replay_capacity=10", "--dry-run"],
        "a replay capacity of 10 rows is too small: 1 environments, blocks of 4 steps and a context of 10 need at",
    ),
    "pair without value": (
        ["train", "CartPole-v1", "--set", "epochs"],
        "--set 'epochs' cannot be used: expected key",
    ),
    "no pair": (["train", "CartPole-v1", "--set"], "--set '' cannot be used: expected key=value"),
    "pair twice": (
        ["train", "CartPole-v1", "--set", "epochs=2", "--set", "epochs=3"],
        "--set gives epochs twice: '2' and '3'",
    ),
    "bad name": (
        ["train", "CartPole-v1", "--name", "a/b"],
        "name='a/b' cannot be used: it must be a single fol",
    ),
    "observations": (
        ["train", "FrozenLake-v1"],
        "environment 'FrozenLake-v1' has the observation space Discrete(16); supp",
    ),
    "corners": (
        ["train", "dmc/humanoid-run", "--set", "discretisation=joint"],
        "environment 'dmc/humanoid-run' has actions of 21 dimensions, which have 2^21 = 2097152 corners; a joint ",
    ),
    "unbounded actions": (
        ["train", "dmc/lqr-lqr_2_1"],
        "environment 'dmc/lqr-lqr_2_1' has the action space Box(-inf, inf, (1,), float32), whose bounds are not fin",
    ),
    "no image": (["train", "CartPole-v1", "pqn_conv"], "convolution=16 cannot be used: it needs images of at least "),
    "module": (["train", "no_such_module:X-v0"], "cannot import the module 'no_such_module' of environment "),
    "no run": (["evaluate", "nowhere"], "there is no run at nowhere"),
    "no run to resume": (["resume", "nowhere"], "there is no run at nowhere"),
    "not a run": (["resume", "."], "config.toml does not exist: not a run directory"),
    "episodes": (["evaluate", "nowhere", "--num-episodes", "0"], "num_episodes=0 cannot be used: it must be >= 1"),
    "epsilon": (["evaluate", "nowhere", "--epsilon", "1.5"], "epsilon=1.5 cannot be used: it must be from 0 to 1"),
    "epsilon text": (["evaluate", "nowhere", "--epsilon", "x"], "epsilon='x' cannot be used: expected a number"),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of simulators that are older than NumPy
def test_bad_input_is_one_clear_line_and_exit_code_2(cli, tmp_path, name):
    words, message = ERRORS[name]
    outcome = cli(*words)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith(f"error: {message}")
    assert outcome.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["train"], ["ENV"]),
        (["evaluate"], ["RUN"]),
        (["train", "CartPole-v1", "--sed", "3"], ["--sed", "--seed"]),
        (["train", "CartPole-v1", "--quite"], ["--quite", "--quiet"]),
        (["train", "CartPole-v1", "--no-quiet"], ["--no-quiet", "--quiet"]),
        (["train", "CartPole-v1", "ad_pqn", "more"], ["more"]),
        (["train", "CartPole-v1", "--name"], ["--name"]),
        (["algos", "--jsn"], ["--jsn", "--json"]),
    ],
)
def test_words_that_fit_no_command_exit_with_2(cli, words, parts):
    outcome = cli(*words)
    assert outcome.code == 2
    assert outcome.out == ""
    for part in parts:
        assert part in outcome.err


def test_settings_can_be_given_together_or_one_by_one(cli):
    several = cli("train", "CartPole-v1", "--dry-run", "--json", "--set", "epochs=3", "num_envs=16", "--seed", "3")
    single = cli("train", "CartPole-v1", "--json", "--set", "epochs=3", "--dry-run", "--set", "num_envs=16", "--seed=3")
    assert several.code == single.code == 0
    assert several.json == single.json
    assert several.json["settings"]["epochs"] == 3
    assert several.json["settings"]["num_envs"] == 16
    assert several.json["seed"] == 3


def test_pairs_may_hold_equals_signs_and_lists():
    assert parse_pairs([["net_arch=8,4", "a=b=c"], ["x=1"]]) == {"net_arch": "8,4", "a": "b=c", "x": "1"}
    for wrong in (["=1"], ["a="], ["a"], []):
        with pytest.raises(AccumbensError, match="expected key=value"):
            parse_pairs([wrong])


def test_dry_run_shows_every_setting_and_its_source(cli, tmp_path):
    outcome = cli("train", "CartPole-v1", "ad_dqn", "--dry-run", "--net-arch", "16,8", "--set", "learning_starts=0")
    assert outcome.code == 0
    assert outcome.err == ""
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in outcome.out.splitlines() if line.strip()}
    assert lines["net_arch"] == "16,8 your choice"
    assert lines["learning_starts"] == "0 your choice"
    assert lines["batch_size"].startswith("512 Guan et al. (2024)")
    assert lines["recurrent_gain"].startswith("none Guan et al. (2024)")
    assert lines["scale_observations"] == "none default"
    numbers = [line.partition("  ")[::2] for line in outcome.out.splitlines()[-5:]]
    assert [name for name, _ in numbers] == [
        "steps that will run",
        "updates that will run",
        "parameters of cell 1",
        "parameters of cell 2",
        "memory of the replay",
    ]
    # h: x 4 + forward-in-time 8 inputs, 16 units, bias, norm; z1 and z2 of rank 8 from the same inputs.
    assert numbers[2][1].strip() == f"{12 * 16 + 16 + 2 * 16 + 12 * 8 * 16 + 12 * 8 * 2:,}"
    assert list(tmp_path.iterdir()) == []


def test_dry_run_says_when_there_is_no_replay(cli):
    outcome = cli("train", "CartPole-v1", "--dry-run")
    assert "memory of the replay       none: no replay buffer" in outcome.out


def test_envs_are_listed(cli):
    shown, listed = cli("envs"), cli("envs", "--json")
    assert shown.code == listed.code == 0
    assert listed.json["device"] == registry.device_environments()
    assert "LunarLander-v3" in listed.json["gymnasium"]
    assert listed.json["team"] == team_environments()
    assert "several agents: for teams, such as distilled" in shown.out
    for name in [*registry.device_environments(), "LunarLander-v3", *team_environments()]:
        assert name in shown.out
    assert "FrozenLake-v1" not in shown.out, "its observations are numbers of states"


def test_envs_that_need_an_extra_are_marked(cli, monkeypatch):
    monkeypatch.setattr(trainable, "missing_extras", lambda: ["box2d", "jaxmarl", "octax"])
    shown, missing = cli("envs").out, cli("envs", "--json").json["missing_extra"]
    assert (missing["LunarLander-v3"], missing["smax/2s3z"]) == ("box2d", "jaxmarl")
    assert missing["octax/brix"] == "octax"
    assert set(missing.values()) == {"box2d", "jaxmarl", "octax"}
    assert "LunarLander-v3 (box2d)" in shown
    assert "smax/2s3z (jaxmarl)" in shown
    for extra in ("box2d", "jaxmarl", "octax"):
        assert f'needs an extra that is not installed: pip install "accumbens[{extra}]"' in shown


@pytest.mark.parametrize("tracker", ["wandb", "tensorboard"])
def test_a_dry_run_refuses_a_tracker_that_is_not_installed(cli, monkeypatch, tracker):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    outcome = cli("train", "CartPole-v1", "--dry-run", "--track", tracker)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error: --track {tracker} needs a package that is not installed: ")


def test_a_dry_run_compiles_nothing(cli):
    for words in (["train", "CartPole-v1"], ["train", "minatar/breakout", "ad_dqn"], ["fit", "digits", "gevb"]):
        before = compiling.compile_seconds()
        assert cli(*words, "--dry-run").code == 0
        assert compiling.compile_seconds() == before, words


def test_algos_are_listed(cli):
    shown, listed = cli("algos"), cli("algos", "--json")
    assert shown.code == listed.code == 0
    assert listed.json == {name: entry.summary for name, entry in (PRESETS | METHODS).items()}
    assert json.loads(listed.out) == listed.json
    for name in [*PRESETS, *METHODS]:
        assert name in shown.out


def no_users_command(error):
    """A command that raises from a place that is not a file of the user's."""
    names = {}
    exec(f"def command():\n    raise {error}", names)
    return names["command"]


def test_what_the_users_own_code_raises_in_a_run_is_told_with_its_line_and_exit_code_1(cli, monkeypatch):
    def own():
        return {}["mine"]

    monkeypatch.setitem(entry.COMMANDS, "algos", own)
    outcome = cli("algos")
    assert outcome.code == 1
    line = own.__code__.co_firstlineno + 1
    shown = f'  {__file__}, line {line}, in own\n    return {{}}["mine"]\n'
    assert outcome.err == f"error: code of your own raised KeyError: 'mine'\n{shown}"


def test_a_mistake_of_ours_keeps_its_traceback(cli, monkeypatch):
    monkeypatch.setitem(entry.COMMANDS, "algos", no_users_command("KeyError('ours')"))
    with pytest.raises(KeyError, match="ours"):
        cli("algos")


def test_failures_of_the_machine_are_one_line_and_exit_code_1(cli, monkeypatch):
    error = "OSError(28, 'No space left on device', 'runs/metrics.csv')"
    monkeypatch.setitem(entry.COMMANDS, "algos", no_users_command(error))
    outcome = cli("algos")
    assert outcome.code == 1
    assert outcome.err == "error: [Errno 28] No space left on device: 'runs/metrics.csv'\n"


def test_ctrl_c_before_the_loop_is_no_traceback(cli, monkeypatch):
    def stopped():
        raise KeyboardInterrupt

    monkeypatch.setitem(entry.COMMANDS, "algos", stopped)
    outcome = cli("algos")
    assert outcome.code == 130
    assert outcome.err == "stopped\n"


def test_the_words_come_from_the_command_line_by_default(cli, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["accumbens", "algos", "--json"])
    with pytest.raises(SystemExit) as stop:
        entry.main()
    assert stop.value.code == 0
    assert set(json.loads(capsys.readouterr().out)) == {*PRESETS, *METHODS}


def test_an_unwritable_place_is_one_clear_line(cli, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = cli("train", "CartPole-v1", "--output", "file")
    assert outcome.code == 2
    assert outcome.err.startswith("error: cannot make a run directory in file/CartPole-v1/ad_pqn: ")
    assert outcome.err.count("\n") == 1


ENDS = """
import atexit
from accumbens.cli import main


class TornDown:
    def __del__(self):
        print("the interpreter was taken down", flush=True)


def stopped():
    raise KeyboardInterrupt


kept = TornDown()
atexit.register(print, "called at the end", flush=True)
main.COMMANDS["tasks"] = stopped
main.run()
"""


@pytest.mark.parametrize(("command", "code", "taken_down"), [("tasks", 130, False), ("rule", 2, True)])
def test_a_stopped_process_is_over_at_once(command, code, taken_down):
    # Taking JAX down while it compiles crashes.
    ended = subprocess.run([sys.executable, "-c", ENDS, command], capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert "called at the end" in ended.stdout
    assert ("taken down" in ended.stdout) == taken_down
    assert (ended.stderr == "stopped\n") == (code == 130)


@pytest.mark.parametrize("command", ["train", "fit", "experiment", "export", "report", "compare", "watch", "analyze"])
def test_results_go_where_output_says_and_only_force_overwrites(cli, command):
    text = " ".join(cli(command, "--help").out.replace("│", " ").split())
    assert "--output" in text
    assert "-o" in text.split("--output")[0][-20:] + text.split("--output")[1][:20]
    if command in ("export", "report", "compare", "watch", "analyze"):
        assert "without it, existing results are never overwritten." in text


@pytest.mark.parametrize("command", entry.COMMANDS)
def test_every_option_in_the_help_is_known_before_it_is_parsed(cli, command):
    lines = [line.strip(" │") for line in cli(command, "--help").out.splitlines()]
    shown = {
        name for line in lines if line.startswith("-") for name in re.findall("--([a-z][a-z-]*)", line.split("  ")[0])
    }
    assert shown == set(known_options(entry.COMMANDS[command]))


def test_units_of_layers_have_both_names(cli):
    one, other = (
        cli("train", "CartPole-v1", "--dry-run", "--json", name, "8,4") for name in ("--net-arch", "--layers")
    )
    assert one.json == other.json
    assert one.json["settings"]["net_arch"] == [8, 4]
    one, other = (cli("fit", "digits", "--dry-run", "--json", name, "8,4") for name in ("--net-arch", "--layers"))
    assert one.json == other.json
    assert one.json["rule_settings"]["layers"] == [8, 4]


@pytest.mark.parametrize("words", [["train", "CartPole-v1"], ["fit", "digits"], ["audit", "CartPole-v1"]])
def test_a_size_that_is_none_is_told_by_the_name_that_was_typed(cli, words):
    for option, name in (("--layers", "layers"), ("--net-arch", "net_arch")):
        assert cli(*words, option, "64,x").err.startswith(f"error: {name}='64,x' cannot be used")
    assert "are names of the same: give one of them" in cli(*words, "--layers", "4", "--net-arch", "4").err
