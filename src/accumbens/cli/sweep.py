"""`accumbens sweep` and `accumbens sweeps`: one method at many points of its settings; the sweeps that come with us."""

from pathlib import Path
from typing import Annotated, Any

import tyro

from accumbens.cli.arguments import Flag, default, parsed
from accumbens.cli.cluster import HERE, Place
from accumbens.cli.start import OUTPUT, SET, CheckpointSeconds

WHAT = tyro.conf.arg(
    metavar="SWEEP|ENV|TASK",
    help="A sweep ('accumbens sweeps' lists them) or the path of a .toml file; with --over, an environment or a task.",
)
EPISODES = default("10; 100 for teams")
METHOD = tyro.conf.arg(metavar="ALGO|RULE", help="With --over: preset, method of a team, or learning rule.")
OVER = tyro.conf.arg(name="over", metavar="KEY=VALUES")
Words = Annotated[tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]], OVER]
Changes = Annotated[tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]], SET]


def sweep(
    what: Annotated[str, tyro.conf.Positional, WHAT],
    method: Annotated[str | None, tyro.conf.Positional, METHOD, default("as for train and fit")] = None,
    /,
    *,
    over: Words = (),
    set_: Changes = (),
    seeds: Annotated[int | None, parsed("seeds", int, "N"), default("5")] = None,
    report_seeds: Annotated[int | None, parsed("report_seeds", int, "N"), default("as many")] = None,
    search: Annotated[str | None, parsed("search", str, "{grid,random,halving}"), default("grid")] = None,
    points: Annotated[int | None, parsed("points", int, "N"), default("all of a grid")] = None,
    search_seed: Annotated[int | None, parsed("search_seed", int, "N"), default("0")] = None,
    eta: Annotated[int | None, parsed("eta", int, "N"), default("3")] = None,
    fraction: Annotated[str | None, parsed("fraction", str, "1/2,1/4,…"), default("the whole grid")] = None,
    metric: Annotated[
        str | None, parsed("metric", str, "METRIC"), default("the first of the kind; of fits, of validation data")
    ] = None,
    total_timesteps: Annotated[int | None, parsed("total_timesteps", int, "N"), default("the preset's")] = None,
    epochs: Annotated[int | None, parsed("epochs", int, "N"), default("the task's")] = None,
    updates: Annotated[int | None, parsed("updates", int, "N"), default("the method's")] = None,
    eval_frequency: Annotated[int | None, parsed("eval_frequency", int, "N"), default("a tenth of the run")] = None,
    num_eval_episodes: Annotated[
        int | None, parsed("num_eval_episodes", int, "N"), default("10; 100 for teams")
    ] = None,
    evaluations: Annotated[int | None, parsed("evaluations", int, "N"), default("as for train and fit")] = None,
    data: Annotated[str | None, parsed("data", str, "DATA"), default("none")] = None,
    side_by_side: Annotated[int, parsed("side_by_side", int, "N")] = 64,
    output: Annotated[Path, OUTPUT] = Path("runs"),
    name: Annotated[str | None, parsed("name", str, "NAME"), default("of the file, or of what is varied")] = None,
    draw: Flag = False,
    export: Annotated[str | None, parsed("export", str, "FOLDER"), default("nowhere")] = None,
    dry_run: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
    checkpoint_seconds: CheckpointSeconds = 60.0,
    cluster: Place = HERE,
) -> int:
    """Try many values of settings, and end with a table and a figure; the same command continues where it stopped.

    Args:
        what: a sweep, or where.
        method: who, or how.
        over: What is varied: learning_rate=1e-4,1e-3, trace_decay=0.3..0.95, net_arch=64,64/128,96.
        set_: Settings of all points, as in --set num_envs=16.
        seeds: Seeds of every point, by which the best is chosen: 0, 1, 2 …
        report_seeds: Other seeds, with which the best point is run again; 0 for none.
        search: Every point of a grid, points at random, or successive halving: the better third goes on, and so on.
        points: Points to draw at random.
        search_seed: Of the draw.
        eta: Of successive halving: one of how many goes on.
        fraction: A regular fraction of a grid of two values for every setting, of resolution IV.
        metric: What points are chosen by, one of accumbens compare.
        total_timesteps: Of agents: environment steps of each seed.
        epochs: Of fits: passes through the training data.
        updates: Of teams: updates of each seed.
        eval_frequency: Of agents: environment steps between greedy evaluations.
        num_eval_episodes: Of agents and teams: episodes of each evaluation.
        evaluations: Of fits and teams: number of evaluations, evenly spread.
        data: What a team learns from, or the folder with a task's files.
        side_by_side: Seeds that learn side by side in one program at most, those of all points counted.
        output: Folder of all runs; the sweep's are in sweeps/NAME there.
        name: Name of the sweep's folder.
        draw: Train nothing; make tables and figure of the runs that exist.
        export: Copy the table, the figure and the sweep to a folder that is small enough to commit.
        dry_run: Print points, programs, steps and how long it takes here, measured on the first program, and stop.
        json: Print the result as one line of JSON on standard output; everything else goes to standard error.
        quiet: Print only warnings, on standard error.
        checkpoint_seconds: Seconds between checkpoints.
        cluster: Where the points are worked on.
    """
    from accumbens.cli.sweep_view import SweepView, print_plan, print_result
    from accumbens.cli.terminal import print_json
    from accumbens.experiments.execute import Outcome
    from accumbens.sweeps import files, result, tables, work
    from accumbens.sweeps.diverged import read_diverged
    from accumbens.sweeps.layout import layout_of
    from accumbens.sweeps.timing import timed

    given = {
        "seeds": seeds,
        "report_seeds": report_seeds,
        "search": search,
        "points": points,
        "search_seed": search_seed,
        "eta": eta,
        "fraction": fraction,
        "metric": metric,
        "total_timesteps": total_timesteps,
        "epochs": epochs,
        "updates": updates,
        "eval_frequency": eval_frequency,
        "num_eval_episodes": num_eval_episodes,
        "evaluations": evaluations,
        "data": data,
    }
    asked = _asked(what, method, over, set_, {key: value for key, value in given.items() if value is not None}, name)
    # The last step of SLURM goes on with what is left when all parts are over: the reporting seeds.
    folder, where = asked.folder(output), cluster.where(draw, finish=())
    result.require_same_runs(asked, folder)
    if export is not None:  # before hours of work
        files.require_own(asked, Path(export))
    about: dict[str, Any] = {"sweep": asked.name, "folder": str(folder), "points": len(asked.runs)}
    if dry_run:
        layout = layout_of(asked, folder, side_by_side)
        timing = timed(layout.programs[0]) if layout.programs else None
        print_plan(asked, layout, timing, folder, json)
        if json:
            sizes = {"programs": len(layout.programs), "inside": list(layout.inside), "anew": list(layout.anew)}
            sizes["seconds"] = timing and round(timing.projected(layout))
            print_json(about | sizes | {f"{asked.kind.words.unit}_of_all_seeds": layout.size})
        return 0
    outcome = Outcome({}, {}, interrupted=False)
    if not draw:
        view = SweepView.maker(json, quiet)
        how: dict[str, Any] = {"most": side_by_side, "checkpoint_seconds": checkpoint_seconds}
        outcome = work.carry_out(asked, folder, view, where=where, **how)
    lost = {label: why for label, why in outcome.failures.items() if label not in outcome.diverged}
    found: dict[str, Any] = {"interrupted": outcome.interrupted, "failed": lost, "diverged": read_diverged(folder)}
    reporting_lost = False
    if where.shows:
        standing = result.read_standing(asked, folder)
        reporting_lost = standing.report_diverged is not None
        files.write(asked, standing, folder)
        print_result(asked, standing, folder, json, quiet, interrupted=outcome.interrupted)
        if export is not None:
            files.export(asked, standing, folder, Path(export))
        found |= tables.document(asked, standing)
    if json:
        print_json(about | found)
    if outcome.interrupted:
        return 130
    return 1 if lost or reporting_lost or all(run.label in found["diverged"] for run in asked.runs) else 0


