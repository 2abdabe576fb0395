"""Every setting of a team that learns, with its meaning beside it. Importing this needs neither JAX nor NumPy."""

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, kw_only=True)
class PolicySettings:
    """Policies that learn the actions of data, each agent's or the whole team's."""

    # who sees what
    shared: bool = False
    """All agents have one network, which is told who they are."""
    centralised: bool = False
    """One network sees what all agents see and says what all of them do: a teacher, not a team that could be let go."""
    returns: bool = True
    """Policies are told the return that is still to come, as a decision transformer is."""
    target_return: float | None = None
    """The return of each agent that is asked for when they play; none takes it from the data, see ambition."""
    ambition: float = 0.5
    """How far from the median of the data's returns, 0, to the best of them, 1, the return lies that is asked for. The
    best misleads teams whose data hardly ever show it."""
    # network
    network: Literal["transformer", "mlp"] = "transformer"
    """A transformer reads the last steps; an mlp only the last one."""
    context: int = 10
    """Steps that are read, B."""
    width: int = 32
    """Length of a step's vector, or units of an mlp's layers."""
    blocks: int = 2
    """Blocks of a transformer, or layers of an mlp."""
    heads: int = 2
    """Heads of attention, a divisor of the width."""
    # credit
    credit: Literal["local", "backprop"] = "backprop"
    """Where the gradient stops: at every layer, or nowhere."""
    readouts: Literal["last", "every"] = "last"
    """Which layers say what to do, and have a loss of their own. Local credit needs every layer to."""
    # learning
    learning_rate: float = 1e-3
    """Step size of Adam."""
    batch_size: int = 64
    """Windows of `context` steps in an update, of all agents."""
    max_grad_norm: float = 1.0
    """The gradient of each layer of each agent is clipped to this norm."""
    held_out: float = 0.1
    """Share of the episodes that no network learns from: valid_loss and valid_accuracy are of these. On which scale
    returns are told, and which one is asked for, is of all episodes."""


@dataclass(frozen=True, kw_only=True)
class DistilledSettings(PolicySettings):
    """Students that learn the actions of data and from a teacher that saw the whole team.

    L = L_action + alpha L_relation + beta L_KL + feature L_feature.
    """

    alpha: float = 0.1
    """Weight of the relation of agents' features. Unpublished; ours."""
    beta: float = 1.0
    """Weight of the divergence from the teacher's actions. Unpublished; ours."""
    feature: float = 0.0
    """Weight of the squared distance of features, the conventional alternative to the relation."""
    mapping: Literal["separate", "shared", "none"] = "separate"
    """Nets that features go through before angles are taken: M for the teacher's and N for the students', M = N, or
    none."""
    mapping_period: int = 4
    """M is updated once every so many updates of N, e; 1 is without momentum."""
    mapping_width: int = 32
    """Units and outputs of the mapping nets."""
    relation_gradient: Literal["both", "own"] = "both"
    """Whose features an angle moves: those of both students, or of each loss only its own student's."""
    teacher_updates: int = 1000
    """Updates of the teacher before the students begin; with --from a teacher's run there are none."""


@dataclass(frozen=True, kw_only=True)
class ConservativeSettings:
    """Independent Q-learning from data, with a conservative term."""

    shared: bool = False
    """All agents have one network, which is told who they are."""
    layers: tuple[int, ...] = (64, 64)
    """Units of every layer."""
    conservative: float = 1.0
    """Weight of log Σ exp Q - Q(a), which lowers the values of actions that are not in the data."""
    discount: float = 0.99
    """Discount γ."""
    target_rate: float = 0.005
    """The target network moves by this part towards the other one with every update, τ."""
    learning_rate: float = 3e-4
    """Step size of Adam."""
    batch_size: int = 256
    """Transitions of each agent in an update."""
    max_grad_norm: float = 10.0
    """The gradient of each agent is clipped to this norm."""
    held_out: float = 0.0
    """Share of the episodes that nothing is learned from."""


@dataclass(frozen=True, kw_only=True)
class PlayingSettings:
    """Independent Q(λ) by playing, one network for all agents: it makes data to learn from."""

    layers: tuple[int, ...] = (64, 64)
    """Units of every layer."""
    num_envs: int = 64
    """Copies of the environment."""
    rollout_length: int = 32
    """Steps of every copy in an update."""
    epochs: int = 2
    """Passes over the steps of an update."""
    num_minibatches: int = 4
    """Parts that a pass is cut into."""
    discount: float = 0.99
    """Discount γ."""
    trace_decay: float = 0.65
    """λ of Q(λ)."""
    start_e: float = 1.0
    """Probability of a random legal action at the start."""
    end_e: float = 0.05
    """The same after `exploration_fraction` of the run."""
    exploration_fraction: float = 0.3
    """Part of the run in which exploration falls."""
    learning_rate: float = 5e-4
    """Step size of rectified Adam, which falls to 0 over the run."""
    max_grad_norm: float = 10.0
    """The gradient is clipped to this norm."""


TeamSettings: TypeAlias = PolicySettings | DistilledSettings | ConservativeSettings | PlayingSettings
