"""How a hand is watched: a fit of reach or sine-waves becomes a video."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.cli.watch import MAX_STEPS
from accumbens.cli.watch_view import Request, bar_of, counted
from accumbens.credit.kind import FITS
from accumbens.credit.networks.controlled import Seen
from accumbens.errors import AccumbensError
from accumbens.representation.reaching import ReachingRun, open_reaching
from accumbens.watch.hand import Hands, HandStrip
from accumbens.watch.video import require_writable, write_video

FPS = 25
_PUSH, _FIRST, _LAST = 10.0, 60, 70


def watch_fit(request: Request, terminal: bool) -> dict[str, Any]:
    """Make the video of a fit that moves a hand; see `Kind.watch`."""
    of_agents = {"--terminal": terminal, "--episode-seed": request.episode_seed != 0, "--epsilon": request.epsilon != 0}
    of_agents["--max-steps"] = request.max_steps != MAX_STEPS
    for name, given in of_agents.items():
        if given:
            raise AccumbensError(f"{name} cannot be used: it is for agents, and this is a fit")
    return write_hand(request)


def write_hand(request: Request) -> dict[str, Any]:
    """Make a video of all trials that test, with and without feedback.

    Returns:
        What `--json` prints.

    Raises:
        AccumbensError: something cannot be used: a number, the run, its seed or step, or the file.
    """
    request.check()
    of = open_reaching(request.run, request.step, request.seed)
    step = of.steps[-1]
    out = request.run / f"watch_{step}_seed{of.seed}.gif" if request.out is None else request.out
    require_writable(out, request.force)
    strip = HandStrip(hands_of(of, step))
    fps = request.fps or FPS
    with bar_of(request) as progress:
        task = progress.add_task("drawing", total=len(strip))
        write_video(strip, out, fps, counted(strip, progress, task))
    size = out.stat().st_size
    if not request.quiet:
        console = request.console()
        console.print(f"written: {len(strip):,} frames, {fps} per second, {size / 1e6:.2f} MB")
        console.print(str(out), soft_wrap=True, markup=False)
    named = {"run": str(request.run), "task": of.config.task, "rule": of.config.rule, "seed": of.seed, "step": step}
    errors = {"with" if told else "without": float(strip.hands.errors(told).mean()) for told in strip.hands.paths}
    return named | {"mean_error": errors, "video": str(out), "frames": len(strip), "fps": fps, "bytes": size}


def hands_of(of: ReachingRun, step: int) -> Hands:
    """Return the ways of the hand at a snapshot; a hand whose task does not perturb it is pushed."""
    network, config = of.network(step, of.seed), of.config
    trials = {told: (of.task.more["feedback"] if told else of.task.test).x for told in of.with_feedback}
    rotation = getattr(config.task_settings, "rotation", 0.0)
    shift = getattr(config.task_settings, "frequency_shift", 0.0)
    pushed, steps = np.zeros(of.facts.steps or 0, bool), slice(_FIRST, _LAST)
    perturbation = f"rotated by {rotation:g}°" if rotation else f"{shift:g} cycles more than told"
    if not rotation and not shift:
        push = _PUSH / 40 if of.facts.direct else _PUSH
        place = slice(3, 4)  # `Seen.push`, to the right
        trials = {told: _with(x, steps, place, push) for told, x in trials.items()}
        pushed[steps], perturbation = True, f"pushed to the right for {_LAST - _FIRST} steps"
    predict = jax.jit(lambda network, x: network.predict(x))
    paths = {told: np.asarray(predict(network, jnp.asarray(x))) for told, x in trials.items()}
    goals = np.asarray(Seen.of(jnp.asarray(next(iter(trials.values())))).goal)
    learned = f"after {step:,} updates" if step else "before learning"
    subtitle = f"{config.rule_settings.layers[0]} units  ·  seed {of.seed}  ·  {learned}"
    return Hands(f"{FITS.place(config)}  ·  {config.rule}", subtitle, paths, goals, pushed, perturbation)


def _with(x: np.ndarray, steps: slice, place: slice, push: float) -> np.ndarray:
    pushed = x.copy()
    pushed[:, steps, place] = push
    return pushed