def _asked(what: str, method: str | None, over: Any, changes: Any, given: dict[str, Any], name: str | None) -> Any:
    """The sweep of a file, or of the short form.

    Raises:
        AccumbensError: it cannot be used, or what is said on the command line is a file's to say.
    """
    from accumbens.cli.arguments import parse_pairs
    from accumbens.errors import AccumbensError
    from accumbens.sweeps import spec

    if over:
        return spec.short(what, method, parse_pairs(over, "--over"), parse_pairs(changes), given, name)
    if method is not None or (what not in spec.committed() and not what.endswith(".toml") and spec.is_place(what)):
        raise AccumbensError(f"nothing is varied of {what}: give --over, as in --over learning_rate=1e-4,3e-4,1e-3")
    if given or changes:
        option = f"--{next(iter(given)).replace('_', '-')}" if given else "--set"
        raise AccumbensError(f"{option} cannot be used with {what}: what a sweep of a file consists of stands in it")
    return spec.load(what, name)


def sweeps(*, json: Flag = False) -> int:
    """List the sweeps.

    Args:
        json: Print one line of JSON on standard output.
    """
    from accumbens.cli.lists import _print_summaries
    from accumbens.sweeps.spec import committed, read

    return _print_summaries("sweep", {name: read(path)["title"] for name, path in committed().items()}, json)
