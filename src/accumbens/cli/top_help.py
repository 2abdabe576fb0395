"""What `accumbens --help` prints: every command in a line."""

GROUPS = {
    "train": {
        "train": "train an agent in an environment",
        "fit": "fit a network to a task by a learning rule",
        "resume": "continue a run, or make it longer",
        "experiment": "run all of an experiment: many runs, a table, a figure",
        "sweep": "search the settings of an agent, a fit or a team",
    },
    "look": {
        "runs": "list runs: how far each is, and its score",
        "watch": "make a video of an agent, or show it in the terminal",
        "report": "write one HTML page about runs",
        "analyze": "picture what the cells of an agent represent",
    },
    "check": {
        "evaluate": "let trained agents play, greedily and otherwise",
        "compare": "compare groups of runs by the field's statistics",
        "audit": "prove what every cell or layer learns from",
    },
    "share": {
        "export": "write a folder that accumbens.load opens anywhere",
        "record": "write episodes of a team as a data set",
    },
    "list": {
        "envs": "the environments",
        "algos": "the presets of agents",
        "tasks": "the tasks that networks are fitted to",
        "rules": "the learning rules",
        "experiments": "the experiments",
        "sweeps": "the sweeps",
        "settings": "all settings of a preset or a rule, and what they mean",
    },
}


def top_help() -> str:
    """Return the help of the program."""
    lines = ["usage: accumbens COMMAND ...", "", "Deep networks in which every layer learns from its own error signal."]
    for group, commands in GROUPS.items():
        lines += ["", group, *(f"  {name:<12} {summary}" for name, summary in commands.items())]
    lines += ["", "  -h, --help   this; after a command, its options", "  --version    the version"]
    return "\n".join([*lines, "", "To begin: accumbens train CartPole-v1"])
