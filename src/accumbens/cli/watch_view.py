"""How watching goes: into a video with a progress bar, or live in the terminal."""

import itertools
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from accumbens.agents.token_settings import TokenSettings
from accumbens.errors import AccumbensError
from accumbens.share.agents import is_export, open_agent, settings_of
from accumbens.training.trained import Trained
from accumbens.watch import Filmstrip, Instant, make_scene, make_stage, record, require_writable, write_video
from accumbens.watch.episode import watched
from accumbens.watch.frames import Heading, plain
from accumbens.watch.scenes import BOX
from accumbens.watch.terminal import TerminalScreen

T = TypeVar("T")


class Request(NamedTuple):
    """What is to be watched, and how; see `accumbens watch --help`."""

    run: Path
    out: Path | None
    seed: int | None
    step: int | None
    episode_seed: int
    epsilon: float
    max_steps: int
    fps: int | None
    force: bool
    json: bool
    quiet: bool

    def check(self) -> None:
        """Refuse numbers that mean nothing.

        Raises:
            AccumbensError: which, and what is allowed.
        """
        rules = {
            "episode_seed": (0 <= self.episode_seed < 2**32, "a whole number from 0 to 2^32 - 1"),
            "epsilon": (0 <= self.epsilon <= 1, "a probability, from 0 to 1"),
            "max_steps": (self.max_steps >= 1, "at least 1"),
            "fps": (self.fps is None or 1 <= self.fps <= 100, "from 1 to 100"),
        }
        for name, (holds, allowed) in rules.items():
            if not holds:
                raise AccumbensError(f"{name}={getattr(self, name)} cannot be used: expected {allowed}")

    def console(self) -> Console:
        """Where to print: standard error if standard output is kept for JSON, or if only warnings are left."""
        return Console(stderr=self.json or self.quiet, highlight=False)

    def note(self, text: str) -> None:
        """Print something the user should know, even when quiet."""
        if text:
            self.console().print(f"[yellow]note:[/] {escape(text)}", soft_wrap=True)


def watch_agent(request: Request, terminal: bool) -> dict[str, Any]:
    """Show an agent in a video or the terminal, one that acts in words as text; see `Kind.watch`."""
    if isinstance(settings_of(request.run), TokenSettings):
        from accumbens.cli.watch_words import watch_words

        return watch_words(request, terminal)
    return (show if terminal else write)(request)


def write(request: Request) -> dict[str, Any]:
    """Make a video.

    Returns:
        What `--json` prints.

    Raises:
        AccumbensError: something cannot be used: a number, the run, its seed or step, the file, or ffmpeg is missing.
    """
    request.check()
    if request.out is not None:  # before seconds with the run
        require_writable(request.out, request.force)
    trained, seed = _open(request)
    name = f"watch_{trained.step}_seed{seed}_episode{request.episode_seed}.gif"
    # An export stays as it is.
    out = (Path() if is_export(request.run) else request.run) / name if request.out is None else request.out
    require_writable(out, request.force)
    stage = make_stage(trained, request.episode_seed, BOX)
    request.note(stage.note)
    fps = request.fps or stage.fps
    with bar_of(request) as progress:
        try:
            played = watched(trained, stage, seed=seed, epsilon=request.epsilon)
            playing = progress.add_task("playing", total=request.max_steps)
            episode = record(counted(played, progress, playing), request.max_steps)
        finally:
            stage.arena.close()
        progress.update(playing, total=episode.num_steps)
        heading, paged = _heading(trained, request, seed), out.suffix.lower() == ".gif"
        strip = Filmstrip(episode, make_scene(trained, stage), heading, paged=paged)
        drawing = progress.add_task("drawing", total=len(strip))
        write_video(strip, out, fps, counted(strip, progress, drawing))
    size = out.stat().st_size
    if not request.quiet:
        end = episode.ended or "not played to its end, which --max-steps N allows"
        console = request.console()
        console.print(f"return {plain(episode.episode_return)} in {episode.num_steps:,} steps ({end})")
        console.print(f"written: {len(strip):,} frames, {fps} per second, {size / 1e6:.2f} MB")
        console.print(str(out), soft_wrap=True, markup=False)
    return _document(trained, request, seed, episode.instants[-1]) | {
        "video": str(out),
        "frames": len(strip),
        "fps": fps,
        "bytes": size,
    }


