"""`accumbens evaluate`: play with what a run has learned."""

from typing import Annotated

from accumbens.cli.arguments import Flag, RunPath, parsed


def evaluate(
    run: RunPath,
    /,
    *,
    num_episodes: Annotated[int, parsed("num_episodes", int, "N")] = 100,
    epsilon: Annotated[float, parsed("epsilon", float, "ε")] = 0.0,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Play episodes with the newest checkpoint of a run: the full network and every prefix of cells.

    Args:
        run: the run's directory.
        num_episodes: Episodes per seed and prefix of cells; all prefixes meet the same first states.
        epsilon: Probability of a random action; 0 plays greedily.
        json: Print one line of JSON on standard output, last; everything else goes to standard error.
        quiet: Print nothing but warnings, and those on standard error.
    """
    from accumbens.cli.terminal import TerminalReport, print_json
    from accumbens.training.session import evaluation_rows
    from accumbens.training.train import evaluate_run

    report = TerminalReport(json, quiet)
    config, step, evaluation = evaluate_run(run, num_episodes, epsilon, report.message)
    report.evaluation(config, run, step, epsilon, evaluation)
    if json:
        rows = evaluation_rows(evaluation, config.seed_list())
        print_json({"env": config.env, "algo": config.algo, "step": step, "epsilon": epsilon, "evaluation": rows})
    return 0
