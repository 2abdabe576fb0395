"""The library in Python, as small as the command line: train or fit, and open what was run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from accumbens import kinds
from accumbens.credit.config import resolve_fit
from accumbens.credit.kind import FITS
from accumbens.envs.factory import register_factory
from accumbens.run import Progress, Run, shown
from accumbens.runs import launch
from accumbens.runs.kind import Kind
from accumbens.runs.names import given_once
from accumbens.runs.origin import parse_origin
from accumbens.typed import TRACKERS, as_text, as_texts, checked, checked_or_none


def open_run(path: str | Path) -> Run:
    """Open a run's directory.

    Raises:
        AccumbensError: there is no run at `path`.
    """
    return Run(path)


def train(
    env: str | Callable[[], Any],
    algo: str | None = None,
    *,
    total_timesteps: int | float | None = None,
    seed: int = 0,
    seeds: int = 1,
    net_arch: Sequence[int] | None = None,
    layers: Sequence[int] | None = None,
    credit: str | None = None,
    eval_frequency: int | float | None = None,
    num_eval_episodes: int | None = None,
    data: str | Path | None = None,
    updates: int | float | None = None,
    evaluations: int | None = None,
    begin_from: str | Path | None = None,
    out: str | Path = "runs",
    name: str | None = None,
    progress: bool | None = None,
    callback: Callable[[Progress], object] | None = None,
    track: str | None = None,
    checkpoint_seconds: float = 60.0,
    **settings: Any,
) -> Run:
    """Train an agent, or a team of agents: `accumbens train` in Python.

    Args:
        env: environment, such as `CartPole-v1`, `minatar/breakout`, `dmc/walker-walk` or `my_module:my_id`, or of
            several agents, such as `team/fill-in-2`; or a class or a function without arguments that makes a Gymnasium
            environment, which is registered by its name.
        algo: preset, or how a team learns; None takes `ad_pqn`, and `idt` for teams.
        total_timesteps: environment steps of each seed; None takes the preset's.
        seed: the first seed.
        seeds: independent seeds, trained side by side.
        net_arch: hidden units of every cell; None takes the preset's.
        layers: another name of `net_arch`.
        credit: `local` or `backprop`; None takes the preset's.
        eval_frequency: environment steps between greedy evaluations, 0 for one at the end; None is a tenth of the run.
        num_eval_episodes: episodes of each evaluation, per seed and prefix of cells; None takes 10, and 100 for teams.
        data: of teams: what they learn from, a Minari id, the folder of a data set, or `random:N`.
        updates: of teams: updates of each seed; None takes the method's.
        evaluations: of teams: how many, evenly spread, after the one before the first update; None takes 10.
        begin_from: `RUN[@STEP][:SEED]`, another run whose network this one begins from; None takes a new one.
        out: folder that runs are kept in.
        name: of the run; None makes one of date and time.
        progress: show it on standard error; None does so on a terminal.
        callback: called with a `Progress` after every chunk; an exception ends the run, which is saved first.
        track: `tensorboard` or `wandb` beside the CSV files.
        checkpoint_seconds: seconds between checkpoints.
        settings: of the preset, to be changed: `learning_rate=1e-3, cell="dot"`, every one that `--set` takes.

    Returns:
        the run, which reached its end.

    Raises:
        UnknownNameError: no such environment, algorithm, setting or value.
        AccumbensError: a value that cannot be used, a run of that name exists, or a number stopped being finite.
        KeyboardInterrupt: Ctrl-C; what was trained is kept, and `open_run(path).resume()` goes on.
    """
    place = env if isinstance(env, str) else register_factory(env)
    options = {
        "total_timesteps": checked_or_none("total_timesteps", int, total_timesteps),
        "net_arch": _units(net_arch=net_arch, layers=layers),
        "credit": checked_or_none("credit", str, credit),
        "eval_frequency": checked_or_none("eval_frequency", int, eval_frequency),
        "num_eval_episodes": checked_or_none("num_eval_episodes", int, num_eval_episodes),
        "data": None if data is None else str(data),
        "updates": checked_or_none("updates", int, updates),
        "evaluations": checked_or_none("evaluations", int, evaluations),
    }
    given = {name: value for name, value in options.items() if value is not None}
    kind = kinds.kind_for("train", place, [name for name in given if name != "credit"])
    if "credit" in given and "credit" not in kind.options:  # it is one of the settings there
        settings["credit"] = given.pop("credit")
    numbers = given | {"seed": checked("seed", int, seed), "seeds": checked("seeds", int, seeds)}
    method = kind.usual_method if algo is None else as_text("algo", algo)
    config = kinds.resolve(kind, place, method, numbers, as_texts(settings))
    return _start(kind, config, begin_from, out, name, progress, callback, track, checkpoint_seconds)


def fit(
    task: str | Path = "digits",
    rule: str = "backprop",
    *,
    layers: Sequence[int] | None = None,
    net_arch: Sequence[int] | None = None,
    epochs: int | float | None = None,
    seed: int = 0,
    seeds: int = 1,
    evaluations: int | None = None,
    data: str | Path | None = None,
    begin_from: str | Path | None = None,
    out: str | Path = "runs",
    name: str | None = None,
    progress: bool | None = None,
    callback: Callable[[Progress], object] | None = None,
    track: str | None = None,
    checkpoint_seconds: float = 60.0,
    **settings: Any,
) -> Run:
    """Fit a network to a task by a rule: `accumbens fit` in Python.

    Args:
        task: task, such as `digits` or `my_module:my_id`, or the path of a CSV or NumPy file.
        rule: how the layers learn, such as `coagent` or `my_module:my_id`.
        layers: units of every hidden layer, none for no hidden layer; None takes the rule's.
        net_arch: another name of `layers`.
        epochs: passes through the training data; None takes the task's.
        seed: the first seed.
        seeds: independent seeds, that learn side by side.
        evaluations: how often to evaluate, evenly spread; None does after every epoch, at most 200 times.
        data: folder with the task's files; None takes ACCUMBENS_DATA, or else OpenML if the task needs data.
        begin_from: `RUN[@STEP][:SEED]`, another fit whose network this one begins from; None takes a new one.
        out: folder that runs are kept in.
        name: of the run; None makes one of date and time.
        progress: show it on standard error; None does so on a terminal.
        callback: called with a `Progress` after every chunk; an exception ends the run, which is saved first.
        track: `tensorboard` or `wandb` beside the CSV files.
        checkpoint_seconds: seconds between checkpoints.
        settings: of the rule or the task, to be changed: `learning_rate=1e-3, sigma=2`, every one that `--set` takes.

    Returns:
        the fit, which reached its end.

    Raises:
        UnknownNameError: no such task, rule, setting or value.
        AccumbensError: a value that cannot be used, a run of that name exists, there are no data, or a number stopped
            being finite.
        KeyboardInterrupt: Ctrl-C; what was learned is kept, and `open_run(path).resume()` goes on.
    """
    config = resolve_fit(
        str(task),
        as_text("rule", rule),
        layers=_units(layers=layers, net_arch=net_arch),
        epochs=checked_or_none("epochs", int, epochs),
        seed=checked("seed", int, seed),
        seeds=checked("seeds", int, seeds),
        evaluations=checked_or_none("evaluations", int, evaluations),
        data="" if data is None else str(data),
        changes=as_texts(settings),
    )
    return _start(FITS, config, begin_from, out, name, progress, callback, track, checkpoint_seconds)


def _units(**named: Any) -> tuple[int, ...] | None:
    """The units of every layer, given under one of their two names."""
    return given_once(**{name: checked_or_none(name, tuple[int, ...], value) for name, value in named.items()})


def _start(
    kind: Kind[Any],
    config: Any,
    begin_from: str | Path | None,
    out: str | Path,
    name: Any,
    progress: bool | None,
    callback: Callable[[Progress], object] | None,
    track: Any,
    checkpoint_seconds: Any,
) -> Run:
    """Start a run; the options that are not typed here are what a user gave, and are checked."""
    options = {
        "out": Path(out).expanduser(),
        "name": checked_or_none("name", str, name),
        "track": checked_or_none("track", TRACKERS, track),
        "checkpoint_seconds": checked("checkpoint_seconds", float, checkpoint_seconds),
        "origin": None if begin_from is None else parse_origin(str(begin_from)),
    }
    with shown(progress, callback) as view:
        result = launch.start(kind, config, view, **options)
    return Run(result.run).whole(result)
