"""`accumbens watch`: see a trained agent play, and what every cell makes of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import tyro

from accumbens.cli.arguments import Flag, default, parse_pairs, parsed
from accumbens.cli.start import SET
from accumbens.errors import AccumbensError

RUN = tyro.conf.arg(metavar="RUN", help="The run's directory; with --probe also the name of a preset.")
MAX_STEPS = 1000
PROBES = "{reward-omission,reward-shift}"
OUTPUT = tyro.conf.arg(aliases=["-o"], metavar="FILE")


def watch(
    run: Annotated[Path, tyro.conf.Positional, RUN],
    /,
    *,
    output: Annotated[Path | None, OUTPUT, default("in the run's folder, a GIF, a page or for a probe a PNG")] = None,
    terminal: Flag = False,
    seed: Annotated[int | None, parsed("seed", int, "SEED"), default("the run's first")] = None,
    step: Annotated[int | None, parsed("step", int, "STEP"), default("the newest")] = None,
    episode_seed: Annotated[int, parsed("episode_seed", int, "SEED")] = 0,
    epsilon: Annotated[float, parsed("epsilon", float, "ε")] = 0.0,
    max_steps: Annotated[int, parsed("max_steps", int, "STEPS")] = MAX_STEPS,
    fps: Annotated[
        int | None,
        parsed("fps", int, "N"),
        default("the simulator's real time if it has one, 15 for MinAtar, 4 for teams, otherwise 30"),
    ] = None,
    probe: Annotated[str | None, parsed("probe", str, PROBES), default("no probe but a video")] = None,
    seeds: Annotated[int | None, parsed("seeds", int, "N"), default("10")] = None,
    total_timesteps: Annotated[int | None, parsed("total_timesteps", int, "N"), default("the preset's")] = None,
    credit: Annotated[str | None, parsed("credit", str, "{local,backprop}"), default("RUN's")] = None,
    set_: Annotated[tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]], SET] = (),
    runs: Path = Path("runs"),
    force: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Make a video of one episode: the game and, in step with it, the value and the TD error of every cell.

    Of a fit of reach or sine-waves: the hand on its way to all targets under perturbation, with and without feedback,
    and its error beneath.

    Of a team: the board, what every agent attends to and is still asked for; of students, how the angles between their
    features relate to their teacher's.

    Of a language agent: a page of HTML, the episode as text, each token shaded by its TD error, advantage or value.

    GIF works everywhere; MP4 needs ffmpeg. An environment without pictures is shown by its observations.

    With --probe, it runs an experiment of classical conditioning instead. RUN is a run or the name of a preset: it is
    trained on the built-in task probe/conditioning, unless RUN is such a run, and then gets trials in which the
    reward comes without a cue, or is omitted, or shifted. A figure shows the TD error of every cell around cue and
    reward before, early in and after learning; two tables beside it have the numbers.

    Args:
        run: directory.
        output: The video, .gif or .mp4; of a language agent .html; for a probe the figure, .png, .svg or .pdf.
        terminal: Show the episode in the terminal instead of writing a file, live if it is a video; Ctrl-C ends it.
        seed: Seed whose network plays.
        step: Snapshot that plays; 0 is the untrained network.
        episode_seed: Seed of the episode's random numbers.
        epsilon: Probability of a random action; 0 plays greedily.
        max_steps: Most steps of the episode.
        fps: Steps shown per second.
        probe: Run an experiment of classical conditioning.
        seeds: For a probe: number of independent seeds.
        total_timesteps: For a probe: environment steps of each seed.
        credit: For a probe: where the gradient stops, at every cell (local) or nowhere (backprop).
        set_: For a probe: change settings, as in 'accumbens train'.
        runs: For a probe: folder of its runs.
        force: Replace an existing file; without it, existing results are never overwritten.
        json: Print the result as one line of JSON on standard output; everything else goes to standard error.
        quiet: Print only warnings, on standard error.
    """
    from accumbens.cli.terminal import print_json

    of_video = {"--terminal": terminal, "--seed": seed is not None, "--step": step is not None, "--fps": fps}
    of_video |= {"--episode-seed": episode_seed, "--epsilon": epsilon, "--max-steps": max_steps != MAX_STEPS}
    of_probe = {"--total-timesteps": total_timesteps, "--credit": credit, "--set": set_, "--seeds": seeds is not None}
    _refuse(of_video if probe else of_probe, "a video, not for --probe" if probe else "--probe")
    if probe is not None:
        from accumbens.cli.probe_view import ProbeRequest, run_probe

        request = ProbeRequest(
            *(str(run), probe, output, seeds, total_timesteps, credit, parse_pairs(set_), runs, force, json, quiet)
        )
        found = run_probe(request)
        if json and found is not None:
            print_json(found)
        return 130 if found is None else 0
    from accumbens.cli.watch_view import Request
    from accumbens.kinds import kind_at

    request = Request(run, output, seed, step, episode_seed, epsilon, max_steps, fps, force, json, quiet)
    document = kind_at(run).watch(request, terminal)
    if json:
        print_json(document)
    return 0


def _refuse(given: Mapping[str, object], only_for: str) -> None:
    """Refuse options that would be ignored.

    Raises:
        AccumbensError: names the first.
    """
    for name, value in given.items():
        if value:
            raise AccumbensError(f"{name} cannot be used: it is for {only_for}")