def film(run: Path, out: Path, seed: int | None, step: int | None) -> None:
    """Make the video of an export, of an episode's first 500 steps, without a word."""
    write(Request(run, out, seed, step, 0, 0.0, 500, None, False, json=True, quiet=True))


def show(request: Request) -> dict[str, Any]:
    """Show an episode live; what is not a terminal gets its last instant only.

    Returns:
        What `--json` prints.

    Raises:
        AccumbensError: something cannot be used: a number, the run, its seed or step, or a file is asked for too.
    """
    request.check()
    if request.out is not None:
        raise AccumbensError("--terminal writes no file: leave out either --terminal or -o")
    trained, seed = _open(request)
    stage = make_stage(trained, request.episode_seed, BOX)
    request.note(stage.note)
    console = request.console()
    live = console.is_terminal and not request.quiet
    last: Instant | None = None
    try:
        played = watched(trained, stage, seed=seed, epsilon=request.epsilon)
        first = next(played)  # the film has begun, and what is to be compiled is
        scene, heading = make_scene(trained, stage), _heading(trained, request, seed)
        screen = TerminalScreen(scene, heading, colours=bool(console.color_system))
        instants = itertools.islice(itertools.chain([first], played), request.max_steps + 1)
        with Live(console=console, auto_refresh=False) if live else nullcontext() as display:
            with suppress(KeyboardInterrupt):  # which is how one leaves
                for last in paced(instants, request.fps or stage.fps, live):
                    if display:
                        display.update(screen.show(last), refresh=True)
            last = last or first
    finally:
        stage.arena.close()
    if not live and not request.quiet:
        console.print(screen.show(last))
    return _document(trained, request, seed, last)


def _open(request: Request) -> tuple[Trained, int]:
    trained = open_agent(request.run, request.step)
    seed = trained.seeds[0] if request.seed is None else request.seed
    trained.network(seed)  # or there is no such seed
    return trained, seed


def _heading(trained: Trained, request: Request, seed: int) -> Heading:
    config = trained.config
    play = "greedy" if request.epsilon == 0 else f"ε = {request.epsilon:g}"
    network = f"trained for {trained.step:,} steps" if trained.step else "untrained"
    subtitle = f"{trained.settings.credit} credit  ·  seed {seed}  ·  {network}  ·  {play}"
    return Heading(config.env, f"{config.env}  ·  {config.algo}", subtitle, trained.settings.reward_scale)


def _document(trained: Trained, request: Request, seed: int, last: Instant) -> dict[str, Any]:
    return {
        "run": str(request.run),
        "env": trained.config.env,
        "algo": trained.config.algo,
        "credit": trained.settings.credit,
        "seed": seed,
        "step": trained.step,
        "episode_seed": request.episode_seed,
        "epsilon": request.epsilon,
        "episode_length": last.time,
        "episode_return": last.episode_return,
        "ended": last.ended or None,
    }


def bar_of(request: Request) -> Progress:
    """Return the bar that is shown while a video is made."""
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*bar, console=request.console(), disable=request.quiet, transient=True)


def counted(things: Iterable[Any], progress: Progress, task: Any) -> Iterator[Any]:
    """Pass things on, and count them."""
    for thing in things:
        yield thing
        progress.advance(task)


def paced(instants: Iterator[T], fps: int, live: bool) -> Iterator[T]:
    """Let time pass between instants, if somebody watches."""
    due = time.monotonic()
    for instant in instants:
        if live:
            time.sleep(max(due - time.monotonic(), 0))
            due = max(due, time.monotonic() - 1) + 1 / fps
        yield instant
