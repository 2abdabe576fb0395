"""The rules: their names, what they are in one line, their settings, and where their code is.

Listing them imports no JAX, for a quick command line.
"""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from accumbens.credit.settings import (
    AttentiveSettings,
    CoagentActionValueSettings,
    CoagentActorCriticSettings,
    CoagentSettings,
    ConventionalSettings,
    FeedbackLearningSettings,
    OnlineSettings,
    PenalisedSettings,
    RecurrentSettings,
    RuleSettings,
    StraightThroughSettings,
    TruncatedSettings,
    VectorisedSettings,
)
from accumbens.errors import AccumbensError, UnknownNameError, users_code
from accumbens.registration import Registered

if TYPE_CHECKING:
    from accumbens.credit.protocol import Rule, TaskFacts


TaskForm = Literal["single examples", "sequences", "a hand to move"]
"""What a task has, as far as rules are for one or the other."""


def form_of(facts: "TaskFacts") -> TaskForm:
    """Return what a task has."""
    if facts.controlled:
        return "a hand to move"
    return "single examples" if facts.steps is None else "sequences"


class RuleEntry(NamedTuple):
    """A rule by name.

    Attributes:
        summary: what every layer is told, in one line.
        settings: the default of every setting.
        home: `module:function` of `make(settings, facts) -> Rule`, or that function.
        tasks: what it is for.
    """

    summary: str
    settings: RuleSettings
    home: "str | Callable[[RuleSettings, TaskFacts], Rule]"
    tasks: tuple[TaskForm, ...] = ("single examples",)

    @property
    def sequences(self) -> bool:
        """Whether it is for examples that are sequences, those that move a hand included."""
        return "single examples" not in self.tasks

    def make(self, settings: RuleSettings, facts: "TaskFacts") -> "Rule":
        """Return the rule for a task.

        Raises:
            AccumbensError: the settings do not fit the task.
        """
        form = form_of(facts)
        if form not in self.tasks:
            fitting = ", ".join(name for name, entry in RULES.items() if form in entry.tasks)
            raise AccumbensError(
                f"the rule is for {' and '.join(self.tasks)}, and the task has {form}; rules for it: {fitting}"
            )
        if not isinstance(self.home, str):
            return self.home(settings, facts)
        module, _, function = self.home.partition(":")
        return getattr(importlib.import_module(f"accumbens.credit.rules.{module}"), function)(settings, facts)


