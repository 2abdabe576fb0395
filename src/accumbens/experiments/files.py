"""Experiment files: what is compared with what, in TOML. Those of the papers lie beside this module.

    title = "One line: what is compared"
    environments = ["minatar/breakout"]             registered names
    agents = { ad_pqn = ["local", "backprop"] }     algorithm = its variants: a run for each, in every environment
    seeds = 3                                       independent seeds of each run (1)
    seed = 0                                        the first of them (0)
    total_timesteps = 1_000_000                     environment steps of each seed (the preset's)
    eval_frequency = 100_000                        as in `accumbens train` (a tenth of the run)
    num_eval_episodes = 10                          as in `accumbens train` (10)
    settings = { num_envs = 64 }                    settings that differ from the preset, in every run
    panels = "net_arch"                             optional: the setting that is the same within a panel of the figure

    [variants]                                      what a variant changes: settings of the agent
    local = { credit = "local" }
    backprop = { credit = "backprop" }
    adapted = { environments = ["a/b"], from = "a/c/ad_pqn/local" }     only there; begins from that run's network

    [budgets.desk]                                  at least one; any of the keys above the variants, which it replaces
    seeds = 1                                       (its `settings` are laid over the file's)

    [published]                                     optional: what the results stand beside
    tables = ["arq-minatar"]                        of `accumbens.training.published`
    rows = { AD = ["ad_pqn/local"] }                the paper's name of the agent = the runs it is comparable with

A file of fits has tasks and rules in place of environments and agents, and numbers of its own:

    tasks = ["mnist"]                               registered names
    rules = { coagent = ["1", "2"], backprop = ["1", "2"] }
    epochs = 50                                     passes through the training data (the task's)
    evaluations = 50                                as in `accumbens fit` (one per epoch, at most 200)
    panels = "layers"

    [variants]                                      settings of the rule or the task
    1 = { layers = [64], coagent = { sigma = 4.0 } }

    [published]
    source = "A paper (2021), table 1"
    test_error = { "mnist/coagent/1" = 1.87 }       in %, by task, rule and variant

Files of any other kind of run say what `runs.experimenting` makes of the kind's words, if it asks for nothing else.

`from`, of a variant or in `settings` of all, names a run that comes before it in the file, by its label, or, as
`experiment:label`, one of another experiment at the same budget; every seed begins from its own network, see `--from`.

A preset is changed by the file's settings, then the budget's, then the variant's; a table under the name of an agent or
a rule holds for it alone. TOML has no null, so "none" is written as text. Two runs of one file may not come to the same
thing: a variant that changes nothing is a mistake.
"""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.experiments.plan import Experiment
from accumbens.experiments.resolve import FILE_KEYS, check_keys, kind_of, resolve, run_keys
from accumbens.runs.names import require_folder_name


def committed() -> dict[str, Path]:
    """Return the experiment files that come with accumbens, by name."""
    folder = Path(str(resources.files("accumbens.experiments")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load(name: str, budget: str) -> Experiment:
    """Read an experiment and resolve its runs.

    Args:
        name: of a committed experiment, or the path of a file that ends in `.toml`.
        budget: one of the file's budgets.

    Raises:
        UnknownNameError: no such experiment or budget, or a file with an unknown key, variant, environment, algorithm,
            task, rule, setting or published name.
        AccumbensError: the file cannot be read, or holds what no run could use.
    """
    if name.endswith(".toml"):
        path = Path(name)
    elif name in committed():
        path = committed()[name]
    else:
        raise UnknownNameError("experiment", name, list(committed()), command="accumbens experiments")
    document = read(path)
    if budget not in document["budgets"]:
        raise UnknownNameError(f"budget of {path.stem}", budget, list(document["budgets"]))
    try:
        return resolve(path.stem, document, budget)
    except AccumbensError as error:
        raise AccumbensError(f"{path}: {error}") from error


def read(path: Path) -> dict[str, Any]:
    """Return what an experiment file holds, with every key and type checked, names not yet looked up.

    Raises:
        AccumbensError: the file is missing, is not TOML, or has an unknown, missing or ill-typed key.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AccumbensError(f"the experiment file {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise AccumbensError(f"{path} is not a TOML file: {error}") from None
    try:
        form = kind_of(document).experimenting
        check_keys("key", document, run_keys(form) | dict(FILE_KEYS))
        for key in ("title", "variants", "budgets"):
            if not document.get(key):
                raise AccumbensError(f"{key} is missing or empty")
        for name, budget in document["budgets"].items():
            check_keys(f"key of budget {name}", budget, run_keys(form))
        for name in document["variants"]:
            require_folder_name(f"variant {name!r}", name)
        check_keys("key of published", document.get("published", {}), form.published, prefix="published.")
    except AccumbensError as error:
        raise AccumbensError(f"{path}: {error}") from error
    return document
