"""`accumbens evaluate`: play with what a run has learned."""

from accumbens.cli.arguments import Count, RunPath


def evaluate(
    run: RunPath, /, *, num_episodes: Count = 100, epsilon: float = 0.0, json: bool = False, quiet: bool = False
) -> int:
    """Play episodes with the newest checkpoint of a run: the full network and every prefix of cells.

    Args:
        run: the run's directory.
        num_episodes: Episodes per seed and prefix of cells; all prefixes meet the same first states.
        epsilon: Probability of a random action; 0 plays greedily.
        json: Print one line of JSON on standard output, last.
        quiet: Print no table.
    """
    from rich.console import Console

    from accumbens.cli.terminal import TerminalReport, evaluation_table, print_json
    from accumbens.errors import AccumbensError
    from accumbens.training.train import evaluate_run, evaluation_rows

    if num_episodes < 1:
        raise AccumbensError(f"num_episodes={num_episodes} cannot be used: it must be >= 1")
    if not 0 <= epsilon <= 1:
        raise AccumbensError(f"epsilon={epsilon} cannot be used: it must be from 0 to 1")
    console = Console(stderr=json)
    config, step, evaluation = evaluate_run(run, num_episodes, epsilon, TerminalReport(console, quiet))
    if not quiet:
        how = "greedy" if epsilon == 0 else f"ε = {epsilon:g}"
        console.print(
            f"[bold]{config.env}[/]  {config.algo}  {config.settings.credit} credit  step {step:,}  {how}, "
            f"{num_episodes} episodes × {config.seeds} seed(s)",
            highlight=False,
        )
        console.print(evaluation_table(evaluation), highlight=False)
        console.print(f"[dim]picture of the training: {run}/curve.png[/]", highlight=False, soft_wrap=True)
    if json:
        rows = evaluation_rows(evaluation, config.seed_list())
        print_json({"env": config.env, "algo": config.algo, "step": step, "epsilon": epsilon, "evaluation": rows})
    return 0