RULES: dict[str, RuleEntry] = {
    "backprop": RuleEntry(
        "the exact gradient, sent backwards through the weights of the layers above",
        ConventionalSettings(),
        "backprop:make_backprop",
    ),
    "straight-through": RuleEntry(
        "backpropagation through stochastic binary units, as if they passed on their pre-activation",
        StraightThroughSettings(),
        "straight_through:make_straight_through",
    ),
    "straight-through-gated": RuleEntry(
        "the same, but only through units that were on (the code released with Gupta et al., 2021)",
        StraightThroughSettings(),
        "straight_through:make_straight_through_gated",
    ),
    "feedback-alignment": RuleEntry(
        "feedback of the error through fixed random weights, layer by layer",
        ConventionalSettings(),
        "feedback_alignment:make_feedback_alignment",
    ),
    "direct-feedback-alignment": RuleEntry(
        "feedback of the output's error straight to every layer, through fixed random weights",
        ConventionalSettings(),
        "feedback_alignment:make_direct_feedback_alignment",
    ),
    "coagent": RuleEntry(
        "one scalar, the reward minus a baseline: every unit is an agent that learns by REINFORCE",
        CoagentSettings(),
        "coagent:make_coagent",
    ),
    "coagent-actor-critic": RuleEntry(
        "one scalar, the value that a critic of the next layer's units gives to this layer's actions",
        CoagentActorCriticSettings(),
        "coagent_actor_critic:make_coagent_actor_critic",
    ),
    "coagent-action-value": RuleEntry(
        "one scalar, the reward: every unit learns the value of each of its actions",
        CoagentActionValueSettings(layers=(64,)),
        "coagent_action_value:make_coagent_action_value",
    ),
    "vectorised-backprop": RuleEntry(
        "the output's error vector times the exact gradient of the unit, in vectorised networks",
        VectorisedSettings(),
        "gevb:make_vectorised_backprop",
    ),
    "gevb": RuleEntry(
        "the output's error vector and nothing else, in vectorised networks (256-128 units; the paper: 1024-512)",
        VectorisedSettings(),
        "gevb:make_gevb",
    ),
    "backprop-through-time": RuleEntry(
        "sequences: the exact gradient, sent backwards through the weights to the first step",
        PenalisedSettings(),
        "through_time:make_backprop_through_time",
        tasks=("sequences", "a hand to move"),
    ),
    "truncated-backprop-through-time": RuleEntry(
        "sequences: the gradient, sent backwards over no more than a block of steps",
        TruncatedSettings(),
        "through_time:make_truncated_backprop_through_time",
        tasks=("sequences",),
    ),
    "sparse-attentive-backtracking": RuleEntry(
        "sequences: the gradient over a block of steps, and from there through few states that were attended to",
        AttentiveSettings(),
        "attentive_backtracking:make_sparse_attentive_backtracking",
        tasks=("sequences",),
    ),
    "rtrl": RuleEntry(
        "sequences: the error of the moment times a trace of the parameter's effect: exact, in diagonal units",
        OnlineSettings(),
        "online:make_rtrl",
        tasks=("sequences",),
    ),
    "rflo": RuleEntry(
        "reaching: the error of the hand through feedback weights, times a trace of the presynaptic activity",
        FeedbackLearningSettings(),
        "feedback_learning:make_rflo",
        tasks=("a hand to move",),
    ),
    "online-gradient": RuleEntry(
        "reaching: at every step the exact gradient of its error, sent back to the beginning of the trial",
        FeedbackLearningSettings(),
        "feedback_learning:make_online_gradient",
        tasks=("a hand to move",),
    ),
    "snap-1": RuleEntry(
        "sequences: as rtrl in any units, with traces that leave out what went by way of other units",
        RecurrentSettings(),
        "online:make_snap_1",
        tasks=("sequences",),
    ),
    "e-prop": RuleEntry(
        "sequences: as rtrl in any units, with traces that leave out all recurrent connections",
        RecurrentSettings(),
        "online:make_e_prop",
        tasks=("sequences",),
    ),
}

_registered: Registered[RuleEntry] = Registered("rule")


def register_rule(
    name: str,
    make: "Callable[..., Rule]",
    settings: RuleSettings | None = None,
    summary: str = "",
    sequences: bool = False,
) -> str:
    """Register a rule of your own: `accumbens fit TASK my_module:NAME` imports the module, and so does what opens it.

    Args:
        name: its id, such as `node-perturbation`; registered again, it means the later one.
        make: `make(settings, facts) -> Rule`.
        settings: the defaults, of a class of settings of ours or your own; None takes those of conventional networks.
        summary: what every layer is told, in one line.
        sequences: it is for examples that are sequences; otherwise for single ones.

    Returns:
        The name that configurations keep: `module:id`.

    Raises:
        AccumbensError: the name is one of ours, empty, or has a colon in it.
    """
    tasks: tuple[TaskForm, ...] = ("sequences", "a hand to move") if sequences else ("single examples",)
    return _registered.add(name, RuleEntry(summary, settings or ConventionalSettings(), make, tasks), list(RULES))


def all_rules() -> list[str]:
    """List the names of our rules, and of those that were registered."""
    return [*RULES, *_registered.names()]


def rule_entry(name: str) -> tuple[str, RuleEntry]:
    """Return the name that a configuration keeps, and the rule.

    Raises:
        UnknownNameError: there is no such rule.
        AccumbensError: the module in `module:id` cannot be imported.
    """
    if name in RULES:
        return name, RULES[name]
    full = _registered.resolve(name)
    entry = _registered.get(name)
    if full is None or entry is None:
        raise UnknownNameError("rule", name, all_rules(), command="accumbens rules")
    return full, entry


def make_rule(name: str, settings: RuleSettings, facts: "TaskFacts", task: str = "the task") -> "Rule":
    """Return the rule of that name for a task.

    Args:
        name: of the rule.
        settings: of the rule.
        facts: of the task.
        task: its name, for errors.

    Raises:
        UnknownNameError: there is no such rule.
        AccumbensError: the rule is not for the task, the settings do not fit it, or the user's own code that makes the
            rule raised.
    """
    full, entry = rule_entry(name)
    with users_code(f"rule {full!r} cannot be made", None if full in RULES else entry.home):
        try:
            return entry.make(settings, facts)
        except AccumbensError as error:
            raise AccumbensError(f"{full} on {task}: {error}") from error
