"""Every setting of a rule, with its meaning beside it. Importing this needs neither JAX nor NumPy."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class RuleSettings:
    """What all rules share."""

    layers: tuple[int, ...] = (64, 64)
    """Units of every hidden layer."""
    optimiser: Literal["sgd", "rmsprop", "adam"] = "rmsprop"
    """Optimiser of the network; all of them update every parameter separately, so none mixes layers."""
    learning_rate: float = 2**-11
    """Learning rate α of the optimiser."""
    batch_size: int = 32
    """Examples per update; all of them if there are fewer."""


@dataclass(frozen=True, kw_only=True)
class ConventionalSettings(RuleSettings):
    """Of rules for conventional networks."""

    architecture: Literal["dense", "convolutional", "locally-connected"] = "dense"
    """How the layers are connected. Unless dense, all entries of `layers` but the last are numbers of channels, whose
    units see 3 × 3 pixels; maps are averaged over 2 × 2 squares before the next layer. Needs images."""
    units: Literal["relu", "on-off", "bernoulli"] = "relu"
    """Activation of a hidden unit with pre-activation z: `relu` passes z > 0; `on-off` passes z ≤ 0 in even units and
    z ≥ 0 in odd ones (Clark et al., 2021); `bernoulli` emits 1 with probability sigmoid(z), else 0."""
    initialisation: Literal["uniform", "normal", "on-off"] = "uniform"
    """Initial weights: `uniform` within ±1/√inputs, biases too (PyTorch's default); `normal` with variance 1/inputs in
    the first layer and 2/inputs above; `on-off` in pairs of units that are negatives of one another."""
    signs: Literal["mixed", "nonnegative"] = "mixed"
    """`nonnegative` keeps all weights but those of the first layer at or above 0, and leaves biases free; `mixed`
    leaves all free."""


@dataclass(frozen=True, kw_only=True)
class StraightThroughSettings(ConventionalSettings):
    """Of straight-through."""

    units: Literal["relu", "on-off", "bernoulli"] = "bernoulli"
    """Activation of a hidden unit; these rules are for `bernoulli`."""
    derivative: Literal["identity", "sigmoid"] = "identity"
    """What replaces the derivative of a unit: `identity` passes the gradient on as it is, as if the unit emitted its
    pre-activation; `sigmoid` multiplies it by the derivative of the unit's probability."""


@dataclass(frozen=True, kw_only=True)
class CoagentNetworkSettings(RuleSettings):
    """Of networks of reinforcement-learning units (Gupta et al., 2021), however these learn."""

    units: Literal["discrete", "gaussian"] = "discrete"
    """What a unit samples: one of a few numbers (`discrete`), or a normally distributed number (`gaussian`)."""
    partition: str = ""
    """A letter for every hidden layer: s is stochastic; d is deterministic (ReLU) and learns from the gradient of the
    next stochastic layer above it, with which it forms one coagent. Empty: all are stochastic."""
    num_actions: int = 2
    """Number of actions A that a discrete unit chooses from; 2 makes it a Bernoulli unit."""
    emission: Literal["unit", "symmetric"] = "unit"
    """Output of a discrete unit for its action a: a / (A - 1) (`unit`), or 2a / (A - 1) - 1 (`symmetric`)."""


@dataclass(frozen=True, kw_only=True)
class CoagentPolicySettings(CoagentNetworkSettings):
    """Of coagents that learn how likely each action should be."""

    sigma: float = 4.0
    """Standard deviation σ of a Gaussian unit, at the start if it changes."""
    sigma_schedule: Literal["fixed", "learned", "decayed"] = "fixed"
    """Whether σ is fixed, learned for every unit, or shrinks with every update."""
    sigma_parametrisation: Literal["sigmoid", "relu", "exp"] = "exp"
    """A learned σ as a function of its parameter ρ: twice the first σ times sigmoid(ρ), ReLU(ρ), or exp(ρ)."""
    sigma_decay: float = 0.99
    """Factor on a decayed σ at every update, down to 0.001."""


@dataclass(frozen=True, kw_only=True)
class CoagentSettings(CoagentPolicySettings):
    """Of coagents that learn by REINFORCE."""

    baseline: Literal["none", "global", "state-global", "state-layer"] = "global"
    """What is subtracted from the reward: nothing, its running average, a linear function of the network's input, or a
    linear function of each coagent's own input."""
    samples: int = 1
    """Number N of samples of the network per batch; the gradients are averaged over them."""
    stochastic_units: int | None = None
    """Units per hidden layer, chosen anew each epoch, that sample and learn while the others take their likeliest
    action; none for all."""
    stage_epochs: int | None = None
    """Epochs after which the first hidden layer stops learning and takes its likeliest actions; after twice as many the
    second, and so on; none for never."""


@dataclass(frozen=True, kw_only=True)
class CoagentActorCriticSettings(CoagentPolicySettings):
    """Of coagents with a critic each, which says what reward is to be expected of an action."""

    critic: Literal["on-policy", "off-policy", "off-policy-max"] = "off-policy"
    """Which action of the next coagent a critic learns the value of: the one taken, the likeliest (the released code),
    or the best of several (the paper's maximum)."""
    candidates: int = 8
    """Number of actions that off-policy-max samples, beside the one taken and the likeliest, to find the best."""
    critic_width: int | None = 1024
    """Hidden units of a critic; none for a linear one."""
    critic_rate: float = 2.0
    """Learning rate of the critics, as a multiple of α."""
    policy_weight: Literal["target", "advantage"] = "target"
    """Factor on ∇ ln π: the critic's target (the released code), or the advantage Q(o, a) - V(o) with a linear V (the
    paper)."""


@dataclass(frozen=True, kw_only=True)
class CoagentActionValueSettings(CoagentNetworkSettings):
    """Of coagents that learn what each action is worth, and take the best with probability 1 - ε, else any."""

    units: Literal["discrete"] = "discrete"
    """What a unit samples: one of a few numbers."""
    value_target: Literal["monte-carlo", "sarsa", "q"] = "monte-carlo"
    """Target of the value of the action taken: the reward; or the mean of the reward and the value that the next unit
    of the layer gives to its own action (`sarsa`) or to its best action (`q`)."""
    epsilon: float = 0.1
    """Probability ε of a random action, at the start if it decays."""
    epsilon_decay: float = 0.0
    """Amount by which ε shrinks at every update."""
    epsilon_end: float = 0.01
    """Lowest ε of the decay."""


@dataclass(frozen=True, kw_only=True)
class VectorisedSettings(RuleSettings):
    """Of vectorised networks (Clark et al., 2021)."""

    layers: tuple[int, ...] = (256, 128)
    """Units of every hidden layer, even numbers; 1024,512 in the paper's dense network for MNIST."""
    optimiser: Literal["sgd", "rmsprop", "adam"] = "adam"
    """Optimiser of the network; all of them update every parameter separately, so none mixes layers."""
    learning_rate: float = 3e-4
    """Learning rate α of the optimiser."""
    batch_size: int = 128
    """Examples per update; all of them if there are fewer."""
    architecture: Literal["dense", "convolutional", "locally-connected"] = "dense"
    """How the layers are connected. Unless dense, all entries of `layers` but the last are numbers of channels, whose
    units see 3 × 3 pixels; maps are averaged over 2 × 2 squares before the next layer. Needs images."""
    signs: Literal["mixed", "nonnegative"] = "nonnegative"
    """`nonnegative` keeps all weights but those of the first layer at or above 0, and leaves biases free; `mixed`
    leaves all free."""


@dataclass(frozen=True, kw_only=True)
class SequenceRuleSettings(RuleSettings):
    """Of rules for networks with one recurrent layer."""

    layers: tuple[int, ...] = (128,)
    """Units of the recurrent layer."""
    optimiser: Literal["sgd", "rmsprop", "adam"] = "adam"
    """Optimiser of the network; all of them update every parameter separately, so none mixes layers."""
    learning_rate: float = 1e-3
    """Learning rate α of the optimiser."""
    batch_size: int = 64
    """Examples per update; all of them if there are fewer."""


@dataclass(frozen=True, kw_only=True)
class RecurrentSettings(SequenceRuleSettings):
    """Of rules for recurrent networks of units of several kinds."""

    units: Literal["lstm", "gru", "simple", "diagonal"] = "lstm"
    """Units of the recurrent layer: long short-term memory, gated, `simple` ones h = tanh(W x + U h + b), or `diagonal`
    ones, linear and complex, that do not see one another (Orvieto et al., 2023)."""


@dataclass(frozen=True, kw_only=True)
class PenalisedSettings(SequenceRuleSettings):
    """Of backpropagation through time."""

    units: Literal["lstm", "gru", "simple", "diagonal"] | None = "lstm"
    """Units of the recurrent layer: long short-term memory, gated, `simple` ones h = tanh(W x + U h + b), or `diagonal`
    ones, linear and complex, that do not see one another (Orvieto et al., 2023). None on tasks that move a hand, whose
    network is their own, of rectified rate units."""
    max_gradient_norm: float | None = None
    """Largest norm of the gradient of all layers together, which is scaled down to it; none for no bound."""
    weight_penalty: float = 0.0
    """Factor on the norm of every array of parameters in the loss (Kaleb et al., 2024: 0.001)."""
    activity_penalty: float = 0.0
    """Factor on the mean square of the units' activity in the loss (Kaleb et al., 2024: 0.002)."""


@dataclass(frozen=True, kw_only=True)
class OnlineSettings(RecurrentSettings):
    """Of rules that go forward in time only and are exact."""

    units: Literal["lstm", "gru", "simple", "diagonal"] = "diagonal"
    """Units of the recurrent layer; only `diagonal` ones, which do not see one another."""


@dataclass(frozen=True, kw_only=True)
class TruncatedSettings(RecurrentSettings):
    """Of backpropagation through time that is cut."""

    truncation: int = 10
    """Steps of a block: no gradient goes from one block to an earlier one."""


@dataclass(frozen=True, kw_only=True)
class AttentiveSettings(TruncatedSettings):
    """Of sparse attentive backtracking (Ke et al., 2018)."""

    units: Literal["lstm"] = "lstm"
    """Units of the recurrent layer."""
    write_every: int = 2
    """k_att: steps from one memory that is written to the next."""
    attended: int = 10
    """k_top: memories with the largest scores, which alone are attended to."""
    score: Literal["additive", "mlp"] = "additive"
    """Score of a memory m in state h: w · tanh([h, m]) (`additive`, the released code: which memories score most does
    not depend on h), or w · tanh(W [h, m]) (`mlp`)."""
    sparsifier: Literal["threshold", "softmax"] = "threshold"
    """Weights of the memories attended to: scores above the k_top-th, normalised (`threshold`, the released code), or
    their softmax."""


@dataclass(frozen=True, kw_only=True)
class FeedbackLearningSettings(SequenceRuleSettings):
    """Of rules that adapt a network which moves a hand, step by step."""

    layers: tuple[int, ...] = (400,)
    """Units of the recurrent layer."""
    optimiser: Literal["sgd"] = "sgd"
    """The rule changes the weights at every step, by gradient descent."""
    learning_rate: float = 1e-4
    """Learning rate α, of every step."""
    batch_size: int = 1
    """Trials per update: one."""
    signal: Literal["feedback", "readout"] = "feedback"
    """How the error of the hand reaches the units: through the feedback weights W_fb, or through W_outᵀ."""
    presynaptic: bool = False
    """A trace counts the activity of the presynaptic unit alone, not the slope of the postsynaptic one."""
