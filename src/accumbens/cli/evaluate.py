"""`accumbens evaluate`: play with what runs have learned."""

from typing import Annotated, Any

import tyro

from accumbens.cli.arguments import Flag, RunPaths, default, parsed, require_runs


def _numbers(key: str, metavar: str) -> Any:
    """An annotation: one word of numbers with commas between them."""

    def parse(words: list[str]) -> tuple[float, ...]:
        from accumbens.runs.settings import parse_value

        return tuple(parse_value(key, float, part) for part in words[0].split(","))

    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=parse,
        is_instance=lambda value: True,
        str_from_instance=lambda value: [str(value)],
    )


def evaluate(
    runs: RunPaths,
    /,
    *,
    num_episodes: Annotated[int, parsed("num_episodes", int, "N")] = 100,
    epsilon: Annotated[tuple[float, ...] | None, _numbers("epsilon", "ε,ε,…"), default("of agents 0,0.05")] = None,
    target_return: Annotated[
        tuple[float, ...] | None,
        _numbers("target_return", "R,R,…"),
        default("of teams the run's own, or a quantile of its data"),
    ] = None,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Let trained agents play: with the full network, and with every prefix of cells. Or a trained team.

    Initial states are the same for every run, seed and prefix. Every episode becomes a row of a CSV file in the run's
    folder episodes/; existing results are never overwritten. RUN may also be an exported agent, or hf://USER/REPO,
    beside which nothing is written.

    A team plays greedily, each agent by what it sees itself: no teacher has a say. Means are over agents, episodes and
    seeds, with the 95 % t-interval over seeds.

    Args:
        runs: directories of runs.
        num_episodes: Episodes per seed, ε and prefix of cells, or target.
        epsilon: Of agents: probabilities of a random action, such as 0,0.05; 0 plays greedily.
        target_return: Of teams that are told what to return: what is asked of each agent, such as -5,0. Each has a row
            of its own.
        json: Print the result as one line of JSON on standard output; everything else goes to standard error.
        quiet: Print only warnings, on standard error.
    """
    from accumbens.cli.evaluation_view import EvaluationView
    from accumbens.cli.terminal import print_json
    from accumbens.kinds import kind_at, kind_named
    from accumbens.runs.evaluating import Asked

    require_runs(runs)
    asked = Asked(num_episodes, {"--epsilon": epsilon, "--target-return": target_return})
    rooms = []
    for path in runs:  # all of them, before minutes with the first
        kind = kind_at(path)
        # What says nothing of it is taken for an agent's, and refused as it is none.
        rooms.append((kind if "evaluating" in kind.says else kind_named("agent")).evaluating)
        rooms[-1].check(path, asked)
    documents: list[dict[str, Any]] = []
    with EvaluationView(json, quiet) as view:
        for number, (path, room) in enumerate(zip(runs, rooms, strict=True), start=1):
            view.begun(path, number, of=len(runs))
            evaluated = room.evaluate(path, asked, view)
            documents += evaluated.documents
            view.ended(path, evaluated.files)
    if json:
        # On top the first of all, which is what a reader of one evaluation looks for.
        print_json(documents[0] | {"evaluations": documents})
    return 0
