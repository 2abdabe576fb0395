"""How a team is watched: an episode becomes a video, or is shown in the terminal."""

import itertools
from collections.abc import Iterator
from contextlib import closing, nullcontext, suppress
from typing import Any

from rich.live import Live

from accumbens.cli.watch_view import Request, bar_of, counted, paced
from accumbens.errors import AccumbensError
from accumbens.teams.settings import PolicySettings
from accumbens.teams.trained import TrainedTeam, open_trained_team
from accumbens.watch.frames import plain
from accumbens.watch.team import TeamFilm, TeamStrip
from accumbens.watch.team_episode import TeamInstant, watched_team
from accumbens.watch.team_terminal import TeamScreen
from accumbens.watch.video import require_writable, write_video

FPS = 4


def watch_team(request: Request, terminal: bool) -> dict[str, Any]:
    """Show a team in a video or the terminal; see `Kind.watch`.

    Raises:
        AccumbensError: something cannot be used: a number, the run, its seed or step, the file, or an option that is
            for agents.
    """
    request.check()
    if request.epsilon:
        raise AccumbensError("--epsilon cannot be used: it is for agents, and this is a team, which plays greedily")
    return (show if terminal else write)(request)


def write(request: Request) -> dict[str, Any]:
    """Make a video.

    Returns:
        What `--json` prints.
    """
    if request.out is not None:  # before seconds with the run
        require_writable(request.out, request.force)
    with closing(open_trained_team(request.run, request.step)) as trained:
        seed = _seed(trained, request)
        name = f"watch_{trained.step}_seed{seed}_episode{request.episode_seed}.gif"
        out = request.run / name if request.out is None else request.out
        require_writable(out, request.force)
        fps = request.fps or FPS
        with bar_of(request) as progress:
            playing = progress.add_task("playing", total=trained.environment.facts.max_episode_steps)
            instants = list(counted(_played(trained, request, seed), progress, playing))
            strip = TeamStrip(_film(trained, seed, instants))
            drawing = progress.add_task("drawing", total=len(strip))
            write_video(strip, out, fps, counted(strip, progress, drawing))
        size = out.stat().st_size
        last = instants[-1]
        if not request.quiet:
            console = request.console()
            how = last.ended or "not played to its end, which --max-steps N allows"
            console.print(f"return {plain(float(last.returns.mean()))} of an agent in {last.time:,} steps ({how})")
            console.print(f"written: {len(strip):,} frames, {fps} per second, {size / 1e6:.2f} MB")
            console.print(str(out), soft_wrap=True, markup=False)
        document = _document(trained, request, seed, last)
        return document | {"video": str(out), "frames": len(strip), "fps": fps, "bytes": size}


def show(request: Request) -> dict[str, Any]:
    """Show an episode live; what is not a terminal gets its last instant only.

    Returns:
        What `--json` prints.

    Raises:
        AccumbensError: a file is asked for too.
    """
    if request.out is not None:
        raise AccumbensError("--terminal writes no file: leave out either --terminal or -o")
    with closing(open_trained_team(request.run, request.step)) as trained:
        seed = _seed(trained, request)
        console = request.console()
        live = console.is_terminal and not request.quiet
        played = _played(trained, request, seed)
        first = last = next(played)  # what is to be compiled is
        screen = TeamScreen(_film(trained, seed, [first]), colours=bool(console.color_system))
        instants = paced(itertools.chain([first], played), request.fps or FPS, live)
        display = Live(console=console, auto_refresh=False) if live else None
        with display or nullcontext(), suppress(KeyboardInterrupt):  # which is how one leaves
            for last in instants:
                if display:
                    display.update(screen.show(last), refresh=True)
        if not live and not request.quiet:
            console.print(screen.show(last))
        return _document(trained, request, seed, last)


def _seed(trained: TrainedTeam, request: Request) -> int:
    seed = trained.config.seed if request.seed is None else request.seed
    trained.network(seed)  # or there is no such seed
    return seed


def _played(trained: TrainedTeam, request: Request, seed: int) -> Iterator[TeamInstant]:
    return itertools.islice(watched_team(trained, seed, request.episode_seed), request.max_steps + 1)


def _film(trained: TrainedTeam, seed: int, instants: list[TeamInstant]) -> TeamFilm:
    config = trained.config
    learned = f"after {trained.step:,} updates" if trained.step else "before learning"
    asked = f"  ·  asked for {trained.target:.4g} each" if trained.is_told_returns else ""
    central = isinstance(config.settings, PolicySettings) and config.settings.centralised
    sees = "one network sees all" if central else "each sees its own"
    subtitle = f"seed {seed}  ·  {learned}  ·  greedy  ·  {sees}{asked}"
    return TeamFilm(f"{config.env}  ·  {config.algo}", subtitle, trained.environment.facts.agents, instants)


def _document(trained: TrainedTeam, request: Request, seed: int, last: TeamInstant) -> dict[str, Any]:
    named = {"run": str(request.run), "env": trained.config.env, "algo": trained.config.algo, "seed": seed}
    return named | {
        "step": trained.step,
        "episode_seed": request.episode_seed,
        "target_return": trained.target if trained.is_told_returns else None,
        "episode_length": last.time,
        "returns": last.returns.tolist(),
        "ended": last.ended or None,
    }
