"""`accumbens watch`: see a trained agent play, and what every cell makes of it."""

from pathlib import Path
from typing import Annotated

import tyro

from accumbens.cli.arguments import Flag, RunPath, default, parsed

OUT = tyro.conf.arg(name="out", aliases=["-o"], metavar="FILE")


def watch(
    run: RunPath,
    /,
    *,
    out: Annotated[Path | None, OUT, default("a GIF in the run's folder")] = None,
    terminal: Flag = False,
    seed: Annotated[int | None, parsed("seed", int, "SEED"), default("the run's first")] = None,
    step: Annotated[int | None, parsed("step", int, "STEP"), default("the newest")] = None,
    episode_seed: Annotated[int, parsed("episode_seed", int, "SEED")] = 0,
    epsilon: Annotated[float, parsed("epsilon", float, "ε")] = 0.0,
    max_steps: Annotated[int, parsed("max_steps", int, "STEPS")] = 1000,
    fps: Annotated[int | None, parsed("fps", int, "N"), default("15 for MinAtar, otherwise 30")] = None,
    force: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Make a video of one episode: the game and, in step with it, each cell's value of what it does and its TD error.

    A GIF needs nothing more; an MP4 needs ffmpeg. What has no picture of its own is shown by its observation.

    Args:
        run: directory.
        out: The video; its ending, .gif or .mp4, says the format.
        terminal: Show the episode here, live, instead of writing a video; Ctrl-C ends it.
        seed: Whose network plays.
        step: Which snapshot of the network plays: 0 is untrained.
        episode_seed: Seed of the episode's random numbers.
        epsilon: Probability of a random action; 0 plays greedily.
        max_steps: Steps after which the video ends if the episode does not.
        fps: Steps shown per second.
        force: Replace an existing video.
        json: Print one line of JSON on standard output, last; everything else goes to standard error.
        quiet: Print nothing but warnings, and those on standard error.
    """
    from accumbens.cli.terminal import print_json
    from accumbens.cli.watch_view import Request, show, write

    request = Request(run, out, seed, step, episode_seed, epsilon, max_steps, fps, force, json, quiet)
    document = (show if terminal else write)(request)
    if json:
        print_json(document)
    return 0
