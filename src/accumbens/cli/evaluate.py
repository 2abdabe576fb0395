"""`accumbens evaluate`: play with what runs have learned."""

from typing import Annotated, Any

import tyro

from accumbens.cli.arguments import Flag, RunPaths, parsed, require_runs


def _epsilons(words: list[str]) -> tuple[float, ...]:
    from accumbens.runs.settings import parse_value

    return tuple(parse_value("epsilon", float, part) for part in words[0].split(","))


EPSILONS: Any = tyro.constructors.PrimitiveConstructorSpec(
    nargs=1,
    metavar="ε,ε,…",
    instance_from_str=_epsilons,
    is_instance=lambda value: True,
    str_from_instance=lambda value: [",".join(f"{epsilon:g}" for epsilon in value)],
)


def evaluate(
    runs: RunPaths,
    /,
    *,
    num_episodes: Annotated[int, parsed("num_episodes", int, "N")] = 100,
    epsilon: Annotated[tuple[float, ...], EPSILONS] = (0.0, 0.05),
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Let trained agents play: with the full network, and with every prefix of cells.

    Initial states are the same for every run, seed and prefix. Every episode becomes a row of a CSV file in the run's
    folder episodes/; existing results are never overwritten. RUN may also be an exported agent, or hf://USER/REPO,
    beside which nothing is written.

    Args:
        runs: directories of runs.
        num_episodes: Episodes per seed, ε and prefix of cells.
        epsilon: Probabilities of a random action, such as 0,0.05; 0 plays greedily.
        json: Print the result as one line of JSON on standard output; everything else goes to standard error.
        quiet: Print only warnings, on standard error.
    """
    from accumbens.cli.evaluation_view import EvaluationView
    from accumbens.cli.terminal import print_json
    from accumbens.share.agents import is_export, open_agent
    from accumbens.training.episode_files import write_episodes
    from accumbens.training.evaluation import evaluate_run, evaluate_trained, require_evaluation
    from accumbens.training.job import evaluation_rows
    from accumbens.training.kind import AGENTS

    require_evaluation(num_episodes, epsilon)
    require_runs(runs)
    exports = {path: open_agent(path) for path in runs if is_export(path)}
    for path in runs:  # all of them, before minutes with the first
        if path not in exports:
            AGENTS.open(path)
    documents: list[dict[str, Any]] = []
    with EvaluationView(json, quiet) as view:
        for path in runs:
            view.begun(path, number=len(documents) // len(epsilon) + 1, of=len(runs))
            if path in exports:
                config, step = exports[path].config, exports[path].step
                evaluations = evaluate_trained(exports[path], num_episodes, epsilon)
            else:
                config, step, evaluations = evaluate_run(path, num_episodes, epsilon, view.message)
            files, seeds = [], config.seed_list()
            for each, evaluation in zip(epsilon, evaluations, strict=True):
                if path not in exports:  # which stay as they are
                    file, differs = write_episodes(AGENTS.open(path)[0], step, each, evaluation, seeds)
                    files.append(file)
                    if differs:
                        view.message(f"{file} is not what an earlier evaluation gave, whose file is kept beside it")
                documents.append(
                    {"env": config.env, "algo": config.algo, "step": step, "epsilon": each}
                    | {"evaluation": evaluation_rows(evaluation, seeds), "run": str(path)}
                    | {"file": str(files[-1]) if files else None}
                )
            view.ended(config, path, step, epsilon, evaluations, files)
    if json:
        # On top the first of all, which is what a reader of one evaluation looks for.
        print_json(documents[0] | {"evaluations": documents})
    return 0
