"""How a language agent is watched: an episode in words becomes a page, or is printed."""

from pathlib import Path
from typing import Any

from accumbens.cli.watch_view import Request, bar_of, counted
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.markup import write
from accumbens.runs.outputs import require_free
from accumbens.share.agents import is_export
from accumbens.share.load import load
from accumbens.training.text_agent import ActingLanguageAgent
from accumbens.training.text_play import play
from accumbens.watch.frames import plain
from accumbens.watch.words import WordsEpisode, episode_of
from accumbens.watch.words_page import words_page
from accumbens.watch.words_terminal import WordsScreen

FORMATS = (".html", ".htm")


def watch_words(request: Request, terminal: bool) -> dict[str, Any]:
    """Show an episode in words, as a page or in the terminal; see `Kind.watch`.

    Raises:
        AccumbensError: as for `write_words`; or frames per second are asked for.
    """
    if request.fps is not None:
        raise AccumbensError("--fps cannot be used: it is for videos, and this agent acts in words")
    return (show_words if terminal else write_words)(request)


def write_words(request: Request) -> dict[str, Any]:
    """Write an episode as a page of HTML.

    Returns:
        What `--json` prints.

    Raises:
        AccumbensError: something cannot be used: a number, the run, its seed or step, or the file.
    """
    request.check()
    if request.out is not None:  # before seconds with the run
        _require_page(request.out, request.force)
    agent = load(request.run, seed=request.seed, step=request.step)
    name = f"watch_{agent.step}_seed{agent.seed}_episode{request.episode_seed}.html"
    # An export stays as it is.
    out = (Path() if is_export(request.run) else request.run) / name if request.out is None else request.out
    _require_page(out, request.force)
    episode = _played(agent, request)
    write(words_page(episode), out)
    if not request.quiet:
        end = episode.ended or "not played to its end, which --max-steps N allows"
        console = request.console()
        console.print(f"return {plain(episode.episode_return)} in {len(episode.moves):,} steps ({end})")
        console.print(str(out), soft_wrap=True, markup=False)
    return _document(agent, request, episode) | {"page": str(out), "bytes": out.stat().st_size}


def show_words(request: Request) -> dict[str, Any]:
    """Print an episode.

    Returns:
        What `--json` prints.

    Raises:
        AccumbensError: something cannot be used: a number, the run, its seed or step, or a file is asked for too.
    """
    request.check()
    if request.out is not None:
        raise AccumbensError("--terminal writes no file: leave out either --terminal or -o")
    agent = load(request.run, seed=request.seed, step=request.step)
    episode = _played(agent, request)
    if not request.quiet:
        request.console().print(WordsScreen(episode))
    return _document(agent, request, episode)


def _require_page(path: Path, force: bool) -> None:
    if path.suffix.lower() not in FORMATS:
        raise UnknownNameError("format of a page", path.suffix or path.name, list(FORMATS))
    require_free(path, force)


def _played(agent: ActingLanguageAgent, request: Request) -> WordsEpisode:
    with bar_of(request) as progress:
        playing = progress.add_task("playing", total=request.max_steps)
        moves = play(agent, request.episode_seed, request.epsilon, request.max_steps)
        return episode_of(agent, list(counted(moves, progress, playing)), request.epsilon)


def _document(agent: ActingLanguageAgent, request: Request, episode: WordsEpisode) -> dict[str, Any]:
    return {
        "run": str(request.run),
        "env": agent.config.env,
        "algo": agent.config.algo,
        "rule": agent.language.settings.rule,
        "seed": agent.seed,
        "step": agent.step,
        "episode_seed": request.episode_seed,
        "epsilon": request.epsilon,
        "episode_length": len(episode.moves),
        "episode_return": episode.episode_return,
        "discounted_return": episode.discounted_return,
        "ended": episode.ended or None,
        "steps": [
            {
                "action": move.action,
                "admissible": move.admissible,
                "random": move.random,
                "probability": move.probability,
                "reward": move.reward,
                "tokens": list(move.tokens),
                **{name: part.tolist() for name, part in told._asdict().items()},
            }
            for move, told in zip(episode.moves, episode.told, strict=True)
        ],
    }
